/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verbs that change matrices: each takes the lock, reads what there is, judges, and is one
 * transaction. For virt-ap and virtapd. */
#pragma once

#include "node_device/ap_handover.h"
#include "node_device/conflict/ap_conflict.h"
#include "node_device/txn/ap_kernel.h"

typedef struct _ApDriver ApDriver;

/**
 * ApOutcome:
 * @uuid: (nullable): the mdev, in lower case
 * @done: whether it was done; if not, @findings say why it was refused
 * @findings: (element-type ApFinding): what the rules found
 */
typedef struct {
    char *uuid;
    gboolean done;
    GPtrArray *findings;
} ApOutcome;

/**
 * ap_outcome_clear:
 * @outcome: an outcome, all zero or filled
 *
 * Frees what it holds.
 */
void
ap_outcome_clear(ApOutcome *outcome);

/**
 * ap_driver_new:
 * @root: the root; must live as long as the driver
 * @kernel: its kernel; must live as long, too
 * @guests: loads the guests when they are needed
 * @data: for @guests
 *
 * Returns: a driver; the caller frees it with ap_driver_free().
 */
ApDriver *
ap_driver_new(const ApRoot *root, ApKernel *kernel, ApGuestsFunc guests, gpointer data);

/**
 * ap_driver_free:
 * @driver: (nullable): a driver
 */
void
ap_driver_free(ApDriver *driver);

/**
 * ap_driver_define:
 * @driver: a driver
 * @def: the definition; its uuid may be NULL, then one is made up
 * @ret_outcome: (out caller-allocates): what came of it; untouched on failure
 * @error: return location
 *
 * Writes the definition, a new one or instead of one that is there, whose autostart it keeps.
 *
 * Errors: AP_ERROR_LOCKED, AP_ERROR_CONFIG, AP_ERROR_REFUSED (an open journal, the kernel, or a
 *   definition that somebody else changed meanwhile), AP_ERROR_NOT_FOUND, AP_ERROR_NO_BUS,
 *   AP_ERROR_IO; of the other verbs as well. Nothing was changed then, or the message says
 *   otherwise.
 *
 * Returns: FALSE if it failed; TRUE if it was done, or refused by the rules.
 */
gboolean
ap_driver_define(ApDriver *driver, const ApMdevDef *def, ApOutcome *ret_outcome, GError **error);

/**
 * ap_driver_undefine:
 * @driver: a driver
 * @uuid: in lower case
 * @ret_outcome: (out caller-allocates): as above
 * @error: return location
 *
 * Removes the definition, whatever it says; an active mdev stays.
 *
 * Errors: as ap_driver_define(); AP_ERROR_NOT_FOUND if there is no definition.
 *
 * Returns: as ap_driver_define().
 */
gboolean
ap_driver_undefine(ApDriver *driver, const char *uuid, ApOutcome *ret_outcome, GError **error);

/**
 * ap_driver_set_autostart:
 * @driver: a driver
 * @uuid: in lower case
 * @autostart: whether the mdev is to start at boot
 * @ret_outcome: (out caller-allocates): as above
 * @error: return location
 *
 * Errors: as ap_driver_define(); AP_ERROR_NOT_FOUND if there is no definition, AP_ERROR_JSON if it
 *   cannot be read.
 *
 * Returns: as ap_driver_define().
 */
gboolean
ap_driver_set_autostart(ApDriver *driver, const char *uuid, gboolean autostart,
                        ApOutcome *ret_outcome, GError **error);

/**
 * ap_driver_start:
 * @driver: a driver
 * @uuid: (nullable): a defined mdev, in lower case; NULL: @def is started
 * @def: (nullable): a definition that need not be defined; its uuid may be NULL
 * @ret_outcome: (out caller-allocates): as above
 * @error: return location
 *
 * Errors: as ap_driver_define(); AP_ERROR_REFUSED if the mdev is active already, AP_ERROR_NOT_FOUND
 *   and AP_ERROR_JSON of the definition.
 *
 * Returns: as ap_driver_define().
 */
gboolean
ap_driver_start(ApDriver *driver, const char *uuid, const ApMdevDef *def, ApOutcome *ret_outcome,
                GError **error);

/**
 * ap_driver_stop:
 * @driver: a driver
 * @uuid: in lower case
 * @ret_outcome: (out caller-allocates): as above
 * @error: return location
 *
 * Errors: as ap_driver_define(); AP_ERROR_NOT_FOUND if the mdev is not active.
 *
 * Returns: as ap_driver_define().
 */
gboolean
ap_driver_stop(ApDriver *driver, const char *uuid, ApOutcome *ret_outcome, GError **error);

/**
 * ap_driver_update:
 * @driver: a driver
 * @uuid: in lower case
 * @def: what it is to be; its uuid is not looked at
 * @config: whether to change the definition; it keeps its autostart
 * @live: whether to change the active mdev
 * @ret_outcome: (out caller-allocates): as above
 * @error: return location
 *
 * Without @config and @live the active mdev is changed if it is active, else the definition.
 *
 * Errors: as ap_driver_define(); AP_ERROR_NOT_FOUND if what is to be changed is not there.
 *
 * Returns: as ap_driver_define().
 */
gboolean
ap_driver_update(ApDriver *driver, const char *uuid, const ApMdevDef *def, gboolean config,
                 gboolean live, ApOutcome *ret_outcome, GError **error);

/**
 * ap_driver_hand_over:
 * @driver: a driver
 * @request: queues that change hands between the host and its guests
 * @ret_handover: (out): what it came to; the caller frees it with ap_handover_free(); untouched on
 *   failure
 * @ret_outcome: (out caller-allocates): as above, without an mdev
 * @error: return location
 *
 * Errors: as ap_driver_define(), and those of ap_handover_plan().
 *
 * Returns: as ap_driver_define().
 */
gboolean
ap_driver_hand_over(ApDriver *driver, const ApHandoverRequest *request, ApHandover **ret_handover,
                    ApOutcome *ret_outcome, GError **error);

/**
 * ap_driver_apply_rule:
 * @driver: a driver
 * @ret_report: (out): what was found and done; the caller frees it
 * @error: return location
 *
 * For the boot: see ap_handover_add_intended().
 *
 * Errors: AP_ERROR_LOCKED, AP_ERROR_REFUSED (an open journal, or the kernel: an mdev has a queue
 *   that the rule leaves to the host), AP_ERROR_IO.
 *
 * Returns: whether it could be done, if there was something to do.
 */
gboolean
ap_driver_apply_rule(ApDriver *driver, char **ret_report, GError **error);

/**
 * ap_driver_recover:
 * @driver: a driver
 * @ret_report: (out): what was found and done; the caller frees it
 * @error: return location
 *
 * Ends a transaction that died: see ap_txn_recover(). Then removes what was made for guests that
 * have ended: see ap_leftovers_remove().
 *
 * Errors: AP_ERROR_LOCKED, AP_ERROR_REFUSED, AP_ERROR_IO.
 *
 * Returns: whether no transaction is open now.
 */
gboolean
ap_driver_recover(ApDriver *driver, char **ret_report, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApDriver, ap_driver_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ApOutcome, ap_outcome_clear)
