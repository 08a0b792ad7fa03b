/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap plan: which free queues to take. */
#include <stdio.h>
#include <string.h>

#include "conf/ap_card_kind.h"
#include "conf/ap_nodedev_xml.h"
#include "node_device/plan/ap_plan_host.h"
#include "out.h"
#include "util/ap_error.h"
#include "util/ap_print.h"

#define QUEUES_MAX 65536


static gboolean
parse_queues(const CmdContext *context, guint *ret_n, GError **error)
{
    const char *text = cmd_get_option(context, "--queues");
    guint64 n;

    if (!text) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "no number of queues\nsay how many: virt-ap plan --queues 2");
        return FALSE;
    }
    if (!g_ascii_string_to_unsigned(text, 10, 1, QUEUES_MAX, &n, NULL)) {
        g_autofree char *printable = ap_text_printable(text);

        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "'%s' is no number of queues: wanted 1 to %d, decimal", printable, QUEUES_MAX);
        return FALSE;
    }
    *ret_n = n;
    return TRUE;
}


static gboolean
parse_request(const CmdContext *context, ApPlanRequest *ret_request, GError **error)
{
    const char *mode = cmd_get_option(context, "--mode");
    const char *type = cmd_get_option(context, "--min-type");
    ApPlanRequest request = {
        .spread = cmd_get_option(context, "--spread") != NULL,
        .adapters = ap_mask_range(0, AP_ID_MAX),
        .domains = ap_mask_range(0, AP_ID_MAX),
    };

    if (!parse_queues(context, &request.n_queues, error) ||
        !cmd_get_ids(context, "--adapter", &request.adapters, error) ||
        !cmd_get_ids(context, "--domain", &request.domains, error))
        return FALSE;
    if (mode) {
        request.mode = ap_card_kind_parse_mode(mode, error);
        if (!request.mode)
            return FALSE;
    }
    if (type && !ap_card_kind_parse_type(type, &request.min_generation, error))
        return FALSE;
    *ret_request = request;
    return TRUE;
}


/* The definition that would make it. */
static ApMdevDef *
make_def(const CmdContext *context, const ApPlan *plan, GError **error)
{
    g_autoptr(ApMdevDef) def = ap_mdev_def_new(AP_MDEV_TYPE);
    ApMatrix matrix = { plan->adapters, plan->domains, { { 0 } } };

    if (cmd_get_option(context, "--control"))
        matrix.control_domains = plan->domains;
    ap_mdev_def_add_matrix(def, &matrix, TRUE);
    def->parent = g_strdup(AP_MDEV_PARENT);
    return cmd_get_uuid(context, &def->uuid, error) ? g_steal_pointer(&def) : NULL;
}


/* What would be found when it starts, once the host gave away what is its own; and what the host
 * would miss. */
static GPtrArray *
find_obstacles(ApInventory *inventory, const ApMdevDef *def)
{
    ApCandidate candidate = { .uuid = def->uuid, .def = def };
    GPtrArray *findings = ap_conflict_check(
        inventory, &candidate, AP_PHASE_BIT(AP_PHASE_START) | AP_PHASE_BIT(AP_PHASE_FREE));

    for (guint i = findings->len; i > 0; i--) {
        const ApFinding *finding = findings->pdata[i - 1];

        if (finding->code == AP_CODE_HOST_OWNED)
            g_ptr_array_remove_index(findings, i - 1);
    }
    return findings;
}


static JsonObject *
out_plan(const ApPlanAnswer *answer, const ApMdevDef *def)
{
    JsonObject *object = json_object_new_object();
    g_autofree char *xml = ap_nodedev_xml_format(def);
    ApMatrix matrix = { { { 0 } } };
    ApApqnSet apqns = { 0 };

    ap_mdev_def_replay(def, NULL, NULL, &matrix, NULL);
    ap_apqn_set_add(&apqns, &matrix.adapters, &matrix.domains);
    json_object_object_add(object, "mdev", out_string(def->uuid));
    json_object_object_add(object, "mode", out_string(answer->mode));
    out_masks(object, &matrix);
    json_object_object_add(object, "apqns", out_apqns(&apqns));
    json_object_object_add(object, "free_first", out_apqns(&answer->of_host));
    json_object_object_add(object, "how_to_free", out_string(answer->how_to_free));
    json_object_object_add(object, "xml", out_string(xml));
    return object;
}


/* The XML alone goes to standard output: `virt-ap define -` takes it. */
static void
print_text(const ApPlanAnswer *answer, const ApMdevDef *def)
{
    g_autofree char *xml = ap_nodedev_xml_format(def);
    g_autoptr(GString) note = g_string_new(NULL);
    g_autofree char *first = NULL;
    guint position = 0;
    ApApqn apqn;

    ap_print("%s", xml);
    if (!ap_apqn_set_next(&answer->of_host, &position, &apqn))
        return;
    first = ap_apqn_describe(apqn);
    g_string_printf(note, "APQN %s belongs to the host's own drivers", first);
    ap_apqn_set_append_rest(&answer->of_host, note);
    ap_print_error("note: %s\n  %s\n", note->str, answer->how_to_free);
}


static int
run(const CmdContext *context, char **args, GError **error)
{
    g_autoptr(ApInventory) inventory = NULL;
    g_autoptr(ApMdevDef) def = NULL;
    g_autoptr(GPtrArray) findings = NULL;
    g_auto(ApPlanAnswer) answer = { 0 };
    ApPlanRequest request;
    gboolean is_refused;

    (void)args;
    if (!parse_request(context, &request, error))
        return CMD_FAILED;
    inventory = cmd_load_inventory(context, error);
    if (!inventory || !cmd_require_bus(inventory, error) ||
        !ap_plan_for_host(inventory, &request, &answer, error))
        return CMD_FAILED;
    def = make_def(context, &answer.plan, error);
    if (!def)
        return CMD_FAILED;
    findings = find_obstacles(inventory, def);
    is_refused = ap_finding_list_severity(findings) == AP_SEVERITY_REJECT;
    if (context->json) {
        JsonObject *result = out_new();

        json_object_object_add(result, "plan", is_refused ? NULL : out_plan(&answer, def));
        json_object_object_add(result, "findings", out_findings(findings));
        out_finish(result, context->root, inventory);
    } else {
        out_print_findings(stderr, findings);
        if (!is_refused)
            print_text(&answer, def);
        out_print_incomplete(context->root);
    }
    return out_end(is_refused ? 1 : 0, error);
}


static const CmdOption options[] = {
    { "--queues", "N", "how many queues" },
    { "--mode", "MODE", "cards of this mode alone: cca, ep11 or accel" },
    { "--min-type", "TYPE", "cards from this type on, such as cex7" },
    { "--spread", NULL, "on as many cards as possible, at least two" },
    { "--adapter", "LIST", "the adapters, such as 5,0x08-0x0a" },
    { "--domain", "LIST", "the usage domains" },
    { "--control", NULL, "let the guest control its domains, too" },
    { "--uuid", "UUID", "the UUID of the matrix" },
    { NULL },
};

const Cmd cmd_plan = {
    .name = "plan",
    .args = "",
    .summary = "Find free queues for a matrix",
    .description = "Prints node-device XML of a matrix with exactly so many queues, on cards of "
                   "one mode: of the fewest adapters, or with --spread of the most; then with the "
                   "fewest queues that the host has to give away first; then of the lowest ids.",
    .max_args = 0,
    .options = options,
    .run = run,
};
