/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every program of ours begins with. */
#include "node_device/ap_session.h"

#include <unistd.h>

#include "node_device/inventory/ap_config_load.h"
#include "util/ap_lock.h"

/* How long anything but waiting for the lock may take, in seconds. Removing an mdev may take
 * AP_KERNEL_REMOVE_TIMEOUT_MS. */
#define WATCHDOG_S 60

struct _ApSession {
    const ApRoot *root;
    ApGuestsFunc guests;
    gpointer data;
    ApConfig *config;
    gboolean watched;
    int owner; /* who has the lock, 0 if the session has not taken it */
};


ApSession *
ap_session_new(const ApRoot *root, ApGuestsFunc guests, gpointer data)
{
    ApSession *session = g_new0(ApSession, 1);

    session->root = root;
    session->guests = guests;
    session->data = data;
    session->config = ap_config_new();
    return session;
}


void
ap_session_free(ApSession *session)
{
    if (!session)
        return;
    ap_config_unref(session->config);
    g_free(session);
}


gboolean
ap_session_load_config(ApSession *session, GError **error)
{
    ApConfig *config = ap_config_load(session->root, error);

    ap_config_unref(session->config);
    session->config = config ? config : ap_config_new();
    return config != NULL;
}


const ApConfig *
ap_session_get_config(const ApSession *session)
{
    return session->config;
}


void
ap_session_watch(ApSession *session)
{
    session->watched = TRUE;
    alarm(WATCHDOG_S);
}


gboolean
ap_session_lock(ApSession *session, int owner, GError **error)
{
    g_autofree char *path = ap_root_join(session->root, AP_LOCK_PATH);
    guint timeout_s = session->config->lock_timeout_s;

    if (session->watched)
        alarm(WATCHDOG_S + timeout_s);
    if (!ap_lock_take(path, owner, timeout_s * 1000, error))
        return FALSE;
    session->owner = owner;
    return TRUE;
}


void
ap_session_unlock(ApSession *session)
{
    g_autofree char *path = ap_root_join(session->root, AP_LOCK_PATH);

    if (session->owner > 0)
        ap_lock_release(path, session->owner);
    session->owner = 0;
}


ApInventory *
ap_session_load_inventory(ApSession *session, ApSessionParts parts)
{
    GPtrArray *problems = ap_problem_list_new();
    GPtrArray *definitions =
        parts & AP_SESSION_DEFINITIONS ? ap_defs_load(session->root, problems) : NULL;
    ApHost *host = parts & AP_SESSION_MATRICES ? ap_host_load(session->root)
                                               : ap_host_load_without_mdevs(session->root);

    return ap_inventory_new(host, definitions, problems, ap_config_ref(session->config),
                            session->guests, session->data);
}
