/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Claims: which guest takes which mdev, from before its QEMU runs until after it has ended, and
 * what was brought up for it. The hook writes them under the lock; the reader of guests takes those
 * for "starting" of which libvirt's status files say nothing yet. */
#pragma once

#include "util/ap_root.h"

#define AP_CLAIM_DIR "/run/libvirt-ap/claims"

/**
 * ApClaim:
 * @guest: the guest's name
 * @guest_uuid: its UUID in lower case
 * @mdev: UUID of the mdev in lower case
 * @daemon_pid: process id of the libvirt daemon that starts the guest
 * @daemon_start: when that process started, in the kernel's clock ticks: tells it from another with
 *   its id
 * @ended: whether the guest has ended; what was made for it is still to be removed
 * @running: whether the guest ran at some time
 * @brought_up: whether the mdev was made for this claim
 */
typedef struct {
    char *guest;
    char *guest_uuid;
    char *mdev;
    int daemon_pid;
    char *daemon_start;
    gboolean ended;
    gboolean running;
    gboolean brought_up;
} ApClaim;

/**
 * ap_claim_new:
 * @root: a root
 * @guest: the guest's name
 * @guest_uuid: its UUID in lower case
 * @mdev: UUID of the mdev in lower case
 * @daemon_pid: process id of libvirt's daemon; see ap_process_find_daemon()
 *
 * Returns: a claim that is nowhere written; the caller frees it with ap_claim_free().
 */
ApClaim *
ap_claim_new(const ApRoot *root, const char *guest, const char *guest_uuid, const char *mdev,
             int daemon_pid);

/**
 * ap_claims_find_guest:
 * @root: a root
 * @name: name of a guest
 *
 * For a guest of which nothing else is known.
 *
 * Returns: (nullable): the UUID of the guest of that name that has claims and has not ended; the
 * caller frees it. NULL also if there are two, or if a claim cannot be read.
 */
char *
ap_claims_find_guest(const ApRoot *root, const char *name);

/**
 * ap_claim_free:
 * @claim: (nullable): a claim
 */
void
ap_claim_free(ApClaim *claim);

/**
 * ap_claim_write:
 * @claim: a claim
 * @root: a root
 * @error: return location
 *
 * Writes the claim's file as a whole, or not at all. A claim of a daemon of which nobody knows when
 * it started would count for nothing, and is not written.
 *
 * Errors: AP_ERROR_IO.
 *
 * Returns: whether it is written.
 */
gboolean
ap_claim_write(const ApClaim *claim, const ApRoot *root, GError **error);

/**
 * ap_claim_remove:
 * @claim: a claim
 * @root: a root
 *
 * Removes the claim's file, if there is one.
 */
void
ap_claim_remove(const ApClaim *claim, const ApRoot *root);

/**
 * ap_claims_end:
 * @root: a root
 * @guest_uuid: UUID of a guest that has ended, in lower case
 * @error: return location
 *
 * Marks all claims of the guest as ended, also those that cannot be read. It needs no lock: what
 * the claims say stays as it is.
 *
 * Errors: AP_ERROR_IO.
 *
 * Returns: whether none is left that is not marked.
 */
gboolean
ap_claims_end(const ApRoot *root, const char *guest_uuid, GError **error);

/**
 * ap_claim_is_alive:
 * @claim: a claim
 * @root: a root
 *
 * Returns: whether the daemon that starts the guest is still there, or cannot be looked at; in a
 *   captured root, which has no processes, always.
 */
gboolean
ap_claim_is_alive(const ApClaim *claim, const ApRoot *root);

/**
 * ap_claims_load:
 * @root: a root
 * @problems: (element-type ApProblem): where to note what cannot be read
 *
 * Returns: (element-type ApClaim): all claims, sorted by file name; the caller unrefs it.
 */
GPtrArray *
ap_claims_load(const ApRoot *root, GPtrArray *problems);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApClaim, ap_claim_free)
