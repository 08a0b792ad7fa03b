/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap check: what would go wrong. */
#include <stdio.h>
#include <string.h>

#include "conf/ap_domain_xml.h"
#include "conf/ap_nodedev_xml.h"
#include "conf/ap_xml.h"
#include "node_device/inventory/ap_problem.h"
#include "out.h"
#include "qemu/qemu_ap_guest.h"
#include "util/ap_error.h"
#include "util/ap_print.h"

/* The phases that a definition goes through. */
#define DEFINITION_PHASES (AP_PHASE_BIT(AP_PHASE_DEFINE) | AP_PHASE_BIT(AP_PHASE_START))

/* One run of the command. */
typedef struct {
    const ApRoot *root;
    ApInventory *inventory;
    guint phases; /* of --phase; 0: those that apply */
    GPtrArray *findings;
} Check;


static void
take_findings(Check *check, GPtrArray *findings)
{
    g_ptr_array_extend_and_steal(check->findings, findings);
}


static gboolean
check_nodedev(Check *check, const char *text, gsize length, GError **error)
{
    g_autoptr(ApMdevDef) def = NULL;
    ApCandidate candidate = { 0 };

    if (!ap_nodedev_xml_concerns_ap(text, length))
        return TRUE;
    def = ap_nodedev_xml_parse(text, length, error);
    candidate.def = def;
    if (!def)
        return FALSE;
    candidate.uuid = def->uuid;
    take_findings(check, ap_conflict_check(check->inventory, &candidate,
                                           check->phases ? check->phases : DEFINITION_PHASES));
    return TRUE;
}


static gboolean
check_domain(Check *check, const char *arg, const char *text, gsize length, GError **error)
{
    g_autoptr(ApDomainDef) def = ap_domain_xml_parse(text, length, error);

    if (!def)
        return FALSE;
    def->file = ap_text_escape(arg);
    take_findings(check, qemu_ap_guest_check(check->inventory, def, NULL, check->phases));
    return TRUE;
}


static gboolean
check_file(Check *check, const char *arg, GError **error)
{
    g_autofree char *root_name = NULL;
    g_autofree char *text = NULL;
    gsize length;
    gboolean ok;

    text = cmd_read_file(arg, &length, error);
    if (!text)
        return FALSE;
    root_name = ap_xml_get_root_name(text, length, error);
    if (!root_name) {
        cmd_prefix_error(error, arg);
        return FALSE;
    }
    ok = strcmp(root_name, "device") == 0 ? check_nodedev(check, text, length, error)
                                          : check_domain(check, arg, text, length, error);
    if (!ok)
        cmd_prefix_error(error, arg);
    return ok;
}


static gboolean
check_mdev(Check *check, const char *uuid, GError **error)
{
    const ApMdev *mdev = ap_inventory_find(check->inventory, uuid);
    const ApProblem *problem =
        ap_problem_find(ap_inventory_get_problems(check->inventory), uuid);
    ApCandidate candidate = { .uuid = uuid };
    guint phases = DEFINITION_PHASES;

    if (!mdev && !problem) {
        cmd_set_not_found(check->root, error,
                          "no mdev %s, active or defined\nsee `virt-ap list`", uuid);
        return FALSE;
    }
    if (mdev)
        candidate = ap_candidate_of_mdev(mdev, check->phases, &phases);
    if (problem && problem->is_live)
        phases = AP_PHASE_BIT(AP_PHASE_LIVE);
    take_findings(check, ap_conflict_check(check->inventory, &candidate,
                                           check->phases ? check->phases : phases));
    return TRUE;
}


/* The guest's own definition says more than the inventory keeps of it; NULL where there is none, as
 * of a transient guest. */
static ApDomainDef *
load_definition(Check *check, const ApGuest *guest)
{
    g_autofree char *path = g_strdup_printf("/etc/libvirt/qemu/%s.xml", guest->name);
    g_autofree char *text = NULL;
    ApDomainDef *def;
    gsize length;

    text = ap_root_read(check->root, path, AP_ROOT_XML_MAX, &length, NULL);
    def = text ? ap_domain_xml_parse(text, length, NULL) : NULL;
    if (def)
        def->file = ap_root_describe(check->root, path);
    return def;
}


static gboolean
check_guest(Check *check, const char *name, GError **error)
{
    const ApGuest *guest = ap_inventory_find_guest(check->inventory, name);
    g_autofree char *printable = ap_text_printable(name);
    g_autoptr(ApDomainDef) def = guest ? load_definition(check, guest) : NULL;

    if (!guest) {
        cmd_set_not_found(check->root, error,
                          "no guest '%s'\na file needs a / or .xml in its name; see "
                          "`virt-ap list`",
                          printable);
        return FALSE;
    }
    take_findings(check, def ? qemu_ap_guest_check(check->inventory, def, guest, check->phases)
                             : ap_conflict_check_guest(check->inventory, guest, check->phases));
    return TRUE;
}


static gboolean
check_arg(Check *check, const char *arg, GError **error)
{
    g_autofree char *uuid = NULL;

    if (cmd_is_file(arg))
        return check_file(check, arg, error);
    uuid = ap_uuid_normalize(arg);
    if (uuid)
        return check_mdev(check, uuid, error);
    return check_guest(check, arg, error);
}


