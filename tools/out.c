/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The objects that virt-ap prints. */
#include "out.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "node_device/inventory/ap_problem.h"
#include "util/ap_crycb.h"
#include "util/ap_error.h"
#include "util/ap_print.h"

/* How many paths one sentence names. */
#define DENIED_MAX 8

#define JSON_FLAGS (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)


JsonObject *
out_new(void)
{
    JsonObject *object = json_object_new_object();

    json_object_object_add(object, "version", json_object_new_int(1));
    return object;
}


void
out_print(JsonObject *object)
{
    ap_print_json(json_object_to_json_string_ext(object, JSON_FLAGS));
    json_object_put(object);
}


int
out_end(int result, GError **error)
{
    /* What the buffer could not hold may have failed before. */
    if (fflush(stdout) == 0 && !ferror(stdout))
        return result;
    g_set_error(error, AP_ERROR, AP_ERROR_IO, "standard output did not take everything");
    return CMD_FAILED;
}


JsonObject *
out_string(const char *string)
{
    g_autofree char *utf8 = string ? g_utf8_make_valid(string, -1) : NULL;

    return utf8 ? json_object_new_string(utf8) : NULL;
}


static int
print_null(JsonObject *object, struct printbuf *buffer, int level, int flags)
{
    (void)object;
    (void)level;
    (void)flags;
    return printbuf_memappend(buffer, "null", strlen("null"));
}


JsonObject *
out_unknown(void)
{
    JsonObject *object = json_object_new_string("unknown");

    json_object_set_serializer(object, print_null, NULL, NULL);
    return object;
}


/* Whether a problem tells of @path already. */
static gboolean
is_told(const GPtrArray *problems, const char *path)
{
    for (guint i = 0; i < problems->len; i++) {
        const ApProblem *problem = problems->pdata[i];

        if (problem->denied && strstr(problem->message, path))
            return TRUE;
    }
    return FALSE;
}


static int
compare_strings(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}


void
out_finish(JsonObject *object, const ApRoot *root, ApInventory *inventory)
{
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    GPtrArray *problems = inventory ? ap_inventory_get_problems(inventory) : none;
    g_autoptr(GPtrArray) denied = ap_root_list_denied(root);
    g_autoptr(GPtrArray) sentences = g_ptr_array_new_with_free_func(g_free);
    JsonObject *array = json_object_new_array();

    for (guint i = 0; i < problems->len; i++) {
        const char *message = ((const ApProblem *)problems->pdata[i])->message;

        g_ptr_array_add(sentences, g_strndup(message, strcspn(message, "\n")));
    }
    for (guint i = 0; i < denied->len; i++) {
        if (!is_told(problems, denied->pdata[i]))
            g_ptr_array_add(sentences, g_strdup_printf("cannot read %s: %s",
                                                       (const char *)denied->pdata[i],
                                                       g_strerror(EACCES)));
    }
    g_ptr_array_sort(sentences, compare_strings);
    for (guint i = 0; i < sentences->len; i++)
        json_object_array_add(array, out_string(sentences->pdata[i]));
    json_object_object_add(object, "incomplete", array);
    out_print(object);
}


