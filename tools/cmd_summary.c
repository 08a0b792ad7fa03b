/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap by itself: the host in a few lines. */
#include "node_device/doctor/ap_doctor.h"
#include "out.h"
#include "util/ap_print.h"

/* One line of it: what there is, of each kind how many. */
typedef struct {
    const char *name;
    GPtrArray *kinds;   /* in the order in which they were first counted */
    GHashTable *counts; /* a kind's name to how many */
    guint n;
} Tally;


static Tally *
tally_new(const char *name)
{
    Tally *tally = g_new0(Tally, 1);

    tally->name = name;
    tally->kinds = g_ptr_array_new();
    tally->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return tally;
}


static void
tally_free(gpointer data)
{
    Tally *tally = data;

    g_ptr_array_unref(tally->kinds);
    g_hash_table_unref(tally->counts);
    g_free(tally);
}


static void
tally_count(Tally *tally, const char *kind)
{
    gpointer key = NULL;
    gpointer value = NULL;

    tally->n++;
    if (!g_hash_table_lookup_extended(tally->counts, kind, &key, &value)) {
        key = g_strdup(kind);
        g_ptr_array_add(tally->kinds, key);
        g_hash_table_insert(tally->counts, key, GUINT_TO_POINTER(1));
        return;
    }
    g_hash_table_insert(tally->counts, g_strdup(kind),
                        GUINT_TO_POINTER(GPOINTER_TO_UINT(value) + 1));
}


static Tally *
tally_cards(ApInventory *inventory)
{
    ApHost *host = ap_inventory_get_host(inventory);
    g_autoptr(GPtrArray) cards = ap_host_list_cards(host);
    Tally *tally = tally_new("cards");

    for (guint i = 0; i < cards->len; i++) {
        const ApCard *card = cards->pdata[i];
        g_autofree char *kind = g_strdup_printf("%s %s", card->type ? card->type : "unknown",
                                                card->mode ? card->mode : "");

        tally_count(tally, g_strchomp(kind));
    }
    return tally;
}


static Tally *
tally_queues(ApInventory *inventory)
{
    g_autoptr(GPtrArray) queues = ap_host_list_queues(ap_inventory_get_host(inventory));
    Tally *tally = tally_new("queues");

    for (guint i = 0; i < queues->len; i++) {
        JsonObject *object = json_object_new_object();
        g_autofree char *owner = NULL;

        out_queue(object, inventory, queues->pdata[i]);
        owner = out_get(object, "owner");
        tally_count(tally, owner);
        json_object_put(object);
    }
    return tally;
}


static Tally *
tally_matrices(ApInventory *inventory)
{
    GPtrArray *mdevs = ap_inventory_get_mdevs(inventory);
    Tally *tally = tally_new("matrices");

    for (guint i = 0; i < mdevs->len; i++) {
        const ApMdev *mdev = mdevs->pdata[i];

        tally_count(tally, !mdev->active      ? "inactive"
                           : mdev->definition ? "active"
                                              : "active-undefined");
    }
    return tally;
}


static Tally *
tally_guests(ApInventory *inventory)
{
    GPtrArray *guests = ap_inventory_get_guests(inventory);
    Tally *tally = tally_new("guests");

    for (guint i = 0; i < guests->len; i++)
        tally_count(tally, ((const ApGuest *)guests->pdata[i])->state);
    return tally;
}


static Tally *
tally_findings(ApInventory *inventory)
{
    g_autoptr(GPtrArray) findings = ap_conflict_audit(inventory);
    Tally *tally = tally_new("findings");

    for (guint i = 0; i < findings->len; i++) {
        const ApFinding *finding = findings->pdata[i];

        tally_count(tally, ap_severity_to_string(finding->severity));
    }
    return tally;
}


static Tally *
tally_diagnoses(const ApRoot *root)
{
    g_autoptr(GPtrArray) diagnoses = ap_doctor_examine(root, cmd_load_guests, (gpointer)root);
    Tally *tally = tally_new("doctor");

    for (guint i = 0; i < diagnoses->len; i++) {
        ApDoctorState state = ((const ApDiagnosis *)diagnoses->pdata[i])->state;

        if (state != AP_DOCTOR_OK)
            tally_count(tally, ap_doctor_state_to_string(state));
    }
    return tally;
}


static void
print_text(const GPtrArray *tallies)
{
    for (guint i = 0; i < tallies->len; i++) {
        const Tally *tally = tallies->pdata[i];

        ap_print("%-9s %u", tally->name, tally->n);
        for (guint k = 0; k < tally->kinds->len; k++) {
            const char *kind = tally->kinds->pdata[k];

            ap_print("%s%u %s", k == 0 ? ": " : ", ",
                     GPOINTER_TO_UINT(g_hash_table_lookup(tally->counts, kind)), kind);
        }
        ap_print("\n");
    }
    ap_print("\nmore: `virt-ap list`, `virt-ap check`, `virt-ap doctor`, `virt-ap help`\n");
}


static void
add_json(JsonObject *summary, const Tally *tally)
{
    JsonObject *object = json_object_new_object();

    for (guint k = 0; k < tally->kinds->len; k++) {
        const char *kind = tally->kinds->pdata[k];
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(tally->counts, kind));

        json_object_object_add(object, kind, json_object_new_int64(n));
    }
    json_object_object_add(summary, tally->name, object);
}


static int
run(const CmdContext *context, char **args, GError **error)
{
    g_autoptr(ApInventory) inventory = cmd_load_inventory(context, error);
    g_autoptr(GPtrArray) tallies = g_ptr_array_new_with_free_func(tally_free);
    JsonObject *result;
    JsonObject *summary;

    (void)args;
    if (!inventory || !cmd_require_bus(inventory, error))
        return CMD_FAILED;
    g_ptr_array_add(tallies, tally_cards(inventory));
    g_ptr_array_add(tallies, tally_queues(inventory));
    g_ptr_array_add(tallies, tally_matrices(inventory));
    g_ptr_array_add(tallies, tally_guests(inventory));
    g_ptr_array_add(tallies, tally_findings(inventory));
    g_ptr_array_add(tallies, tally_diagnoses(context->root));
    if (context->json) {
        result = out_new();
        summary = json_object_new_object();
        for (guint i = 0; i < tallies->len; i++)
            add_json(summary, tallies->pdata[i]);
        json_object_object_add(result, "summary", summary);
        out_finish(result, context->root, inventory);
    } else {
        print_text(tallies);
        out_print_incomplete(context->root);
    }
    return out_end(0, error);
}


const Cmd cmd_summary = {
    .name = "",
    .args = "",
    .max_args = 0,
    .run = run,
};
