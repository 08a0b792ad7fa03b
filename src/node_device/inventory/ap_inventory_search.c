/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who has an APQN, and which mdevs share something: fast for tens of thousands. */
#include "node_device/inventory/ap_inventory_priv.h"


const ApMdev *
ap_inventory_get_owner_of(ApInventory *inventory, ApApqn apqn)
{
    ap_inventory_join(inventory);
    if (inventory->by_apqn)
        return inventory->by_apqn[apqn.adapter << 8 | apqn.domain];
    inventory->by_apqn = g_new0(const ApMdev *, 65536);
    for (guint i = 0; i < inventory->mdevs->len; i++) {
        const ApMdev *mdev = inventory->mdevs->pdata[i];
        const ApMask *adapters = &mdev->live.adapters;
        const ApMask *domains = &mdev->live.domains;

        for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1)) {
            for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1))
                inventory->by_apqn[a << 8 | d] = mdev;
        }
    }
    return inventory->by_apqn[apqn.adapter << 8 | apqn.domain];
}


static void
add_unread_definitions(ApInventory *inventory)
{
    g_autoptr(GPtrArray) problems = ap_problem_list_new();
    g_autoptr(GPtrArray) definitions = ap_defs_load(inventory->host->root, problems);

    for (guint i = 0; i < definitions->len; i++) {
        const ApMatrix *matrix = &((const ApDefinition *)definitions->pdata[i])->matrix;

        ap_apqn_set_add(inventory->used, &matrix->adapters, &matrix->domains);
    }
}


const ApApqnSet *
ap_inventory_get_used(ApInventory *inventory)
{
    if (inventory->used)
        return inventory->used;
    ap_inventory_complete(inventory);
    inventory->used = g_new0(ApApqnSet, 1);
    if (!inventory->definitions)
        add_unread_definitions(inventory);
    for (guint i = 0; i < inventory->mdevs->len; i++) {
        const ApMdev *mdev = inventory->mdevs->pdata[i];
        const ApMatrix *defined = mdev->definition ? &mdev->definition->matrix : NULL;

        ap_apqn_set_add(inventory->used, &mdev->live.adapters, &mdev->live.domains);
        if (defined)
            ap_apqn_set_add(inventory->used, &defined->adapters, &defined->domains);
    }
    return inventory->used;
}


static void
add_held(ApHeld *held, const ApMatrix *live)
{
    const ApMask *adapters = &live->adapters;

    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1)) {
        ApMask again = ap_mask_and(&held->once.domains[a], &live->domains);

        held->twice.domains[a] = ap_mask_or(&held->twice.domains[a], &again);
        held->once.domains[a] = ap_mask_or(&held->once.domains[a], &live->domains);
    }
}


const ApHeld *
ap_inventory_get_held(ApInventory *inventory)
{
    if (inventory->held)
        return inventory->held;
    inventory->held = g_new0(ApHeld, 1);
    for (guint i = 0; i < inventory->mdevs->len; i++)
        add_held(inventory->held, &((const ApMdev *)inventory->mdevs->pdata[i])->live);
    return inventory->held;
}


/* Whether the bounds are no more than what the mdev has. */
static gboolean
is_exact(const ApMdev *mdev)
{
    return !mdev->active || !mdev->definition ||
           ap_matrix_equal(&mdev->live, &mdev->definition->matrix);
}


static gboolean
overlaps_either(const ApMatrix *matrix, const ApMdev *mdev)
{
    return ap_matrix_overlaps(matrix, &mdev->live) ||
           (mdev->definition && ap_matrix_overlaps(matrix, &mdev->definition->matrix));
}


/* Their bounds share something; what they have may not. */
static gboolean
shares_really(const ApMdev *first, const ApMdev *second)
{
    if (is_exact(first) && is_exact(second))
        return TRUE;
    return overlaps_either(&first->live, second) ||
           (first->definition && overlaps_either(&first->definition->matrix, second));
}


void
ap_inventory_foreach_pair(ApInventory *inventory, ApPairFunc func, gpointer data)
{
    const Bounds *queues = inventory->queues;
    const Bounds *control = inventory->control;
    ApMdev **mdevs = (ApMdev **)inventory->mdevs->pdata;

    for (guint i = 0; i < inventory->mdevs->len; i++) {
        for (guint j = i + 1; j < inventory->mdevs->len; j++) {
            if (!ap_mask_intersects(&queues[i].adapters, &queues[j].adapters))
                continue;
            if (ap_mask_intersects(&queues[i].domains, &queues[j].domains) &&
                shares_really(mdevs[i], mdevs[j]))
                func(i, j, TRUE, data);
            else if (ap_mask_intersects(&queues[i].domains, &control[j].domains) ||
                     ap_mask_intersects(&control[i].domains, &queues[j].domains))
                func(i, j, FALSE, data);
        }
    }
}


static void
foreach_within(ApInventory *inventory, Bounds *const *bounds, const Bounds *wanted,
               const char *uuid, ApOverlapFunc func, gpointer data)
{
    if (ap_mask_is_empty(&wanted->adapters) || ap_mask_is_empty(&wanted->domains))
        return;
    ap_inventory_complete(inventory);
    for (guint i = 0; i < inventory->mdevs->len; i++) {
        const ApMdev *mdev;

        if (!ap_mask_intersects(&(*bounds)[i].adapters, &wanted->adapters) ||
            !ap_mask_intersects(&(*bounds)[i].domains, &wanted->domains))
            continue;
        mdev = inventory->mdevs->pdata[i];
        if (g_strcmp0(mdev->uuid, uuid) != 0)
            func(mdev, data);
    }
}


void
ap_inventory_foreach_overlap(ApInventory *inventory, const ApMask *adapters, const ApMask *domains,
                             const char *uuid, ApOverlapFunc func, gpointer data)
{
    Bounds wanted = { *adapters, *domains };

    foreach_within(inventory, &inventory->queues, &wanted, uuid, func, data);
}


void
ap_inventory_foreach_control(ApInventory *inventory, const ApMask *adapters, const ApMask *domains,
                             const char *uuid, ApOverlapFunc func, gpointer data)
{
    Bounds wanted = { *adapters, *domains };

    foreach_within(inventory, &inventory->control, &wanted, uuid, func, data);
}
