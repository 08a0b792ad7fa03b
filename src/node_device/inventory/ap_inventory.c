/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The three readers joined. */
#include "node_device/inventory/ap_inventory.h"

#include <string.h>

#include "node_device/inventory/ap_inventory_priv.h"
#include "node_device/inventory/ap_other_mdev.h"
#include "util/ap_error.h"


static void
move_problems(GPtrArray *from, GPtrArray *to)
{
    g_ptr_array_extend_and_steal(to, g_ptr_array_ref(from));
}


static ApMdev *
get_mdev(ApInventory *inventory, const char *uuid)
{
    ApMdev *mdev = g_hash_table_lookup(inventory->by_uuid, uuid);

    if (mdev)
        return mdev;
    mdev = g_new0(ApMdev, 1);
    mdev->uuid = uuid;
    g_ptr_array_add(inventory->mdevs, mdev);
    g_hash_table_insert(inventory->by_uuid, (gpointer)uuid, mdev);
    return mdev;
}


static int
compare_mdevs(gconstpointer a, gconstpointer b)
{
    const ApMdev *const *first = a;
    const ApMdev *const *second = b;

    return strcmp((*first)->uuid, (*second)->uuid);
}


static void
set_bounds(ApInventory *inventory, guint i)
{
    const ApMdev *mdev = inventory->mdevs->pdata[i];
    const ApMatrix *live = &mdev->live;
    const ApMatrix none = { 0 };
    const ApMatrix *defined = mdev->definition ? &mdev->definition->matrix : &none;
    ApMask adapters = ap_mask_or(&live->adapters, &defined->adapters);

    inventory->queues[i] = (Bounds){ adapters, ap_mask_or(&live->domains, &defined->domains) };
    inventory->control[i] =
        (Bounds){ adapters, ap_mask_or(&live->control_domains, &defined->control_domains) };
}


/* Puts the mdevs in order, once all are there. */
static void
settle(ApInventory *inventory)
{
    g_ptr_array_sort(inventory->mdevs, compare_mdevs);
    g_free(inventory->queues);
    g_free(inventory->control);
    inventory->queues = g_new(Bounds, inventory->mdevs->len);
    inventory->control = g_new(Bounds, inventory->mdevs->len);
    for (guint i = 0; i < inventory->mdevs->len; i++)
        set_bounds(inventory, i);
}


void
ap_inventory_join(ApInventory *inventory)
{
    ApHost *host = inventory->host;

    if (inventory->joined)
        return;
    inventory->joined = TRUE;
    ap_host_load_mdevs(host);
    move_problems(host->problems, inventory->problems);
    for (guint i = 0; i < host->mdevs->len; i++) {
        const ApActiveMdev *active = host->mdevs->pdata[i];
        ApMdev *mdev = get_mdev(inventory, active->uuid);

        mdev->active = TRUE;
        mdev->live = active->matrix;
    }
    for (guint i = 0; inventory->definitions && i < inventory->definitions->len; i++) {
        const ApDefinition *definition = inventory->definitions->pdata[i];

        get_mdev(inventory, definition->uuid)->definition = definition;
    }
    settle(inventory);
}


void
ap_inventory_complete(ApInventory *inventory)
{
    ap_inventory_join(inventory);
    if (!inventory->definitions || inventory->guests_loaded || inventory->brings_nothing)
        return;
    inventory->brings_nothing = !ap_guests_bring_matrices(inventory->host->root);
    if (inventory->brings_nothing || ap_inventory_get_guests(inventory))
        return;
    ap_problem_add_hidden(inventory->problems,
                          g_error_new(AP_ERROR, AP_ERROR_IO,
                                      "the guests cannot be read, and some bring a matrix with "
                                      "them"),
                          AP_PROBLEM_HIDES_HOLDER);
}


ApInventory *
ap_inventory_new(ApHost *host,
                 GPtrArray *definitions,
                 GPtrArray *problems,
                 ApConfig *config,
                 ApGuestsFunc guests,
                 gpointer data)
{
    ApInventory *inventory = g_new0(ApInventory, 1);

    inventory->host = host;
    inventory->definitions = definitions;
    inventory->problems = problems;
    inventory->config = config;
    inventory->guests_func = guests;
    inventory->guests_data = data;
    inventory->mdevs = g_ptr_array_new_with_free_func(g_free);
    inventory->by_uuid = g_hash_table_new(g_str_hash, g_str_equal);
    inventory->guests_of = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                                 (GDestroyNotify)g_ptr_array_unref);
    inventory->brought =
        g_ptr_array_new_with_free_func((GDestroyNotify)ap_definition_free);
    inventory->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    move_problems(host->problems, inventory->problems);
    if (host->mdevs)
        ap_inventory_join(inventory);
    return inventory;
}


