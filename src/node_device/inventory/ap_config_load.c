/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration in force. */
#include "node_device/inventory/ap_config_load.h"

#include "util/ap_error.h"


ApConfig *
ap_config_load(const ApRoot *root, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autofree char *text = NULL;
    g_autofree char *path = NULL;
    gsize length;

    text = ap_root_read(root, AP_CONFIG_PATH, AP_ROOT_SMALL_MAX, &length, &local);
    if (g_error_matches(local, AP_ERROR, AP_ERROR_NOT_FOUND))
        return ap_config_new();
    if (!text) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    path = ap_root_describe(root, AP_CONFIG_PATH);
    return ap_config_parse(text, length, path, error);
}
