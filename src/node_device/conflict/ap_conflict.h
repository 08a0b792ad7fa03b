/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules: a candidate against the inventory. docs/codes.rst is their reference. */
#pragma once

#include "node_device/conflict/ap_finding.h"
#include "node_device/inventory/ap_inventory.h"

#define AP_PHASE_BIT(phase) (1u << (phase))

/**
 * ApCandidate:
 * @uuid: (nullable): its UUID, never its own opponent; NULL if it has none yet
 * @def: (nullable): its definition, whose attributes are replayed; NULL for a matrix as it is
 * @matrix: what is judged if @def is NULL
 * @active: whether the mdev is active and @matrix is what it holds
 * @guest: (nullable): the guest that is to start, in the phase guest
 */
typedef struct {
    const char *uuid;
    const ApMdevDef *def;
    ApMatrix matrix;
    gboolean active;
    const ApGuest *guest;
} ApCandidate;

/**
 * ap_candidate_of_mdev:
 * @mdev: an mdev that is active or defined
 * @phases: AP_PHASE_BIT() of each phase that is asked for, 0 for those that apply
 * @ret_natural: where to store the phases that apply
 *
 * An active mdev is judged as it is; its definition only where nothing but phases of a definition
 * are asked for.
 *
 * Returns: the candidate; its pointers are @mdev's.
 */
ApCandidate
ap_candidate_of_mdev(const ApMdev *mdev, guint phases, guint *ret_natural);

/**
 * ap_conflict_check:
 * @inventory: what there is
 * @candidate: what is asked for
 * @phases: AP_PHASE_BIT() of each phase to judge it in
 *
 * Returns: (element-type ApFinding): what is found, settled; the caller unrefs it.
 */
GPtrArray *
ap_conflict_check(ApInventory *inventory, const ApCandidate *candidate, guint phases);

/**
 * ap_conflict_check_guest:
 * @inventory: what there is
 * @guest: a guest; need not be one of @inventory's
 * @phases: AP_PHASE_BIT() of each phase, 0 for those that apply to its matrices and the guest
 *
 * Judges each matrix that the guest names, and what concerns the guest itself.
 *
 * Returns: (element-type ApFinding): what is found, settled; the caller unrefs it.
 */
GPtrArray *
ap_conflict_check_guest(ApInventory *inventory, const ApGuest *guest, guint phases);

/**
 * ap_conflict_audit:
 * @inventory: what there is
 *
 * Judges every matrix and every guest in the phases that apply to it. A pair is reported once,
 * with the smaller uuid as its mdev.
 *
 * Returns: (element-type ApFinding): what is found, settled; the caller unrefs it.
 */
GPtrArray *
ap_conflict_audit(ApInventory *inventory);

/**
 * ap_conflict_check_boot:
 * @inventory: what there is
 *
 * The part of an audit that asks what starts at boot and what holds then. For the doctor.
 *
 * Returns: (element-type ApFinding): lost-at-boot, and not-kept of guests that start at boot,
 *   settled; the caller unrefs it.
 */
GPtrArray *
ap_conflict_check_boot(ApInventory *inventory);

/**
 * ap_conflict_check_needs:
 * @inventory: what there is
 *
 * The part of an audit that asks what the host needs and does not have. For the doctor.
 *
 * Returns: (element-type ApFinding): host-needs, settled; the caller unrefs it.
 */
GPtrArray *
ap_conflict_check_needs(ApInventory *inventory);

/**
 * ap_conflict_check_undefine:
 * @inventory: what there is
 * @uuid: an mdev whose definition is to be removed
 *
 * Returns: (element-type ApFinding): not-kept of each guest that needs it after the next boot,
 *   never a reject; the caller unrefs it.
 */
GPtrArray *
ap_conflict_check_undefine(ApInventory *inventory, const char *uuid);
