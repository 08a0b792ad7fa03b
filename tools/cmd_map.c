/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap map: whose is each queue, at one look. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node_device/inventory/ap_problem.h"
#include "out.h"
#include "util/ap_print.h"
#include "util/ap_text.h"

/* Letters for matrices; more than that share the last sign. */
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TOO_MANY '+'
#define HOST '#'
#define FREE '.'
#define UNKNOWN '?'

/* Columns further apart are easier to read, but a terminal has 80. */
#define WIDE_COLUMNS_MAX 22

/* The map while it is drawn. */
typedef struct {
    ApInventory *inventory;
    ApHost *host;
    GPtrArray *mdevs;
    ApMask domains;
    gboolean definitions_hidden;
    gboolean colour;
    guint width; /* of a column */
} Map;


static char
get_letter(guint index)
{
    return index < strlen(LETTERS) ? LETTERS[index] : TOO_MANY;
}


static guint
index_of(const Map *map, const ApMdev *mdev)
{
    guint index = 0;

    g_ptr_array_find(map->mdevs, mdev, &index);
    return index;
}


/* The first definition that claims the queue, though nobody has it now. */
static const ApMdev *
find_definition(const Map *map, ApApqn apqn)
{
    for (guint i = 0; i < map->mdevs->len; i++) {
        const ApMdev *mdev = map->mdevs->pdata[i];
        const ApDefinition *definition = mdev->definition;

        if (definition && ap_mask_has(&definition->matrix.adapters, apqn.adapter) &&
            ap_mask_has(&definition->matrix.domains, apqn.domain))
            return mdev;
    }
    return NULL;
}


/* Whether the queue says that a matrix has it, of which only one that cannot be read is left. */
static gboolean
is_held_unseen(const Map *map, ApApqn apqn)
{
    ApQueueUse use;

    if (map->host->going->len == 0 && !map->host->mdevs_unread)
        return FALSE;
    use = ap_host_get_use(map->host, apqn);
    return use == AP_QUEUE_ASSIGNED || use == AP_QUEUE_IN_USE;
}


/* The sign of one queue; *@ret_index is its matrix, -1 if it has none. */
static char
get_sign(const Map *map, ApApqn apqn, int *ret_index)
{
    const ApMdev *mdev = ap_inventory_get_owner_of(map->inventory, apqn);

    *ret_index = -1;
    if (mdev) {
        *ret_index = index_of(map, mdev);
        return get_letter(*ret_index);
    }
    if (!ap_mask_has(&map->host->adapters, apqn.adapter) ||
        !ap_mask_has(&map->host->domains, apqn.domain))
        return ' ';
    if (!map->host->masks_known)
        return UNKNOWN;
    if (ap_host_owns(map->host, apqn))
        return HOST;
    if (is_held_unseen(map, apqn))
        return UNKNOWN;
    mdev = find_definition(map, apqn);
    if (!mdev)
        return map->definitions_hidden ? UNKNOWN : FREE;
    *ret_index = index_of(map, mdev);
    return g_ascii_tolower(get_letter(*ret_index));
}


static void
draw_sign(const Map *map, ApApqn apqn)
{
    int index;
    char sign = get_sign(map, apqn, &index);

    ap_print("%*s", (int)map->width - 1, "");
    if (map->colour && index >= 0)
        ap_print_coloured(index, sign);
    else
        ap_print("%c", sign);
}


static void
draw_row(const Map *map, guint adapter)
{
    g_autoptr(ApCard) card = ap_host_read_card(map->host, adapter);

    ap_print("  %02x   ", adapter);
    for (int d = ap_mask_next(&map->domains, 0); d >= 0; d = ap_mask_next(&map->domains, d + 1))
        draw_sign(map, (ApApqn){ adapter, d });
    if (card && card->type) {
        g_autofree char *type = ap_text_printable(card->type);

        ap_print("   %s", type);
    }
    if (card && card->mode)
        ap_print(" %s", card->mode);
    if (card && card->configured == 0)
        ap_print(" deconfigured");
    if (card && card->checkstopped == 1)
        ap_print(" checkstopped");
    ap_print("\n");
}


