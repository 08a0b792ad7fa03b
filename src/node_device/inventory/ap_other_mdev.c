/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of mdevs that are no matrices. */
#include "node_device/inventory/ap_other_mdev.h"

#include <string.h>

#include "conf/ap_mdev_def.h"
#include "util/ap_id.h"

#define MDEVCTL_DIR "/etc/mdevctl.d"
#define BUS_DIR     "/sys/bus/mdev/devices"

/* Where a matrix is, below /sys/devices. */
#define MATRIX_DIR "/vfio_ap/matrix/"


static void
add_parent(const ApRoot *root, const char *parent, GHashTable *parents)
{
    g_autofree char *path = g_strconcat(MDEVCTL_DIR "/", parent, NULL);
    g_autoptr(ApDir) dir = ap_dir_open(root, path, NULL);
    const char *name;

    while (dir && (name = ap_dir_next(dir, NULL))) {
        char *uuid = ap_uuid_from_name(name);

        if (uuid)
            g_hash_table_insert(parents, uuid, g_strdup(parent));
    }
}


GHashTable *
ap_other_mdev_load_parents(const ApRoot *root)
{
    GHashTable *parents = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GPtrArray) names = ap_root_list(root, MDEVCTL_DIR, NULL);

    for (guint i = 0; names && i < names->len; i++) {
        const char *name = names->pdata[i];

        if (strcmp(name, AP_MDEV_PARENT) != 0 && strcmp(name, "scripts.d") != 0)
            add_parent(root, name, parents);
    }
    return parents;
}


char *
ap_other_mdev_find(const ApRoot *root, const char *uuid)
{
    g_autofree char *path = g_strconcat(BUS_DIR "/", uuid, NULL);
    g_autofree char *target = ap_root_read_target(root, path);

    if (!target || strstr(target, MATRIX_DIR))
        return NULL;
    return g_steal_pointer(&path);
}
