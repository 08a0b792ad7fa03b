/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes an active matrix. */
#include "node_device/txn/ap_live.h"

#include <errno.h>
#include <string.h>

#include "node_device/inventory/ap_host.h"
#include "util/ap_error.h"


gboolean
ap_live_set_matrix(const ApRoot *root, ApKernel *kernel, const char *uuid, const ApMatrix *matrix,
                   GError **error)
{
    g_autofree char *attr = g_strconcat(AP_HOST_MATRIX_DIR "/", uuid, "/ap_config", NULL);
    g_autofree char *path = ap_root_describe(root, attr);
    g_autofree char *wanted = ap_matrix_to_ap_config(matrix);
    g_autofree char *got = NULL;
    g_autoptr(GError) local = NULL;
    int errnum = ap_kernel_write_ap_config(kernel, uuid, matrix, &local);

    if (errnum == ENOENT) {
        g_set_error(error, AP_ERROR, AP_ERROR_NOT_FOUND,
                    "cannot change mdev %s while it is active: there is no %s\n"
                    "that needs kernel 6.10 or later; else stop the mdev, change its definition, "
                    "start it",
                    uuid, path);
        return FALSE;
    }
    if (errnum != 0) {
        g_set_error(error, AP_ERROR, local->code, "%s; the old one stays", local->message);
        return FALSE;
    }
    got = ap_root_read(root, attr, AP_ROOT_ATTRIBUTE_MAX, NULL, error);
    if (!got)
        return FALSE;
    if (strcmp(got, wanted) != 0) {
        g_set_error(error, AP_ERROR, AP_ERROR_IO,
                    "mdev %s holds another matrix than was written: see %s", uuid, path);
        return FALSE;
    }
    return TRUE;
}
