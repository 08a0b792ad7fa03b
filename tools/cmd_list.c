/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap list: cards, queues, matrices and guests. */
#include <stdio.h>
#include <string.h>

#include "node_device/inventory/ap_problem.h"
#include "out.h"
#include "util/ap_print.h"


static JsonObject *
list_limits(const ApHost *host)
{
    JsonObject *limits = json_object_new_object();
    g_autofree char *adapter = g_strdup_printf("0x%02x", (guint)host->max_adapter);
    g_autofree char *domain = g_strdup_printf("0x%04x", (guint)host->max_domain);

    json_object_object_add(limits, "max_adapter",
                           out_string(host->max_adapter < 0 ? NULL : adapter));
    json_object_object_add(limits, "max_domain",
                           out_string(host->max_domain < 0 ? NULL : domain));
    json_object_object_add(limits, "apxa",
                           host->apxa < 0 ? NULL : json_object_new_boolean(host->apxa));
    return limits;
}


static JsonObject *
list_mask(const ApMask *mask, gboolean known)
{
    char text[AP_MASK_STRING_SIZE];

    return known ? json_object_new_string(ap_mask_to_string(mask, text)) : NULL;
}


static JsonObject *
list_masks(const ApHost *host)
{
    JsonObject *masks = json_object_new_object();

    json_object_object_add(masks, "apmask", list_mask(&host->apmask, host->masks_known));
    json_object_object_add(masks, "aqmask", list_mask(&host->aqmask, host->masks_known));
    json_object_object_add(masks, "control", list_mask(&host->control_domains, host->has_qci));
    return masks;
}


static JsonObject *
list_cards(ApHost *host)
{
    g_autoptr(GPtrArray) cards = ap_host_list_cards(host);
    JsonObject *array = json_object_new_array();

    for (guint i = 0; i < cards->len; i++) {
        JsonObject *object = json_object_new_object();

        out_card(object, host, cards->pdata[i]);
        json_object_array_add(array, object);
    }
    return array;
}


static JsonObject *
list_queues(ApInventory *inventory)
{
    g_autoptr(GPtrArray) queues = ap_host_list_queues(ap_inventory_get_host(inventory));
    JsonObject *array = json_object_new_array();

    for (guint i = 0; i < queues->len; i++) {
        JsonObject *object = json_object_new_object();

        out_queue(object, inventory, queues->pdata[i]);
        json_object_array_add(array, object);
    }
    return array;
}


static JsonObject *
list_matrices(ApInventory *inventory)
{
    GPtrArray *mdevs = ap_inventory_get_mdevs(inventory);
    JsonObject *array = json_object_new_array();

    for (guint i = 0; i < mdevs->len; i++) {
        JsonObject *object = json_object_new_object();

        out_matrix(object, inventory, mdevs->pdata[i]);
        json_object_array_add(array, object);
    }
    return array;
}


static JsonObject *
list_guests(ApInventory *inventory)
{
    GPtrArray *guests = ap_inventory_get_guests(inventory);
    JsonObject *array = json_object_new_array();

    for (guint i = 0; i < guests->len; i++) {
        JsonObject *object = json_object_new_object();

        out_guest(object, guests->pdata[i]);
        json_object_array_add(array, object);
    }
    return array;
}


/* @hidden: whether there may be more than @list has. */
static void
print_section(JsonObject *list, const char *name, const char *const *keys, gboolean hidden)
{
    JsonObject *array = json_object_object_get(list, name);

    if (json_object_array_length(array) == 0) {
        ap_print(hidden ? "%s: unknown\n\n" : "no %s\n\n", name);
        return;
    }
    out_print_table(array, keys);
    ap_print("\n");
}


static void
print_text(JsonObject *list, ApInventory *inventory)
{
    GPtrArray *problems = ap_inventory_get_problems(inventory);
    gboolean hides_guests = ap_problem_is_hidden(problems, AP_PROBLEM_HIDES_HOLDER) ||
                            ap_problem_is_hidden(problems, AP_PROBLEM_HIDES_NAMER);
    gboolean hides_definitions = ap_problem_is_hidden(problems, AP_PROBLEM_HIDES_DEFINED);
    const char *const card_keys[] = { "adapter", "type",         "mode",   "online",
                                      "configured", "checkstopped", "serial", NULL };
    const char *const queue_keys[] = { "apqn", "driver", "status", "owner", "guest", "mdev", NULL };
    const char *const matrix_keys[] = { "uuid",     "active",  "defined",         "autostart",
                                        "adapters", "domains", "control_domains", "guest",
                                        "guest_state", NULL };
    const char *const guest_keys[] = { "name", "state", "autostart", "mdevs", NULL };

    print_section(list, "cards", card_keys, FALSE);
    print_section(list, "queues", queue_keys, FALSE);
    print_section(list, "matrices", matrix_keys, hides_definitions);
    print_section(list, "guests", guest_keys, hides_guests);
}


static int
compare_problems(gconstpointer a, gconstpointer b)
{
    const ApProblem *const *first = a;
    const ApProblem *const *second = b;

    return strcmp((*first)->message, (*second)->message);
}


/* What could not be read is said, so that nobody takes the rest for all; what this user may not
 * read is said at the end. */
static void
print_problems(ApInventory *inventory)
{
    GPtrArray *problems = ap_inventory_get_problems(inventory);

    g_ptr_array_sort(problems, compare_problems);
    for (guint i = 0; i < problems->len; i++) {
        const ApProblem *problem = problems->pdata[i];

        if (!problem->denied)
            ap_print_error("warning: %s\n", problem->message);
    }
}


static int
run(const CmdContext *context, char **args, GError **error)
{
    g_autoptr(ApInventory) inventory = cmd_load_inventory(context, error);
    JsonObject *list;
    ApHost *host;

    (void)args;
    if (!inventory || !cmd_require_bus(inventory, error))
        return CMD_FAILED;
    host = ap_inventory_get_host(inventory);
    list = out_new();
    json_object_object_add(list, "limits", list_limits(host));
    json_object_object_add(list, "masks", list_masks(host));
    json_object_object_add(list, "cards", list_cards(host));
    json_object_object_add(list, "queues", list_queues(inventory));
    json_object_object_add(list, "matrices", list_matrices(inventory));
    json_object_object_add(list, "guests", list_guests(inventory));
    print_problems(inventory);
    if (context->json) {
        out_finish(list, context->root, inventory);
    } else {
        print_text(list, inventory);
        json_object_put(list);
        out_print_incomplete(context->root);
    }
    return out_end(0, error);
}


const Cmd cmd_list = {
    .name = "list",
    .args = "",
    .summary = "List cards, queues, matrices and guests",
    .description = "Prints the crypto cards, the queues with their drivers and owners, the AP "
                   "matrices, active or defined, and the guests that name them.",
    .max_args = 0,
    .run = run,
};
