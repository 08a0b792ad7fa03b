/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The judge: what the callout does behind its front. */
#include "node_device/callout/ap_callout.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/ap_mdevctl_json.h"
#include "node_device/ap_log.h"
#include "node_device/conflict/ap_conflict_change.h"
#include "node_device/inventory/ap_claim.h"
#include "node_device/inventory/ap_config_load.h"
#include "node_device/txn/ap_txn.h"
#include "util/ap_error.h"
#include "util/ap_lock.h"
#include "util/ap_print.h"
#include "util/ap_program.h"

/* How long anything but waiting for the lock may take, in seconds; SIGALRM then ends the judge,
 * which is a no. */
#define WATCHDOG_S 60

/* One call while it is judged. */
typedef struct {
    const ApCalloutCall *call;
    ApRoot *root;
    ApConfig *config;
    char *uuid;
    ApMdevDef *def; /* what mdevctl wants to write; NULL if it sent none */
} Session;


static int
fail(const GError *error)
{
    ap_print_error("%s\n", error->message);
    return 1;
}


/* Loads the guests by the program that links libxml2; NULL if that fails. */
static GPtrArray *
load_guests(GPtrArray *problems, gpointer data)
{
    const Session *session = data;
    char program[PATH_MAX];
    const char *argv[] = { program, "--root", session->call->root, NULL };
    g_autofree char *output = NULL;
    int status;

    ap_program_find("libvirt-ap-guests", program, sizeof(program));
    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &output,
                      NULL, &status, NULL) ||
        status != 0)
        return NULL;
    return ap_guests_from_json(output, problems);
}


/* Guests are read only where their names or states matter. A claim that cannot be read is a guest
 * that starts with a matrix that nobody knows. */
static void
find_hidden_claims(const Session *session, GPtrArray *problems)
{
    g_ptr_array_unref(ap_claims_load(session->root, problems));
}


/* Takes over @host. The last inventory is not freed: the callout ends with its only one, and taking
 * thousands of definitions apart again would take longer than judging them. */
static ApInventory *
make_inventory(Session *session, ApHost *host, gboolean definitions)
{
    static ApInventory *inventory;
    GPtrArray *problems = ap_problem_list_new();
    GPtrArray *defs = definitions ? ap_defs_load(session->root, problems) : NULL;

    find_hidden_claims(session, problems);
    g_clear_pointer(&inventory, ap_inventory_free);
    inventory = ap_inventory_new(host, defs, problems, g_steal_pointer(&session->config),
                                 load_guests, session);
    return inventory;
}


static ApInventory *
load_inventory(Session *session, gboolean definitions)
{
    return make_inventory(session, ap_host_load(session->root), definitions);
}


/* virsh shows standard error only of what fails, so a warning goes to the journal as well. */
static void
print_finding(const Session *session, const ApFinding *finding)
{
    g_autofree char *text = ap_finding_to_text(finding);

    ap_print_error("%s%s\n", finding->severity == AP_SEVERITY_WARN ? "warning: " : "", text);
    if (finding->severity == AP_SEVERITY_WARN && ap_root_is_host(session->root))
        ap_log_finding(finding);
}


/* Prints why it is refused, and only that; else what there is to be warned of. */
static int
conclude(const Session *session, const GPtrArray *findings)
{
    ApSeverity severity = ap_finding_list_severity(findings);

    for (guint i = 0; i < findings->len; i++) {
        const ApFinding *finding = findings->pdata[i];

        if (finding->severity == severity)
            print_finding(session, finding);
    }
    return severity == AP_SEVERITY_REJECT ? 1 : 0;
}


/* Whether there is a definition, readable or not; what cannot be looked at is taken for one. */
static gboolean
is_defined(Session *session, ApInventory *inventory)
{
    g_autofree char *path = g_strconcat(AP_DEFS_DIR "/", session->uuid, NULL);
    const ApMdev *mdev = ap_inventory_find(inventory, session->uuid);

    return (mdev && mdev->definition) || !ap_root_is_missing(session->root, path);
}