/* Without a bus there may still be definitions and guests to judge. */
static gboolean
audit(Check *check, GError **error)
{
    GPtrArray *guests = ap_inventory_get_guests(check->inventory);

    if (guests->len == 0 && ap_inventory_get_mdevs(check->inventory)->len == 0 &&
        ap_inventory_get_problems(check->inventory)->len == 0 &&
        !cmd_require_bus(check->inventory, error))
        return FALSE;
    take_findings(check, ap_conflict_audit(check->inventory));
    return TRUE;
}


static gboolean
read_phase(const CmdContext *context, gboolean has_args, guint *ret_phases, GError **error)
{
    const char *name = cmd_get_option(context, "--phase");
    ApPhase phase;

    *ret_phases = 0;
    if (!name)
        return TRUE;
    if (!ap_phase_from_string(name, &phase)) {
        g_autofree char *printable = ap_text_printable(name);

        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "unknown phase '%s': wanted define, start, live, stop, guest, free or audit",
                    printable);
        return FALSE;
    }
    if (!has_args && phase != AP_PHASE_AUDIT) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "--phase %s needs to know what is to be checked", name);
        return FALSE;
    }
    if (phase != AP_PHASE_AUDIT)
        *ret_phases = AP_PHASE_BIT(phase);
    return TRUE;
}


/* On standard error: the findings alone are the output. Without a file the defaults are in force,
 * and nothing is said. */
static void
print_configuration(const ApRoot *root)
{
    g_autofree char *path = ap_root_describe(root, AP_CONFIG_PATH);

    if (ap_root_exists(root, AP_CONFIG_PATH))
        ap_print_error("configuration in force: %s\n", path);
}


/* Of an audit that found nothing: what it looked at. */
static void
print_clean(const Check *check)
{
    g_autoptr(GPtrArray) queues =
        ap_host_list_queues(ap_inventory_get_host(check->inventory));
    guint n_mdevs = ap_inventory_get_mdevs(check->inventory)->len;
    guint n_guests = ap_inventory_get_guests(check->inventory)->len;

    ap_print("no conflicts: %u matri%s, %u guest%s, %u queue%s\n", n_mdevs,
             n_mdevs == 1 ? "x" : "ces", n_guests, n_guests == 1 ? "" : "s", queues->len,
             queues->len == 1 ? "" : "s");
}


static void
print_text(const Check *check, gboolean is_audit)
{
    print_configuration(check->root);
    out_print_findings(stdout, check->findings);
    if (check->findings->len == 0 && is_audit)
        print_clean(check);
    else if (check->findings->len == 0)
        ap_print("nothing found\n");
    out_print_incomplete(check->root);
}


static void
print_json(const Check *check)
{
    JsonObject *result = out_new();

    json_object_object_add(result, "findings", out_findings(check->findings));
    out_finish(result, check->root, check->inventory);
}


static gboolean
read_fail_on(const CmdContext *context, ApSeverity *ret_severity, GError **error)
{
    const char *name = cmd_get_option(context, "--fail-on");
    g_autofree char *printable = name ? ap_text_printable(name) : NULL;

    *ret_severity = AP_SEVERITY_REJECT;
    if (!name || strcmp(name, "reject") == 0)
        return TRUE;
    *ret_severity = AP_SEVERITY_WARN;
    if (strcmp(name, "warn") == 0)
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "unknown severity '%s': wanted warn or reject",
                printable);
    return FALSE;
}


static int
run(const CmdContext *context, char **args, GError **error)
{
    g_autoptr(ApInventory) inventory = NULL;
    g_autoptr(GPtrArray) findings = ap_finding_list_new();
    Check check = { .root = context->root, .findings = findings };
    gboolean is_quiet = cmd_get_option(context, "--quiet") != NULL;
    ApSeverity fail_on;

    if (!read_fail_on(context, &fail_on, error) ||
        !read_phase(context, args[0] != NULL, &check.phases, error))
        return CMD_FAILED;
    inventory = cmd_load_inventory(context, error);
    if (!inventory)
        return CMD_FAILED;
    check.inventory = inventory;
    /* A guest that cannot be read is to be told whatever else is found. */
    ap_inventory_get_guests(inventory);
    if (!args[0] && !audit(&check, error))
        return CMD_FAILED;
    for (char **arg = args; *arg; arg++) {
        if (!check_arg(&check, *arg, error))
            return CMD_FAILED;
    }
    /* Each argument is a candidate of its own: nothing is merged here. */
    ap_finding_list_sort(findings);
    if (context->json)
        print_json(&check);
    else if (!is_quiet)
        print_text(&check, !args[0]);
    return out_end(ap_finding_list_severity(findings) >= fail_on ? 1 : 0, error);
}


static const CmdOption options[] = {
    { "--fail-on", "SEVERITY", "exit with 1 from this severity on: reject (default) or warn" },
    { "--phase", "PHASE",
      "define, start, live, stop, guest, free or audit, instead of those that apply" },
    { "--quiet", NULL, "print nothing: the exit code tells" },
    { NULL },
};

const Cmd cmd_check = {
    .name = "check",
    .args = "[ARG ...]",
    .summary = "Tell what would go wrong",
    .description = "ARG with a / in it, ending in .xml, or - is a file: node-device XML or domain "
                   "XML. A UUID is an mdev, anything else a guest. Without ARG everything is "
                   "audited. Changes nothing.",
    .max_args = -1,
    .options = options,
    .run = run,
};
