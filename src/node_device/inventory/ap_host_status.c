/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the queues themselves say about who has them: vfio_ap's attribute `status`, from kernel 6.0
 * on. It is right however many matrices there are, and whether or not they can be read. */
#include <string.h>

#include "node_device/inventory/ap_host_priv.h"


ApQueueUse
ap_host_get_use(const ApHost *host, ApApqn apqn)
{
    static const char *const words[] = {
        [AP_QUEUE_UNASSIGNED] = "unassigned",
        [AP_QUEUE_ASSIGNED] = "assigned",
        [AP_QUEUE_IN_USE] = "in use",
    };
    g_autofree char *dir = ap_host_queue_dir(apqn);
    g_autofree char *path = g_strconcat(dir, "/status", NULL);
    g_autofree char *status = ap_root_read_line(host->root, path);

    for (guint i = 0; status && i < G_N_ELEMENTS(words); i++) {
        if (strcmp(status, words[i]) == 0)
            return i;
    }
    return status || ap_root_is_missing(host->root, path) ? AP_QUEUE_NOT_SAID
                                                          : AP_QUEUE_UNREADABLE;
}


gboolean
ap_host_is_unassigned(const ApHost *host, const ApMask *adapters, const ApMask *domains)
{
    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1)) {
        for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
            if (ap_host_get_use(host, (ApApqn){ a, d }) != AP_QUEUE_UNASSIGNED)
                return FALSE;
        }
    }
    return TRUE;
}


static gboolean
is_in_some_matrix(const ApHost *host, ApApqn apqn)
{
    for (guint i = 0; i < host->mdevs->len; i++) {
        const ApMatrix *matrix = &((const ApActiveMdev *)host->mdevs->pdata[i])->matrix;

        if (ap_mask_has(&matrix->adapters, apqn.adapter) &&
            ap_mask_has(&matrix->domains, apqn.domain))
            return TRUE;
    }
    return FALSE;
}


/* A queue that does not say could be in any matrix, unless the kernel keeps it for the host. */
static gboolean
can_be_unseen(ApHost *host, ApApqn apqn)
{
    ApQueueUse use = ap_host_get_use(host, apqn);

    return use != AP_QUEUE_UNASSIGNED &&
           !(use == AP_QUEUE_NOT_SAID && ap_host_owns(host, apqn)) &&
           !is_in_some_matrix(host, apqn);
}


void
ap_host_get_unseen(ApHost *host, const ApMatrix *matrix, ApApqnSet *ret_set)
{
    const ApMask *adapters = &matrix->adapters;
    const ApMask *domains = &matrix->domains;

    ap_host_load_mdevs(host);
    memset(ret_set, 0, sizeof(*ret_set));
    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1)) {
        for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
            if (can_be_unseen(host, (ApApqn){ a, d }))
                ap_mask_set(&ret_set->domains[a], d);
        }
    }
}


gboolean
ap_host_is_in_use(ApHost *host, const char *uuid)
{
    const ApActiveMdev *mdev = ap_host_find_mdev(host, uuid);
    g_autofree char *dir = ap_host_mdev_path(uuid, "");
    ApMask adapters = mdev ? mdev->matrix.adapters : ap_mask_range(0, AP_ID_MAX);
    ApMask domains = mdev ? mdev->matrix.domains : ap_mask_range(0, AP_ID_MAX);

    if (!mdev && ap_root_is_missing(host->root, dir))
        return FALSE;
    if (host->has_qci) {
        adapters = ap_mask_and(&adapters, &host->adapters);
        domains = ap_mask_and(&domains, &host->domains);
    }
    for (int a = ap_mask_next(&adapters, 0); a >= 0; a = ap_mask_next(&adapters, a + 1)) {
        for (int d = ap_mask_next(&domains, 0); d >= 0; d = ap_mask_next(&domains, d + 1)) {
            ApApqn apqn = { a, d };
            ApQueueUse use = ap_host_get_use(host, apqn);

            /* What cannot be read could be anything. */
            if ((use == AP_QUEUE_IN_USE || use == AP_QUEUE_UNREADABLE) &&
                (mdev || !is_in_some_matrix(host, apqn)))
                return TRUE;
        }
    }
    return FALSE;
}
