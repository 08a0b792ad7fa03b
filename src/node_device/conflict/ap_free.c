/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which queues nobody has. */
#include "node_device/conflict/ap_free.h"

#include <string.h>


/* Whether a guest could use the queue if it got it. */
static gboolean
is_usable(ApHost *host, ApApqn apqn)
{
    if (host->has_vfio_ap && g_strcmp0(ap_host_get_driver(host, apqn), "vfio_ap") != 0)
        return FALSE;
    return !ap_host_owns(host, apqn) && !ap_host_why_unusable(host, apqn);
}


/* Whether a guest could use the queue if the host gave it away. */
static gboolean
is_usable_of_host(ApHost *host, ApApqn apqn)
{
    return ap_host_owns(host, apqn) && ap_host_get_driver(host, apqn) &&
           !ap_host_why_unusable(host, apqn);
}


/* What could be another's although nobody can see it. */
static void
remove_unseen(ApHost *host, guint adapter, ApMask *domains)
{
    ApMatrix matrix = { .domains = *domains };
    ApApqnSet unseen;

    ap_host_load_mdevs(host);
    if (!host->mdevs_unread && host->going->len == 0)
        return;
    ap_mask_set(&matrix.adapters, adapter);
    ap_host_get_unseen(host, &matrix, &unseen);
    *domains = ap_mask_minus(domains, &unseen.domains[adapter]);
}


/* Domains of @adapter that are in the LPAR, and of which nobody has or needs the queue. */
static ApMask
get_unclaimed(ApInventory *inventory, guint adapter)
{
    ApHost *host = ap_inventory_get_host(inventory);
    GPtrArray *needs = ap_inventory_get_needs(inventory);
    ApMask domains;
    const ApCard *card;

    if (!host->has_bus || !host->masks_known || !ap_mask_has(&host->adapters, adapter))
        return (ApMask){ 0 };
    card = ap_host_get_card(host, adapter);
    if (card && ap_card_is_too_old(card))
        return (ApMask){ 0 };
    domains = ap_mask_minus(&host->domains, &ap_inventory_get_used(inventory)->domains[adapter]);
    for (guint i = 0; i < needs->len; i++)
        domains = ap_mask_minus(&domains,
                                &((const ApNeed *)needs->pdata[i])->apqns.domains[adapter]);
    remove_unseen(host, adapter, &domains);
    return domains;
}


static ApMask
get_usable(ApInventory *inventory, guint adapter, gboolean (*is_wanted)(ApHost *, ApApqn))
{
    ApHost *host = ap_inventory_get_host(inventory);
    ApMask candidates = get_unclaimed(inventory, adapter);
    ApMask domains = candidates;

    for (int d = ap_mask_next(&candidates, 0); d >= 0; d = ap_mask_next(&candidates, d + 1)) {
        if (!is_wanted(host, (ApApqn){ adapter, d }))
            ap_mask_clear(&domains, d);
    }
    return domains;
}


ApMask
ap_free_get_domains(ApInventory *inventory, guint adapter)
{
    return get_usable(inventory, adapter, is_usable);
}


ApMask
ap_free_get_host_domains(ApInventory *inventory, guint adapter)
{
    return get_usable(inventory, adapter, is_usable_of_host);
}
