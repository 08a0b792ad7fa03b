/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the callout, the hook, the verbs and virt-ap begin with: the configuration, the lock, a
 * watchdog, and what there is. */
#pragma once

#include "node_device/inventory/ap_inventory.h"

typedef struct _ApSession ApSession;

/**
 * ApSessionParts:
 * @AP_SESSION_MATRICES: the active matrices
 * @AP_SESSION_DEFINITIONS: the definitions
 * @AP_SESSION_ALL: everything
 *
 * What is read at once; cards, queues and masks always are. Guests are read when they are needed.
 */
typedef enum {
    AP_SESSION_MATRICES = 1 << 0,
    AP_SESSION_DEFINITIONS = 1 << 1,
    AP_SESSION_ALL = AP_SESSION_MATRICES | AP_SESSION_DEFINITIONS,
} ApSessionParts;

/**
 * ap_session_new:
 * @root: the root; must live as long as the session
 * @guests: loads the guests when they are needed
 * @data: for @guests
 *
 * Until ap_session_load_config() the default configuration is in force.
 *
 * Returns: a session; the caller frees it with ap_session_free().
 */
ApSession *
ap_session_new(const ApRoot *root, ApGuestsFunc guests, gpointer data);

/**
 * ap_session_free:
 * @session: (nullable): a session
 *
 * Does not give the lock back: mdevctl keeps what the callout has taken for it.
 */
void
ap_session_free(ApSession *session);

/**
 * ap_session_load_config:
 * @session: a session
 * @error: return location
 *
 * What may not fail because of a broken configuration goes on with the default one.
 *
 * Errors: AP_ERROR_CONFIG, AP_ERROR_IO.
 *
 * Returns: whether the host's configuration is in force now; else the default one is.
 */
gboolean
ap_session_load_config(ApSession *session, GError **error);

/**
 * ap_session_get_config:
 * @session: a session
 *
 * Returns: the configuration in force, borrowed.
 */
const ApConfig *
ap_session_get_config(const ApSession *session);

/**
 * ap_session_watch:
 * @session: a session
 *
 * From now on SIGALRM ends a process that hangs, which is a no: anything but waiting for the lock
 * may take 60 s.
 */
void
ap_session_watch(ApSession *session);

/**
 * ap_session_lock:
 * @session: a session that does not have the lock
 * @owner: process id to take it for
 * @error: return location
 *
 * Takes the lock of the session's root; waits for it as long as the configuration says.
 *
 * Errors: as ap_lock_take().
 *
 * Returns: whether @owner has the lock now.
 */
gboolean
ap_session_lock(ApSession *session, int owner, GError **error);

/**
 * ap_session_unlock:
 * @session: a session
 *
 * Gives the lock back, if the session has it.
 */
void
ap_session_unlock(ApSession *session);

/**
 * ap_session_load_inventory:
 * @session: a session; may end before the inventory
 * @parts: what to read of it
 *
 * Reads what there is now.
 *
 * Returns: the inventory; the caller frees it with ap_inventory_free().
 */
ApInventory *
ap_session_load_inventory(ApSession *session, ApSessionParts parts);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApSession, ap_session_free)