/* mdevctl looks for an older definition before it asks us: of two who define one uuid at once the
 * second would overwrite what the first has written, under the lock, since. And it lets a modify
 * with a file make a definition where there is none. */
static gboolean
is_other_verb(Session *session, ApInventory *inventory)
{
    gboolean is_modify = strcmp(session->call->action, "modify") == 0;

    if (is_modify == is_defined(session, inventory))
        return FALSE;
    if (is_modify)
        ap_print_error("mdev %s is not defined, so there is nothing to modify\n"
                       "  define it with `mdevctl define`\n",
                       session->uuid);
    else
        ap_print_error("mdev %s is defined already\n  change it with `mdevctl modify`\n",
                       session->uuid);
    return TRUE;
}


/* mdevctl reads a definition by any spelling of its UUID, and writes it by one: there would be two
 * then. */
static gboolean
would_be_twice(Session *session)
{
    g_autofree char *usual = g_strconcat(AP_DEFS_DIR "/", session->uuid, NULL);
    g_autofree char *path = ap_defs_find_path(session->root, session->uuid);

    if (strcmp(path, usual) == 0)
        return FALSE;
    ap_print_error("the definition of mdev %s is in %s, and mdevctl would write a second one\n"
                   "  `mv -n %s %s`\n",
                   session->uuid, path, path, usual);
    return TRUE;
}


static int
judge_definition(Session *session)
{
    gboolean is_modify = strcmp(session->call->action, "modify") == 0;
    ApInventory *inventory = load_inventory(session, TRUE);
    g_autoptr(GPtrArray) findings = NULL;

    if (is_other_verb(session, inventory) || (is_modify && would_be_twice(session)))
        return 1;
    findings = ap_change_check_definition(inventory, session->root, session->uuid, session->def,
                                          is_modify);
    return conclude(session, findings);
}


static int
judge_start(Session *session)
{
    const ApCandidate candidate = { .uuid = session->uuid, .def = session->def };
    ApInventory *inventory =
        make_inventory(session, ap_host_load_without_mdevs(session->root), FALSE);
    g_autoptr(GPtrArray) findings =
        ap_conflict_check(inventory, &candidate, AP_PHASE_BIT(AP_PHASE_START));

    return conclude(session, findings);
}


static int
judge_stop(Session *session)
{
    const ApCandidate candidate = { .uuid = session->uuid, .active = TRUE };
    ApInventory *inventory = load_inventory(session, FALSE);
    g_autoptr(GPtrArray) findings =
        ap_conflict_check(inventory, &candidate, AP_PHASE_BIT(AP_PHASE_STOP));

    return conclude(session, findings);
}


static int
change_live(Session *session)
{
    ApInventory *inventory = load_inventory(session, TRUE);
    g_autoptr(GPtrArray) findings =
        ap_change_check_live(inventory, session->uuid, session->def);
    g_autoptr(GError) error = NULL;
    g_autoptr(ApKernel) kernel = ap_kernel_new(session->root, &error);
    ApMatrix matrix;

    if (!kernel)
        return fail(error);
    if (conclude(session, findings) != 0)
        return 1;
    if (!ap_mdev_def_replay(session->def, NULL, NULL, &matrix, &error) ||
        !ap_txn_change_live(session->root, kernel, session->uuid, &matrix, &error))
        return fail(error);
    /* No post event follows a live change. */
    ap_lock_release(AP_LOCK_PATH, session->call->owner);
    return 0;
}


/* If the mdev is going away there is nothing to say; an error would fail `mdevctl list`, and with
 * it libvirt's whole list of mdevs. */
