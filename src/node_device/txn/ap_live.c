/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes an active matrix. */
#include "node_device/txn/ap_live.h"

#include "node_device/inventory/ap_host.h"
#include "node_device/txn/ap_txn_priv.h"
#include "util/ap_error.h"


/* The old matrix comes back, if that can be found out: the kernel may hold either. */
static gboolean
take_back(const ApRoot *root, ApKernel *kernel, const ApStep *step, const GError *cause,
          GError **error)
{
    g_autofree char *message = ap_error_message(cause);
    g_autoptr(GError) local = NULL;

    if (ap_step_mdev_undo(root, kernel, step, &local))
        g_set_error(error, AP_ERROR, cause->code, "%s; the old matrix stays", message);
    else
        g_set_error(error, AP_ERROR, cause->code,
                    "%s; and nobody can tell which matrix mdev %s holds now: %s\n"
                    "virt-ap show %s",
                    message, step->name, local->message, step->name);
    return FALSE;
}


gboolean
ap_live_set_matrix(const ApRoot *root, ApKernel *kernel, const char *uuid, const ApMatrix *matrix,
                   GError **error)
{
    ApStep step = { .kind = AP_STEP_MATRIX, .name = (char *)uuid, .whole = TRUE, .after = *matrix };
    g_autoptr(GError) local = NULL;
    gboolean has_ap_config;
    gboolean begun;

    if (!ap_host_read_matrix(root, uuid, &step.before, &has_ap_config, error))
        return FALSE;
    if (!has_ap_config) {
        g_autofree char *attr = g_strconcat(AP_HOST_MATRIX_DIR "/", uuid, "/ap_config", NULL);
        g_autofree char *path = ap_root_describe(root, attr);

        g_set_error(error, AP_ERROR, AP_ERROR_NOT_FOUND,
                    "cannot change mdev %s while it is active: there is no %s\n"
                    "that needs kernel 6.10 or later; else stop the mdev, change its definition, "
                    "start it",
                    uuid, path);
        return FALSE;
    }
    return ap_step_mdev_do(root, kernel, &step, &begun, &local) ||
           take_back(root, kernel, &step, local, error);
}
