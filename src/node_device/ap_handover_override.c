/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Queues that change hands one by one, by their driver_override. */
#include <string.h>

#include "node_device/ap_handover_priv.h"
#include "util/ap_error.h"

#define GUEST_DRIVER "vfio_ap"


gboolean
ap_handover_has_override_attribute(const ApHandoverPlan *plan)
{
    guint position = 0;
    ApApqn apqn;

    while (ap_apqn_set_next(&plan->queues, &position, &apqn)) {
        g_autofree char *path =
            g_strdup_printf("/sys/devices/ap/card%02x/%02x.%04x/driver_override", apqn.adapter,
                            apqn.adapter, apqn.domain);

        /* What cannot be looked at is an error when it is read. */
        if (!ap_root_is_missing(plan->root, path))
            return TRUE;
    }
    return FALSE;
}


static char *
format_record_path(ApApqn apqn)
{
    g_autofree char *name = ap_apqn_to_string(apqn);

    return g_strconcat(AP_NEXT_BOOT_RECORDS "/" AP_NEXT_BOOT_RECORD_PREFIX, name, NULL);
}


/* Whether an override of that name is to change: one is to come and is not there, or it is to go
 * and is there. One of another name is somebody else's. */
static gboolean
is_to_change(const ApHandoverPlan *plan, ApApqn apqn, const char *where, const char *name,
             gboolean *ret_change, GError **error)
{
    gboolean reclaim = plan->handover->request.reclaim;

    if (name[0] != '\0' && strcmp(name, GUEST_DRIVER) != 0) {
        g_autofree char *queue = ap_apqn_describe(apqn);
        g_autofree char *printable = ap_text_printable(name);

        return ap_handover_set_refused(
            error,
            "%s gives queue %s to the driver '%s': that is somebody else's doing\n"
            "see who set it, and `driverctl -b ap list-overrides`",
            where, queue, printable);
    }
    *ret_change = reclaim == (name[0] != '\0');
    return TRUE;
}


static gboolean
plan_record(ApHandoverPlan *plan, ApHandoverOverride *override, GError **error)
{
    g_autofree char *path = format_record_path(override->apqn);
    g_autoptr(GError) local = NULL;
    gsize length = 0;
    g_autofree char *text = ap_root_read(plan->root, path, AP_ROOT_SMALL_MAX, &length, &local);
    g_autofree char *name = g_strstrip(g_strdup(text ? text : ""));

    if (!text && !g_error_matches(local, AP_ERROR, AP_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    if (!is_to_change(plan, override->apqn, path, name, &override->config, error))
        return FALSE;
    if (override->config && text)
        override->record = g_bytes_new_take(g_steal_pointer(&text), length);
    return TRUE;
}


static gboolean
plan_override(ApHandoverPlan *plan, ApApqn apqn, GError **error)
{
    const ApHandoverRequest *request = &plan->handover->request;
    ApHandoverOverride *override = g_new0(ApHandoverOverride, 1);
    g_autofree char *name = NULL;

    override->apqn = apqn;
    g_ptr_array_add(plan->handover->overrides, override);
    if (!ap_host_get_driver(plan->host, apqn)) {
        g_autofree char *queue = ap_apqn_describe(apqn);

        g_set_error(error, AP_ERROR, AP_ERROR_NOT_FOUND,
                    "queue %s is not there now, and this host gives queues to guests by their "
                    "driver_override\nsee `virt-ap list`",
                    queue);
        return FALSE;
    }
    name = request->live ? ap_host_load_override(plan->root, apqn, error) : NULL;
    if (request->live &&
        (!name || !is_to_change(plan, apqn, "its driver_override", name, &override->live, error)))
        return FALSE;
    if (request->config && !plan_record(plan, override, error))
        return FALSE;
    if (override->live)
        ap_mask_set(&plan->handover->now.domains[apqn.adapter], apqn.domain);
    if (override->live || override->config)
        ap_mask_set(&plan->handover->in_all.domains[apqn.adapter], apqn.domain);
    return TRUE;
}


gboolean
ap_handover_plan_overrides(ApHandoverPlan *plan, GError **error)
{
    ApHandover *handover = plan->handover;
    const ApHandoverRequest *request = &handover->request;
    guint position = 0;
    ApApqn apqn;

    handover->by_override = TRUE;
    handover->n_ways = 1;
    if (!request->reclaim && request->live && !plan->host->has_vfio_ap)
        return ap_handover_set_refused(
            error, "vfio_ap is not loaded: no driver would take the queue\n"
            "modprobe vfio_ap");
    if (!request->reclaim && request->config && plan->next->no_restorer)
        return ap_handover_set_refused(
            error,
            "%s, so none would be there after the next boot\n"
            "install driverctl, or give the queue for now: --live",
            plan->next->no_restorer);
    while (ap_apqn_set_next(&plan->queues, &position, &apqn)) {
        if (!plan_override(plan, apqn, error))
            return FALSE;
    }
    handover->asked = handover->in_all;
    return TRUE;
}


void
ap_handover_add_override_steps(const ApHandover *handover, ApTxn *txn)
{
    gboolean reclaim = handover->request.reclaim;
    g_autoptr(GBytes) record = g_bytes_new_static(GUEST_DRIVER "\n", strlen(GUEST_DRIVER "\n"));

    for (guint i = 0; i < handover->overrides->len; i++) {
        const ApHandoverOverride *override = handover->overrides->pdata[i];
        g_autofree char *path = format_record_path(override->apqn);

        if (override->config)
            ap_txn_add_file(txn, path, override->record, reclaim ? NULL : record);
    }
    for (guint i = 0; i < handover->overrides->len; i++) {
        const ApHandoverOverride *override = handover->overrides->pdata[i];

        if (override->live)
            ap_txn_add_override(txn, override->apqn, reclaim ? GUEST_DRIVER : "",
                                reclaim ? "" : GUEST_DRIVER);
    }
}