/* Domain ids: side by side if there is room, else their two digits one above the other. */
static void
draw_heading(const Map *map)
{
    guint rows = map->width > 2 ? 1 : 2;

    for (guint row = 0; row < rows; row++) {
        ap_print("%s", row == rows - 1 ? "adapter" : "       ");
        for (int d = ap_mask_next(&map->domains, 0); d >= 0;
             d = ap_mask_next(&map->domains, d + 1)) {
            if (rows == 1)
                ap_print(" %02x", d);
            else
                ap_print("%*x", (int)map->width, row == 0 ? d >> 4 : d & 15);
        }
        ap_print("\n");
    }
}


static void
draw_legend_line(const Map *map, guint i)
{
    const ApMdev *mdev = map->mdevs->pdata[i];
    const char *user = ap_inventory_get_foreign_user(map->inventory, mdev);
    char letter = get_letter(i);

    ap_print("  %c  mdev %s", mdev->active ? letter : g_ascii_tolower(letter), mdev->uuid);
    if (user)
        ap_print(", %s has it open, which libvirt does not know", user);
    else if (!ap_inventory_knows_guest_of(map->inventory, mdev))
        ap_print(" of an unknown guest, or none");
    else if (mdev->guest)
        ap_print(" of guest '%s' (%s)", mdev->guest->name, mdev->guest->state);
    if (!mdev->active)
        ap_print("%s", mdev->brought_by ? ", only in its metadata" : ", only defined");
    ap_print("\n");
}


static void
draw_map(const Map *map)
{
    const ApMask *adapters = &map->host->adapters;

    ap_print("%7s%s\n", "", map->width > 2 ? " domain" : "domain");
    draw_heading(map);
    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1))
        draw_row(map, a);
    ap_print("\n");
    for (guint i = 0; i < map->mdevs->len; i++)
        draw_legend_line(map, i);
    if (map->host->masks_known)
        ap_print("  %c  the host's own drivers\n  %c  free for guests\n", HOST, FREE);
    else
        ap_print("  %c  unknown: apmask and aqmask cannot be read\n", UNKNOWN);
    if (map->host->masks_known && (map->host->going->len > 0 || map->host->mdevs_unread))
        ap_print("  %c  in a matrix that cannot be read\n", UNKNOWN);
    if (map->host->masks_known && map->definitions_hidden)
        ap_print("  %c  free for guests, or in a definition that cannot be read\n", UNKNOWN);
}


static void
print_text(const Map *map, const ApRoot *root)
{
    draw_map(map);
    out_print_incomplete(root);
}


/* The same as an array of cells. */
static void
print_json(const Map *map, const ApRoot *root)
{
    g_autoptr(GPtrArray) queues = ap_host_list_queues(map->host);
    JsonObject *result = out_new();
    JsonObject *array = json_object_new_array();

    for (guint i = 0; i < queues->len; i++) {
        JsonObject *object = json_object_new_object();

        out_queue(object, map->inventory, queues->pdata[i]);
        json_object_array_add(array, object);
    }
    json_object_object_add(result, "queues", array);
    out_finish(result, root, map->inventory);
}


static int
run(const CmdContext *context, char **args, GError **error)
{
    g_autoptr(ApInventory) inventory = cmd_load_inventory(context, error);
    Map map = { .inventory = inventory };

    (void)args;
    if (!inventory || !cmd_require_bus(inventory, error))
        return CMD_FAILED;
    map.host = ap_inventory_get_host(inventory);
    map.mdevs = ap_inventory_get_mdevs(inventory);
    map.domains = map.host->domains;
    map.width = ap_mask_count(&map.domains) > WIDE_COLUMNS_MAX ? 1 : 3;
    map.definitions_hidden = ap_problem_is_hidden(ap_inventory_get_problems(inventory),
                                                  AP_PROBLEM_HIDES_DEFINED);
    map.colour = isatty(STDOUT_FILENO);
    if (context->json)
        print_json(&map, context->root);
    else
        print_text(&map, context->root);
    return out_end(0, error);
}


const Cmd cmd_map = {
    .name = "map",
    .args = "",
    .summary = "Draw whose each queue is",
    .description = "Draws adapters down and domains across, with a letter for each owner: a "
                   "capital for an active matrix, a small letter for one that is only defined.",
    .max_args = 0,
    .run = run,
};
