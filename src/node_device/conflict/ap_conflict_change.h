/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Judges a change of something that is there already: it is refused only for what it adds, since a
 * host with old overlaps must stay repairable. For the callout and the driver. */
#pragma once

#include "node_device/conflict/ap_conflict.h"

/**
 * ap_change_check_definition:
 * @inventory: what there is, definitions included
 * @root: the same host
 * @uuid: whose definition is written, in lower case
 * @def: the new definition
 * @is_modify: whether it changes a definition that is there; else one there does not count
 *
 * Findings that the old definition has as well, and those about now if @def is what the mdev holds
 * already, are warnings at most. What is newly to start at boot is judged by what holds then, also
 * if it is active already.
 *
 * Returns: (element-type ApFinding): what is found in the phase define; the caller unrefs it.
 */
GPtrArray *
ap_change_check_definition(ApInventory *inventory, const ApRoot *root, const char *uuid,
                           const ApMdevDef *def, gboolean is_modify);

/**
 * ap_change_check_live:
 * @inventory: what there is
 * @uuid: an active mdev, in lower case
 * @def: what it is to hold
 *
 * Findings that the matrix has now as well are warnings at most.
 *
 * Returns: (element-type ApFinding): what is found in the phase live; the caller unrefs it.
 */
GPtrArray *
ap_change_check_live(ApInventory *inventory, const char *uuid, const ApMdevDef *def);

/**
 * ap_change_only_becomes_manual:
 * @root: the host
 * @uuid: in lower case
 * @def: a new definition
 *
 * Returns: whether @def differs from the definition that is there in nothing but that it does not
 *   start at boot, or in nothing at all.
 */
gboolean
ap_change_only_becomes_manual(const ApRoot *root, const char *uuid, const ApMdevDef *def);