void
ap_inventory_free(ApInventory *inventory)
{
    if (!inventory)
        return;
    g_hash_table_unref(inventory->by_uuid);
    g_ptr_array_unref(inventory->mdevs);
    g_clear_pointer(&inventory->guests, g_ptr_array_unref);
    g_clear_pointer(&inventory->definitions, g_ptr_array_unref);
    g_ptr_array_unref(inventory->brought);
    g_hash_table_unref(inventory->users);
    g_ptr_array_unref(inventory->problems);
    ap_next_boot_free(inventory->next_boot);
    ap_host_free(inventory->host);
    ap_config_unref(inventory->config);
    g_hash_table_unref(inventory->guests_of);
    g_clear_pointer(&inventory->last_guests, g_hash_table_unref);
    g_clear_pointer(&inventory->needs, g_ptr_array_unref);
    g_clear_pointer(&inventory->other_parents, g_hash_table_unref);
    g_free(inventory->queues);
    g_free(inventory->control);
    g_free(inventory->by_apqn);
    g_free(inventory->used);
    g_free(inventory->held);
    g_free(inventory);
}


ApHost *
ap_inventory_get_host(ApInventory *inventory)
{
    return inventory->host;
}


const ApConfig *
ap_inventory_get_config(ApInventory *inventory)
{
    return inventory->config;
}


gboolean
ap_inventory_has_matrices(ApInventory *inventory)
{
    return inventory->joined;
}


GPtrArray *
ap_inventory_get_mdevs(ApInventory *inventory)
{
    ap_inventory_complete(inventory);
    return inventory->mdevs;
}


/* A guest that has the mdev goes before one that only names it; guests are sorted by name. */
static void
set_guest(ApInventory *inventory, const ApGuest *guest)
{
    for (guint i = 0; i < guest->mdevs->len; i++) {
        const char *uuid = guest->mdevs->pdata[i];
        ApMdev *mdev = g_hash_table_lookup(inventory->by_uuid, uuid);
        GPtrArray *guests_of = g_hash_table_lookup(inventory->guests_of, uuid);

        if (!guests_of) {
            guests_of = g_ptr_array_new();
            g_hash_table_insert(inventory->guests_of, (gpointer)uuid, guests_of);
        }
        g_ptr_array_add(guests_of, (gpointer)guest);
        if (!mdev)
            continue;
        if (!mdev->guest ||
            (ap_guest_holds(guest, uuid) && !ap_guest_holds(mdev->guest, uuid)))
            mdev->guest = guest;
    }
}


/* A guest's own matrix is made with the uuid of its hostdev. A file of mdevctl's goes before it. */
static gboolean
add_brought(ApInventory *inventory, const ApGuest *guest)
{
    ApDefinition *definition;
    ApMdev *mdev;

    if (!guest->has_matrix || guest->mdevs->len == 0)
        return FALSE;
    mdev = get_mdev(inventory, guest->mdevs->pdata[0]);
    if (mdev->definition)
        return FALSE;
    definition = ap_definition_new(mdev->uuid, &guest->matrix, guest->autostart);
    g_ptr_array_add(inventory->brought, definition);
    mdev->definition = definition;
    mdev->brought_by = guest;
    return TRUE;
}


static void
add_all_brought(ApInventory *inventory)
{
    gboolean any = FALSE;

    for (guint i = 0; i < inventory->guests->len; i++)
        any |= add_brought(inventory, inventory->guests->pdata[i]);
    if (any)
        settle(inventory);
}


GPtrArray *
ap_inventory_get_guests(ApInventory *inventory)
{
    if (inventory->guests_loaded)
        return inventory->guests;
    inventory->guests_loaded = TRUE;
    ap_inventory_join(inventory);
    inventory->guests = inventory->guests_func(inventory->problems, inventory->guests_data);
    if (inventory->guests && inventory->definitions && !inventory->brings_nothing)
        add_all_brought(inventory);
    for (guint i = 0; inventory->guests && i < inventory->guests->len; i++)
        set_guest(inventory, inventory->guests->pdata[i]);
    return inventory->guests;
}


gboolean
ap_inventory_has_guests(ApInventory *inventory)
{
    return inventory->guests_loaded;
}


GPtrArray *
ap_inventory_get_guests_of(ApInventory *inventory, const char *uuid)
{
    ap_inventory_get_guests(inventory);
    return g_hash_table_lookup(inventory->guests_of, uuid);
}