static int
print_attributes(Session *session)
{
    gboolean has_ap_config;
    ApMatrix matrix;

    if (ap_host_read_matrix(session->root, session->uuid, &matrix, &has_ap_config, NULL)) {
        g_autofree char *text = ap_mdevctl_json_format_attrs(&matrix);

        ap_print("%s\n", text);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}


static gboolean
take_lock(Session *session, GError **error)
{
    if (!ap_root_is_host(session->root))
        return TRUE;
    alarm(WATCHDOG_S + session->config->lock_timeout_s);
    return ap_lock_take(AP_LOCK_PATH, session->call->owner, session->config->lock_timeout_s * 1000,
                        error);
}


/* What may not fail because of a broken configuration goes by the default one. */
static gboolean
load_config(Session *session, gboolean must_be_good, GError **error)
{
    g_autoptr(GError) local = NULL;

    session->config = ap_config_load(session->root, &local);
    if (session->config)
        return TRUE;
    if (must_be_good) {
        g_propagate_prefixed_error(error, g_steal_pointer(&local), "bad configuration: ");
        return FALSE;
    }
    ap_print_error("warning: bad configuration: %s\n", local->message);
    session->config = ap_config_new();
    return TRUE;
}


static int
judge_change(Session *session)
{
    const char *action = session->call->action;
    gboolean live = strcmp(session->call->event, "live") == 0;
    gboolean modify = strcmp(action, "modify") == 0 && !live;
    gboolean harmless =
        strcmp(action, "stop") == 0 || strcmp(action, "undefine") == 0 ||
        (modify &&
         ap_change_only_becomes_manual(session->root, session->uuid, session->def));
    g_autoptr(GError) error = NULL;

    if (!load_config(session, !harmless, &error) || !take_lock(session, &error) ||
        !ap_txn_check_closed(session->root, &error))
        return fail(error);
    if (live)
        return change_live(session);
    if (strcmp(action, "stop") == 0)
        return judge_stop(session);
    if (harmless)
        return 0;
    /* An action that no mdevctl has yet; the front refuses it before. */
    if (!session->def) {
        ap_print_error("unknown action\n");
        return 1;
    }
    return strcmp(action, "start") == 0 ? judge_start(session) : judge_definition(session);
}


static gboolean
needs_definition(const ApCalloutCall *call)
{
    return strcmp(call->event, "live") == 0 || strcmp(call->action, "define") == 0 ||
           strcmp(call->action, "modify") == 0 || strcmp(call->action, "start") == 0;
}


static gboolean
open_session(Session *session, GError **error)
{
    const ApCalloutCall *call = session->call;

    session->uuid = ap_uuid_normalize(call->uuid);
    if (!session->uuid) {
        g_autofree char *printable = ap_text_printable(call->uuid);

        g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "'%s' is not a UUID", printable);
        return FALSE;
    }
    /* A definition below another parent can only be removed. */
    if (needs_definition(call) && strcmp(call->parent, AP_MDEV_PARENT) != 0) {
        g_autofree char *printable = ap_text_printable(call->parent);

        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "the parent of an AP matrix is '" AP_MDEV_PARENT "', not '%s'", printable);
        return FALSE;
    }
    session->root = ap_root_new(call->root, error);
    if (!session->root)
        return FALSE;
    if (!needs_definition(call))
        return TRUE;
    session->def = ap_mdevctl_json_parse(call->input, call->input_length, error);
    if (!session->def)
        return FALSE;
    if (strcmp(session->def->type, AP_MDEV_TYPE) != 0) {
        g_autofree char *printable = ap_text_printable(session->def->type);

        g_set_error(error, AP_ERROR, AP_ERROR_JSON, "'mdev_type' is '%s': wanted " AP_MDEV_TYPE,
                    printable);
        return FALSE;
    }
    return TRUE;
}


static void
close_session(Session *session)
{
    g_clear_pointer(&session->def, ap_mdev_def_free);
    g_clear_pointer(&session->config, ap_config_free);
    g_clear_pointer(&session->root, ap_root_free);
    g_clear_pointer(&session->uuid, g_free);
}


int
ap_callout_judge(const ApCalloutCall *call)
{
    Session session = { .call = call };
    g_autoptr(GError) error = NULL;
    int result;

    alarm(WATCHDOG_S);
    if (!open_session(&session, &error))
        result = fail(error);
    else if (strcmp(call->event, "get") == 0)
        result = print_attributes(&session);
    else
        result = judge_change(&session);
    close_session(&session);
    return result;
}
