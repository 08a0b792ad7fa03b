/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Judges queues that change hands between the host and its guests: what the host needs, what a
 * guest holds, what a definition needs. For the verbs free and reclaim. */
#pragma once

#include "node_device/conflict/ap_conflict.h"
#include "util/ap_apqn_set.h"

/**
 * ap_conflict_check_free:
 * @inventory: what there is
 * @given: the queues of this LPAR that the host is to give away, now or after the next boot
 *
 * Returns: (element-type ApFinding): what is found, not settled; the caller unrefs it.
 */
GPtrArray *
ap_conflict_check_free(ApInventory *inventory, const ApApqnSet *given);

/**
 * ap_conflict_check_reclaim:
 * @inventory: what there is
 * @now: the queues that the host is to have now
 * @in_all: those, and what it is to have after the next boot
 *
 * No configuration forgives what is found of a matrix or a definition: a queue of an mdev is never
 * taken.
 *
 * Returns: (element-type ApFinding): what is found, not settled; the caller unrefs it.
 */
GPtrArray *
ap_conflict_check_reclaim(ApInventory *inventory, const ApApqnSet *now, const ApApqnSet *in_all);