void
out_print_incomplete(const ApRoot *root)
{
    g_autoptr(GPtrArray) denied = ap_root_list_denied(root);
    GString *text = g_string_new(NULL);
    g_autofree char *list = NULL;

    for (guint i = 0; i < denied->len && i < DENIED_MAX; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", (const char *)denied->pdata[i]);
    if (denied->len > DENIED_MAX)
        g_string_append_printf(text, " and %u more", denied->len - DENIED_MAX);
    list = g_string_free(text, FALSE);
    if (denied->len > 0)
        ap_print_error("incomplete: this user cannot read %s: %s\n", list,
                       ap_problem_get_denied_hint());
}


/* 1, 0 and -1 as true, false and null. */
static JsonObject *
out_flag(int flag)
{
    return flag < 0 ? NULL : json_object_new_boolean(flag);
}


static JsonObject *
out_apqn(ApApqn apqn)
{
    g_autofree char *text = ap_apqn_to_string(apqn);

    return json_object_new_string(text);
}


JsonObject *
out_apqns(const ApApqnSet *set)
{
    JsonObject *array = json_object_new_array();
    guint position = 0;
    ApApqn apqn;

    while (ap_apqn_set_next(set, &position, &apqn))
        json_object_array_add(array, out_apqn(apqn));
    return array;
}


static JsonObject *
out_ids(const ApMask *mask, guint digits)
{
    JsonObject *array = json_object_new_array();

    for (int id = ap_mask_next(mask, 0); id >= 0; id = ap_mask_next(mask, id + 1)) {
        g_autofree char *text = g_strdup_printf("0x%0*x", (int)digits, id);

        json_object_array_add(array, json_object_new_string(text));
    }
    return array;
}


void
out_masks(JsonObject *object, const ApMatrix *matrix)
{
    json_object_object_add(object, "adapters", out_ids(&matrix->adapters, 2));
    json_object_object_add(object, "domains", out_ids(&matrix->domains, 4));
    json_object_object_add(object, "control_domains", out_ids(&matrix->control_domains, 4));
}


void
out_card(JsonObject *object, ApHost *host, const ApCard *card)
{
    g_autofree char *serial = ap_host_read_serial(host, card->adapter);
    g_autofree char *adapter = g_strdup_printf("0x%02x", card->adapter);

    json_object_object_add(object, "adapter", out_string(adapter));
    json_object_object_add(object, "type", out_string(card->type));
    json_object_object_add(object, "mode", out_string(card->mode));
    json_object_object_add(object, "online", out_flag(card->online));
    json_object_object_add(object, "configured", out_flag(card->configured));
    json_object_object_add(object, "checkstopped", out_flag(card->checkstopped));
    json_object_object_add(object, "serial", out_string(serial));
}


/* The guest that has the matrix, else one that names it; null if somebody else has it. */
static JsonObject *
name_guest(ApInventory *inventory, const ApMdev *mdev)
{
    if (ap_inventory_get_foreign_user(inventory, mdev))
        return NULL;
    if (!ap_inventory_knows_guest_of(inventory, mdev))
        return out_unknown();
    return out_string(mdev->guest ? mdev->guest->name : NULL);
}


/* The queue says that a matrix has it, and that can only be one that could not be read. */
static gboolean
is_held_unseen(const ApHost *host, const ApQueue *queue)
{
    return g_strcmp0(queue->driver, "vfio_ap") == 0 &&
           (g_strcmp0(queue->status, "assigned") == 0 || g_strcmp0(queue->status, "in use") == 0) &&
           (host->going->len > 0 || host->mdevs_unread);
}


void
out_queue(JsonObject *object, ApInventory *inventory, const ApQueue *queue)
{
    ApHost *host = ap_inventory_get_host(inventory);
    const ApMdev *owner = ap_inventory_get_owner_of(inventory, queue->apqn);
    gboolean unseen = !owner && is_held_unseen(host, queue);
    const char *word = owner || unseen                  ? "mdev"
                     : !host->masks_known               ? NULL
                     : ap_host_owns(host, queue->apqn) ? "host"
                                                        : "free";

    json_object_object_add(object, "apqn", out_apqn(queue->apqn));
    json_object_object_add(object, "driver", out_string(queue->driver));
    json_object_object_add(object, "status", out_string(queue->status));
    json_object_object_add(object, "owner", word ? out_string(word) : out_unknown());
    json_object_object_add(object, "mdev",
                           unseen ? out_unknown() : out_string(owner ? owner->uuid : NULL));
    json_object_object_add(object, "guest", unseen  ? out_unknown()
                                            : owner ? name_guest(inventory, owner)
                                                    : NULL);
}


/* What the guest has, or would have: the kernel's word if the mdev is active, else nothing. Of a
 * matrix that the kernel has no room to print it is computed, and that is said. */
static JsonObject *
out_guest_matrix(ApInventory *inventory, const ApMdev *mdev)
{
    ApHost *host = ap_inventory_get_host(inventory);
    const ApActiveMdev *active = ap_host_find_mdev(host, mdev->uuid);
    ApApqnSet set = { 0 };

    if (!active)
        return NULL;
    if (!active->listable) {
        ApMatrix guest = ap_host_predict_guest_matrix(host, &active->matrix);

        ap_apqn_set_add(&set, &guest.adapters, &guest.domains);
        ap_print_error("note: guest_matrix of mdev %s is computed: the kernel prints no more than "
                               "%d APQNs\n",
                       active->uuid, AP_HOST_LISTED_MAX);
        return out_apqns(&set);
    }
    if (ap_host_read_guest_matrix(host, active, &set, NULL) != AP_HOST_SAYS)
        return NULL;
    return out_apqns(&set);
}


/* Of somebody whom libvirt does not know there is no name, but his state says who he is. */
static void
out_user(JsonObject *object, ApInventory *inventory, const ApMdev *mdev)
{
    const char *user = ap_inventory_get_foreign_user(inventory, mdev);
    gboolean unknown = !user && !ap_inventory_knows_guest_of(inventory, mdev);
    g_autofree char *state = user ? g_strdup_printf("%s, not known to libvirt", user)
                           : unknown      ? g_strdup("unknown")
                           : mdev->guest ? g_strdup(mdev->guest->state)
                                          : NULL;

    json_object_object_add(object, "guest", name_guest(inventory, mdev));
    json_object_object_add(object, "guest_state", out_string(state));
}


static void
out_defined(JsonObject *object, ApInventory *inventory, const ApMdev *mdev)
{
    const ApDefinition *definition = mdev->definition;
    gboolean unknown = !definition && !ap_inventory_knows_definition(inventory, mdev->uuid);

    json_object_object_add(object, "defined",
                           unknown ? out_unknown()
                                   : json_object_new_boolean(definition && !mdev->brought_by));
    json_object_object_add(object, "autostart",
                           unknown ? out_unknown()
                                   : json_object_new_boolean(definition &&
                                                             definition->def->autostart));
}


void
out_matrix(JsonObject *object, ApInventory *inventory, const ApMdev *mdev)
{
    const ApMatrix none = { 0 };
    const ApDefinition *definition = mdev->definition;
    const ApMatrix *matrix = mdev->active ? &mdev->live
                           : definition    ? &definition->matrix
                                           : &none;

    json_object_object_add(object, "uuid", out_string(mdev->uuid));
    json_object_object_add(object, "active", json_object_new_boolean(mdev->active));
    out_defined(object, inventory, mdev);
    out_masks(object, matrix);
    json_object_object_add(object, "guest_matrix", out_guest_matrix(inventory, mdev));
    out_user(object, inventory, mdev);
}


void
out_definition(JsonObject *object, const ApMdev *mdev)
{
    const ApDefinition *definition = mdev->definition;
    JsonObject *defined;

    if (!definition || !definition->valid) {
        json_object_object_add(object, "definition", NULL);
        return;
    }
    defined = json_object_new_object();
    out_masks(defined, &definition->matrix);
    json_object_object_add(object, "definition", defined);
}


static void
add_digits(JsonObject *object, const char *key, ApCrycbFormat format, const ApMask *mask,
           gboolean is_apm)
{
    g_autofree char *digits = ap_crycb_digits(format, mask, is_apm);

    json_object_object_add(object, key, out_string(digits));
}


void
out_crycb(JsonObject *object, ApInventory *inventory, const ApMdev *mdev)
{
    ApHost *host = ap_inventory_get_host(inventory);
    const ApMatrix *matrix = mdev->definition ? &mdev->definition->matrix : &mdev->live;
    ApMatrix guest = ap_host_predict_guest_matrix(host, matrix);
    ApCrycbFormat format = ap_crycb_format(host->msax3, host->apxa != 0);
    JsonObject *crycb = json_object_new_object();

    json_object_object_add(crycb, "format", json_object_new_int(format));
    add_digits(crycb, "apm", format, &guest.adapters, TRUE);
    add_digits(crycb, "aqm", format, &guest.domains, FALSE);
    add_digits(crycb, "adm", format, &guest.control_domains, FALSE);
    json_object_object_add(object, "crycb", crycb);
}


void
out_guest(JsonObject *object, const ApGuest *guest)
{
    JsonObject *mdevs = json_object_new_array();

    for (guint i = 0; i < guest->mdevs->len; i++)
        json_object_array_add(mdevs, out_string(guest->mdevs->pdata[i]));
    json_object_object_add(object, "name", out_string(guest->name));
    json_object_object_add(object, "uuid", out_string(guest->uuid));
    json_object_object_add(object, "state", out_string(guest->state));
    json_object_object_add(object, "autostart",
                           guest->autostart_hidden ? out_unknown()
                                                   : json_object_new_boolean(guest->autostart));
    json_object_object_add(object, "mdevs", mdevs);
}


void
out_finding(JsonObject *object, const ApFinding *finding)
{
    ApApqnSet apqns;

    ap_finding_get_apqns(finding, &apqns);
    json_object_object_add(object, "code", out_string(ap_code_to_string(finding->code)));
    json_object_object_add(object, "severity",
                           out_string(ap_severity_to_string(finding->severity)));
    json_object_object_add(object, "phase", out_string(ap_phase_to_string(finding->phase)));
    json_object_object_add(object, "apqns", out_apqns(&apqns));
    json_object_object_add(object, "mdev", out_string(finding->mdev));
    json_object_object_add(object, "guest", out_string(finding->guest));
    json_object_object_add(object, "guest_state", out_string(finding->guest_state));
    json_object_object_add(object, "other_mdev", out_string(finding->other_mdev));
    json_object_object_add(object, "other_guest", out_string(finding->other_guest));
    json_object_object_add(object, "other_guest_state", out_string(finding->other_guest_state));
    json_object_object_add(object, "message", out_string(finding->message));
    json_object_object_add(object, "hint", out_string(finding->hint));
}


/* A newline in a value would make two lines of one. */
static char *
value_to_text(JsonObject *value)
{
    g_autofree char *joined = NULL;
    GString *text;

    switch (json_object_get_type(value)) {
    case json_type_null:
        return g_strdup("-");
    case json_type_boolean:
        return g_strdup(json_object_get_boolean(value) ? "yes" : "no");
    case json_type_array:
        break;
    default:
        return ap_text_escape(json_object_get_string(value));
    }
    if (json_object_array_length(value) == 0)
        return g_strdup("-");
    text = g_string_new(NULL);
    for (gsize i = 0; i < json_object_array_length(value); i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "",
                               json_object_get_string(json_object_array_get_idx(value, i)));
    joined = g_string_free(text, FALSE);
    return ap_text_escape(joined);
}


JsonObject *
out_findings(const GPtrArray *findings)
{
    JsonObject *array = json_object_new_array();

    for (guint i = 0; i < findings->len; i++) {
        JsonObject *object = json_object_new_object();

        out_finding(object, findings->pdata[i]);
        json_object_array_add(array, object);
    }
    return array;
}


void
out_print_findings(FILE *stream, const GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        const ApFinding *finding = findings->pdata[i];
        g_autofree char *text = ap_finding_to_text(finding);
        g_autofree char *guest = finding->guest ? ap_text_printable(finding->guest) : NULL;

        ap_print_to(stream, "%s: %s", ap_severity_to_string(finding->severity),
                    ap_code_to_string(finding->code));
        if (finding->mdev)
            ap_print_to(stream, ": mdev %s", finding->mdev);
        if (guest)
            ap_print_to(stream, " of guest '%s'", guest);
        ap_print_to(stream, "\n  %s\n", text);
    }
}


