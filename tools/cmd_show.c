/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap show: one matrix, guest, card or queue. */
#include <stdio.h>
#include <string.h>

#include "node_device/inventory/ap_problem.h"
#include "out.h"
#include "util/ap_error.h"


static gboolean
show_mdev(JsonObject *object, ApInventory *inventory, const char *name)
{
    g_autofree char *uuid = cmd_parse_mdev(name);
    const ApMdev *mdev = uuid ? ap_inventory_find(inventory, uuid) : NULL;

    if (!mdev)
        return FALSE;
    out_matrix(object, inventory, mdev);
    out_definition(object, mdev);
    out_crycb(object, inventory, mdev);
    return TRUE;
}


/* "05.0047", or libvirt's ap_05_0047. */
static gboolean
show_queue(JsonObject *object, ApInventory *inventory, const char *name)
{
    g_autofree char *text =
        g_strdelimit(g_strdup(g_str_has_prefix(name, "ap_") ? name + 3 : name), "_", '.');
    g_autoptr(ApQueue) queue = NULL;
    ApApqn apqn;

    if (!ap_apqn_parse(text, &apqn))
        return FALSE;
    queue = ap_host_read_queue(ap_inventory_get_host(inventory), apqn);
    if (!queue)
        return FALSE;
    out_queue(object, inventory, queue);
    return TRUE;
}


/* "card05", libvirt's ap_card05, or an id: "5", "0x05". */
static gboolean
show_card(JsonObject *object, ApInventory *inventory, const char *name)
{
    const char *text = g_str_has_prefix(name, "ap_") ? name + 3 : name;
    ApHost *host = ap_inventory_get_host(inventory);
    g_autoptr(ApCard) card = NULL;
    guint adapter;

    if (!ap_card_parse(text, &adapter) && !ap_id_parse(text, &adapter, NULL))
        return FALSE;
    card = ap_host_read_card(host, adapter);
    if (!card)
        return FALSE;
    out_card(object, host, card);
    return TRUE;
}


static gboolean
show_guest(JsonObject *object, ApInventory *inventory, const char *name)
{
    const ApGuest *guest = ap_inventory_find_guest(inventory, name);

    if (!guest)
        return FALSE;
    out_guest(object, guest);
    return TRUE;
}


/* There may be an mdev of that name whose file cannot be read: then it is not known. */
static gboolean
check_readable(ApInventory *inventory, const char *name, GError **error)
{
    g_autofree char *uuid = cmd_parse_mdev(name);
    const ApProblem *problem =
        uuid ? ap_problem_find(ap_inventory_get_problems(inventory), uuid) : NULL;

    if (!problem)
        return TRUE;
    g_set_error(error, AP_ERROR, problem->denied ? AP_ERROR_DENIED : AP_ERROR_IO, "%s",
                problem->message);
    return FALSE;
}


static int
run(const CmdContext *context, char **args, GError **error)
{
    g_autoptr(ApInventory) inventory = cmd_load_inventory(context, error);
    g_autofree char *printable = ap_text_printable(args[0]);
    JsonObject *object;

    if (!inventory)
        return CMD_FAILED;
    object = out_new();
    if (!show_mdev(object, inventory, args[0]) && !show_guest(object, inventory, args[0]) &&
        !show_queue(object, inventory, args[0]) && !show_card(object, inventory, args[0])) {
        json_object_put(object);
        if (!check_readable(inventory, args[0], error))
            return CMD_FAILED;
        cmd_set_not_found(context->root, error,
                          "no mdev, guest, card or queue '%s'\nsee `virt-ap list`", printable);
        return CMD_FAILED;
    }
    if (context->json) {
        out_finish(object, context->root, inventory);
    } else {
        out_print_keys(object);
        json_object_put(object);
        out_print_incomplete(context->root);
    }
    return out_end(0, error);
}


const Cmd cmd_show = {
    .name = "show",
    .args = "NAME",
    .summary = "Show one matrix, guest, card or queue",
    .description = "NAME is the UUID or the node-device name of a matrix, the name or UUID of a "
                   "guest, a card (5, 0x05, card05) or an APQN (05.0047). Of an active matrix it "
                   "prints what it holds and, as definition, what it is defined for; also the "
                   "masks that KVM will put into the guest's CRYCB, predicted from the "
                   "definition, the LPAR's and the host's masks alone.",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
