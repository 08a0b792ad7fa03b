/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transactions: changes of files and of the kernel, all of them or none. What is to be done is
 * written to a journal, with its undo, before the first step; so a process that dies at any
 * instruction leaves what ap_txn_recover() finishes or undoes. Who uses this holds the lock. */
#pragma once

#include "node_device/txn/ap_kernel.h"
#include "util/ap_matrix.h"

/* On disk, because a step that changes a file must survive a power cut too. */
#define AP_TXN_JOURNAL "/var/lib/libvirt-ap/journal"

typedef struct _ApTxn ApTxn;

/**
 * ap_txn_check_closed:
 * @root: the root
 * @error: return location
 *
 * Whoever is about to change something, or lets somebody else do so, asks this with the lock held.
 *
 * Errors: AP_ERROR_REFUSED if a transaction was begun and not ended; the message names
 *   `virt-ap recover`.
 *
 * Returns: whether no transaction is open.
 */
gboolean
ap_txn_check_closed(const ApRoot *root, GError **error);

/**
 * ap_txn_new:
 * @root: the root; must live as long as the transaction
 * @kernel: its kernel; must live as long, too
 * @verb: what is done, for messages
 *
 * Returns: a transaction without steps; the caller frees it with ap_txn_free().
 */
ApTxn *
ap_txn_new(const ApRoot *root, ApKernel *kernel, const char *verb);

/**
 * ap_txn_free:
 * @txn: (nullable): a transaction
 */
void
ap_txn_free(ApTxn *txn);

/**
 * ap_txn_add_file:
 * @txn: a transaction
 * @path: absolute, inside the root
 * @before: (nullable): what the file holds now; NULL: it is not there
 * @after: (nullable): what it is to hold; NULL: it is to go
 *
 * Adds a step. The file is replaced as a whole; if it is another than @before by then, the step
 * fails and the other one stays.
 */
void
ap_txn_add_file(ApTxn *txn, const char *path, GBytes *before, GBytes *after);

/**
 * ap_txn_add_create:
 * @txn: a transaction
 * @uuid: in lower case; not active
 *
 * Adds a step: an mdev with an empty matrix.
 */
void
ap_txn_add_create(ApTxn *txn, const char *uuid);

/**
 * ap_txn_add_matrix:
 * @txn: a transaction
 * @uuid: an mdev that is active by then
 * @before: what it holds then
 * @after: what it is to hold
 * @has_ap_config: whether the kernel has ap_config
 *
 * Adds one step; without ap_config one for each bit, what goes before what comes.
 */
void
ap_txn_add_matrix(ApTxn *txn, const char *uuid, const ApMatrix *before, const ApMatrix *after,
                  gboolean has_ap_config);

/**
 * ap_txn_add_remove:
 * @txn: a transaction
 * @uuid: an active mdev
 *
 * Adds a step: the mdev goes. It has no undo and must be the last.
 */
void
ap_txn_add_remove(ApTxn *txn, const char *uuid);

/**
 * ap_txn_add_masks:
 * @txn: a transaction
 * @apmask: adapters of the host's own drivers by then
 * @aqmask: their domains
 * @new_apmask: what @apmask is to be
 * @new_aqmask: what @aqmask is to be
 *
 * Adds up to four steps: what goes of either mask, then what comes. A step writes only the bits
 * that change. If the mask is another than expected by then, the step fails.
 */
void
ap_txn_add_masks(ApTxn *txn, const ApMask *apmask, const ApMask *aqmask, const ApMask *new_apmask,
                 const ApMask *new_aqmask);

/**
 * ap_txn_add_override:
 * @txn: a transaction
 * @apqn: a queue that is there
 * @before: its driver_override, "" if it has none
 * @after: what it is to be, "vfio_ap" or ""
 *
 * Adds a step: the queue gets the driver_override, and the driver that goes with it.
 */
void
ap_txn_add_override(ApTxn *txn, ApApqn apqn, const char *before, const char *after);

/**
 * ap_txn_run:
 * @txn: a transaction
 * @error: return location
 *
 * Does every step, or, when one fails, none. Only if the undo fails as well the journal stays; the
 * message says so and names `virt-ap recover`.
 *
 * Errors: AP_ERROR_REFUSED (an open journal, the kernel, or a file that somebody else changed
 *   meanwhile), AP_ERROR_NOT_FOUND (an mdev went away), AP_ERROR_NO_BUS, AP_ERROR_IO.
 *
 * Returns: whether all is done.
 */
gboolean
ap_txn_run(ApTxn *txn, GError **error);

/**
 * ap_txn_recover:
 * @root: the root
 * @kernel: its kernel
 * @ret_report: (out): what was found and done, one sentence or more; the caller frees it
 * @error: return location
 *
 * Ends the transaction that is open, if there is one: if all of its steps are done, it is complete,
 * else all are undone that still have the value that it gave them. Steps in the kernel of an
 * earlier boot are gone.
 *
 * Errors: AP_ERROR_REFUSED (the kernel refuses, somebody else still works on it, or the journal is
 *   damaged or of a newer version), AP_ERROR_IO. The journal then stays.
 *
 * Returns: whether no transaction is open now.
 */
gboolean
ap_txn_recover(const ApRoot *root, ApKernel *kernel, char **ret_report, GError **error);

/**
 * ap_txn_change_live:
 * @root: the root
 * @kernel: its kernel
 * @uuid: an active mdev, in lower case
 * @matrix: what it is to hold
 * @error: return location
 *
 * One step, which needs no journal: writes ap_config with one write(2), which the kernel takes as a
 * whole or not at all (ap_config_store(), vfio_ap_ops.c), and reads it back. If that fails the old
 * matrix comes back; the message says so, or that nobody can tell.
 *
 * Errors: AP_ERROR_REFUSED (the kernel's reason is in the message), AP_ERROR_NOT_FOUND (no such
 *   mdev, or a kernel before 6.10), AP_ERROR_IO.
 *
 * Returns: whether the mdev holds @matrix now.
 */
gboolean
ap_txn_change_live(const ApRoot *root, ApKernel *kernel, const char *uuid, const ApMatrix *matrix,
                   GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApTxn, ap_txn_free)