char *
out_get(JsonObject *object, const char *key)
{
    return value_to_text(json_object_object_get(object, key));
}


static guint
column_width(JsonObject *array, const char *key)
{
    gsize width = strlen(key);

    for (gsize i = 0; i < json_object_array_length(array); i++) {
        g_autofree char *text = out_get(json_object_array_get_idx(array, i), key);

        width = MAX(width, (gsize)g_utf8_strlen(text, -1));
    }
    return width;
}


/* Pads by characters, not bytes; the last column is not padded. */
static void
print_cell(const char *text, guint width, gboolean last)
{
    ap_print("%s", text);
    for (gsize n = g_utf8_strlen(text, -1); !last && n < width + 2; n++)
        ap_print(" ");
}


void
out_print_table(JsonObject *array, const char *const *keys)
{
    guint n = g_strv_length((char **)keys);
    g_autofree guint *widths = g_new(guint, n);

    for (guint k = 0; k < n; k++) {
        g_autofree char *heading = g_ascii_strup(keys[k], -1);

        widths[k] = column_width(array, keys[k]);
        print_cell(g_strdelimit(heading, "_", ' '), widths[k], k == n - 1);
    }
    ap_print("\n");
    for (gsize i = 0; i < json_object_array_length(array); i++) {
        for (guint k = 0; k < n; k++) {
            g_autofree char *text = out_get(json_object_array_get_idx(array, i), keys[k]);

            print_cell(text, widths[k], k == n - 1);
        }
        ap_print("\n");
    }
}


static void
print_keys(JsonObject *object, const char *prefix)
{
    json_object_object_foreach(object, key, value)
    {
        g_autofree char *name = g_strdelimit(g_strdup(key), "_", ' ');
        g_autofree char *label = g_strconcat(prefix, name, ":", NULL);
        g_autofree char *text = NULL;

        if (strcmp(key, "version") == 0)
            continue;
        if (json_object_is_type(value, json_type_object)) {
            g_autofree char *nested = g_strconcat(prefix, name, " ", NULL);

            print_keys(value, nested);
            continue;
        }
        text = value_to_text(value);
        ap_print("%-16s %s\n", label, text);
    }
}


void
out_print_keys(JsonObject *object)
{
    print_keys(object, "");
}
