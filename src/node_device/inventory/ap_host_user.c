/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who has an mdev open, whether libvirt knows him or not: KubeVirt and Kata run QEMUs of their own,
 * and so may anybody. */
#include "node_device/inventory/ap_host_priv.h"
#include "util/ap_error.h"
#include "util/ap_text.h"

/* Below an mdev's directory, since 6.2: the device that is opened through iommufd. */
#define VFIO_DEV "vfio-dev"


/* The files below /dev by which the mdev is opened: that of its group, and vfio's own. */
static GPtrArray *
list_device_files(const ApHost *host, const char *uuid)
{
    g_autofree char *group_path = ap_host_mdev_path(uuid, "iommu_group");
    g_autofree char *group = ap_root_read_link(host->root, group_path);
    g_autofree char *dir = ap_host_mdev_path(uuid, VFIO_DEV);
    g_autoptr(GPtrArray) names = ap_root_list(host->root, dir, NULL);
    GPtrArray *files = g_ptr_array_new_with_free_func(g_free);

    if (group)
        g_ptr_array_add(files, g_strconcat("/dev/vfio/", group, NULL));
    for (guint i = 0; names && i < names->len; i++)
        g_ptr_array_add(files, g_strconcat("/dev/vfio/devices/", names->pdata[i], NULL));
    return files;
}


/* Whether the process is libvirt's daemon, which may have an mdev open for a moment while its guest
 * starts or ends; libvirt's own files tell which guest that is. */
static gboolean
is_libvirt(const ApHost *host, const char *pid)
{
    g_autofree char *path = g_strconcat("/proc/", pid, "/comm", NULL);
    g_autofree char *command = ap_root_read_line(host->root, path);

    return g_strcmp0(command, "libvirtd") == 0 || g_strcmp0(command, "virtqemud") == 0;
}


/* Notes which of vfio's files a process has open. */
static void
note_open_files(ApHost *host, const char *pid)
{
    g_autofree char *dir = g_strconcat("/proc/", pid, "/fd", NULL);
    g_autoptr(GPtrArray) fds = NULL;
    g_autoptr(GError) error = NULL;

    if (is_libvirt(host, pid))
        return;
    fds = ap_root_list(host->root, dir, &error);
    host->openers_hidden |= g_error_matches(error, AP_ERROR, AP_ERROR_DENIED);
    for (guint i = 0; fds && i < fds->len; i++) {
        g_autofree char *path = g_strconcat(dir, "/", fds->pdata[i], NULL);
        g_autofree char *target = ap_root_read_target(host->root, path);

        if (target && g_str_has_prefix(target, "/dev/vfio/"))
            g_hash_table_replace(host->openers, g_steal_pointer(&target), g_strdup(pid));
    }
}


/* Looks through the processes, once; only root sees what the others have open. */
static GHashTable *
get_openers(ApHost *host)
{
    g_autoptr(GPtrArray) pids = NULL;

    if (host->openers)
        return host->openers;
    host->openers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    pids = ap_root_list(host->root, "/proc", NULL);
    for (guint i = 0; pids && i < pids->len; i++) {
        const char *pid = pids->pdata[i];

        if (g_ascii_isdigit(pid[0]))
            note_open_files(host, pid);
    }
    return host->openers;
}


static char *
describe_process(const ApHost *host, const char *pid)
{
    g_autofree char *path = g_strconcat("/proc/", pid, "/comm", NULL);
    g_autofree char *command = ap_root_read_line(host->root, path);
    g_autofree char *printable = command ? ap_text_printable(command) : NULL;

    return printable ? g_strdup_printf("process %s (%s)", pid, printable)
                     : g_strdup_printf("process %s", pid);
}


static char *
find_process(ApHost *host, const char *uuid)
{
    g_autoptr(GPtrArray) files = list_device_files(host, uuid);

    for (guint i = 0; i < files->len; i++) {
        const char *pid = g_hash_table_lookup(get_openers(host), files->pdata[i]);

        if (pid)
            return describe_process(host, pid);
    }
    return NULL;
}


/* Whether a queue of the matrix says @first or @second of itself. */
static gboolean
has_queue_that_says(const ApHost *host, const ApMatrix *matrix, ApQueueUse first,
                    ApQueueUse second)
{
    ApMask adapters = ap_mask_and(&matrix->adapters, &host->adapters);
    ApMask domains = ap_mask_and(&matrix->domains, &host->domains);

    for (int a = ap_mask_next(&adapters, 0); a >= 0; a = ap_mask_next(&adapters, a + 1)) {
        for (int d = ap_mask_next(&domains, 0); d >= 0; d = ap_mask_next(&domains, d + 1)) {
            ApQueueUse use = ap_host_get_use(host, (ApApqn){ a, d });

            if (use == first || use == second)
                return TRUE;
        }
    }
    return FALSE;
}


char *
ap_host_find_user(ApHost *host, const char *uuid)
{
    const ApActiveMdev *mdev = ap_host_find_mdev(host, uuid);
    char *process = find_process(host, uuid);

    if (process)
        return process;
    return mdev && has_queue_that_says(host, &mdev->matrix, AP_QUEUE_IN_USE, AP_QUEUE_IN_USE)
             ? g_strdup("a process")
             : NULL;
}


gboolean
ap_host_knows_user(ApHost *host, const char *uuid)
{
    const ApActiveMdev *mdev = ap_host_find_mdev(host, uuid);

    get_openers(host);
    return !host->openers_hidden ||
           (mdev &&
            has_queue_that_says(host, &mdev->matrix, AP_QUEUE_ASSIGNED, AP_QUEUE_IN_USE));
}