gboolean
ap_inventory_knows_guest_of(ApInventory *inventory, const ApMdev *mdev)
{
    gboolean any = ap_inventory_get_guests(inventory) != NULL;

    if (mdev->guest && (!mdev->active || ap_guest_holds(mdev->guest, mdev->uuid)))
        return TRUE;
    if (mdev->active && !ap_host_knows_user(inventory->host, mdev->uuid))
        return FALSE;
    if (!any || ap_problem_is_hidden(inventory->problems, AP_PROBLEM_HIDES_HOLDER))
        return FALSE;
    return mdev->guest || !ap_problem_is_hidden(inventory->problems, AP_PROBLEM_HIDES_NAMER);
}


gboolean
ap_inventory_knows_definition(ApInventory *inventory, const char *uuid)
{
    for (guint i = 0; i < inventory->problems->len; i++) {
        const ApProblem *problem = inventory->problems->pdata[i];

        if (problem->is_live || problem->hides == AP_PROBLEM_HIDES_GOING)
            continue;
        if (problem->mdev ? strcmp(problem->mdev, uuid) == 0
                          : problem->hides == AP_PROBLEM_HIDES_DEFINED)
            return FALSE;
    }
    return TRUE;
}


const char *
ap_inventory_get_user(ApInventory *inventory, const char *uuid)
{
    char *user = g_hash_table_lookup(inventory->users, uuid);

    if (!user) {
        user = ap_host_find_user(inventory->host, uuid);
        if (!user)
            user = g_strdup("");
        g_hash_table_insert(inventory->users, g_strdup(uuid), user);
    }
    return user[0] != '\0' ? user : NULL;
}


const char *
ap_inventory_get_foreign_user(ApInventory *inventory, const ApMdev *mdev)
{
    if (!mdev->active || !ap_inventory_get_guests(inventory) ||
        ap_problem_is_hidden(inventory->problems, AP_PROBLEM_HIDES_HOLDER))
        return NULL;
    if (mdev->guest && ap_guest_holds(mdev->guest, mdev->uuid))
        return NULL;
    return ap_inventory_get_user(inventory, mdev->uuid);
}


GHashTable *
ap_inventory_get_last_guests(ApInventory *inventory)
{
    if (!inventory->last_guests)
        inventory->last_guests =
            ap_last_guests_load(inventory->host->root, inventory->problems);
    return inventory->last_guests;
}


ApNextBoot *
ap_inventory_get_next_boot(ApInventory *inventory)
{
    if (!inventory->next_boot)
        inventory->next_boot = ap_next_boot_load(inventory->host, inventory->problems);
    return inventory->next_boot;
}


gboolean
ap_inventory_may_start_guests(ApInventory *inventory)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names =
        ap_root_list(inventory->host->root, AP_GUESTS_AUTOSTART_DIR, &error);

    return names ? names->len > 0 : !g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND);
}


const ApGuest *
ap_inventory_find_boot_guest(ApInventory *inventory, const char *uuid, const ApGuest *except)
{
    GPtrArray *guests = uuid ? ap_inventory_get_guests_of(inventory, uuid) : NULL;

    for (guint i = 0; guests && i < guests->len; i++) {
        const ApGuest *guest = guests->pdata[i];

        if (guest->autostart && (!except || !ap_guest_is_same(guest, except)))
            return guest;
    }
    return NULL;
}


const char *
ap_inventory_find_other_parent(ApInventory *inventory, const char *uuid)
{
    if (!inventory->other_parents)
        inventory->other_parents = ap_other_mdev_load_parents(inventory->host->root);
    return g_hash_table_lookup(inventory->other_parents, uuid);
}


GPtrArray *
ap_inventory_get_needs(ApInventory *inventory)
{
    if (!inventory->needs)
        inventory->needs = ap_needs_load(inventory->host->root, inventory->problems);
    return inventory->needs;
}


GPtrArray *
ap_inventory_get_problems(ApInventory *inventory)
{
    return inventory->problems;
}


const ApMdev *
ap_inventory_find(ApInventory *inventory, const char *uuid)
{
    ap_inventory_complete(inventory);
    return g_hash_table_lookup(inventory->by_uuid, uuid);
}


const ApGuest *
ap_inventory_find_guest(ApInventory *inventory, const char *name)
{
    GPtrArray *guests = ap_inventory_get_guests(inventory);

    for (guint i = 0; guests && i < guests->len; i++) {
        const ApGuest *guest = guests->pdata[i];

        if (strcmp(guest->name, name) == 0 || g_strcmp0(guest->uuid, name) == 0)
            return guest;
    }
    return NULL;
}
