/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The judge: what the callout does behind its front. */
#include "node_device/callout/ap_callout.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/ap_mdevctl_json.h"
#include "node_device/ap_log.h"
#include "node_device/ap_session.h"
#include "node_device/conflict/ap_conflict_change.h"
#include "node_device/inventory/ap_claim.h"
#include "node_device/txn/ap_txn.h"
#include "util/ap_error.h"
#include "util/ap_print.h"
#include "util/ap_program.h"

/* How long it may take to find out whom an undefine concerns, in seconds: it is never refused. */
#define UNDEFINE_S 10

/* One call while it is judged. */
typedef struct {
    const ApCalloutCall *call;
    ApRoot *root;
    ApSession *session;
    char *uuid;
    ApMdevDef *def; /* what mdevctl wants to write; NULL if it sent none */
} Trial;


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
    const ApCalloutCall *call = data;
    char program[PATH_MAX];
    const char *argv[] = { program, "--root", call->root, NULL };
    g_autofree char *output = NULL;
    int status;

    ap_program_find("libvirt-ap-guests", program, sizeof(program));
    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, &output,
                      NULL, &status, NULL) ||
        status != 0)
        return NULL;
    return ap_guests_from_json(output, problems);
}


/* The last inventory is not freed: the callout ends with its only one, and taking thousands of
 * definitions apart again would take longer than judging them. Guests are read only where their
 * names or states matter; but a claim that cannot be read is a guest that starts with a matrix that
 * nobody knows. */
static ApInventory *
load_inventory(Trial *trial, ApSessionParts parts)
{
    static ApInventory *inventory;

    g_clear_pointer(&inventory, ap_inventory_free);
    inventory = ap_session_load_inventory(trial->session, parts);
    g_ptr_array_unref(ap_claims_load(trial->root, ap_inventory_get_problems(inventory)));
    return inventory;
}


/* virsh shows standard error only of what fails, so a warning goes to the journal as well. */
static void
print_finding(const Trial *trial, const ApFinding *finding)
{
    g_autofree char *text = ap_finding_to_text(finding);

    ap_print_error("%s%s\n", finding->severity == AP_SEVERITY_WARN ? "warning: " : "", text);
    if (finding->severity == AP_SEVERITY_WARN && ap_root_is_host(trial->root))
        ap_log_finding(finding);
}


/* Prints why it is refused, and only that; else what there is to be warned of. */
static int
conclude(const Trial *trial, const GPtrArray *findings)
{
    ApSeverity severity = ap_finding_list_severity(findings);

    for (guint i = 0; i < findings->len; i++) {
        const ApFinding *finding = findings->pdata[i];

        if (finding->severity == severity)
            print_finding(trial, finding);
    }
    return severity == AP_SEVERITY_REJECT ? 1 : 0;
}


/* Whether there is a definition, readable or not; what cannot be looked at is taken for one. */
static gboolean
is_defined(Trial *trial, ApInventory *inventory)
{
    g_autofree char *path = g_strconcat(AP_DEFS_DIR "/", trial->uuid, NULL);
    const ApMdev *mdev = ap_inventory_find(inventory, trial->uuid);

    return (mdev && mdev->definition) || !ap_root_is_missing(trial->root, path);
}


/* mdevctl looks for an older definition before it asks us: of two who define one uuid at once the
 * second would overwrite what the first has written, under the lock, since. And it lets a modify
 * with a file make a definition where there is none. */
static gboolean
is_other_verb(Trial *trial, ApInventory *inventory)
{
    gboolean is_modify = strcmp(trial->call->action, "modify") == 0;

    if (is_modify == is_defined(trial, inventory))
        return FALSE;
    if (is_modify)
        ap_print_error("mdev %s is not defined, so there is nothing to modify\n"
                       "  define it with `mdevctl define`\n",
                       trial->uuid);
    else
        ap_print_error("mdev %s is defined already\n  change it with `mdevctl modify`\n",
                       trial->uuid);
    return TRUE;
}


/* mdevctl reads a definition by any spelling of its UUID, and writes it by one: there would be two
 * then. */
static gboolean
would_be_twice(Trial *trial)
{
    g_autofree char *usual = g_strconcat(AP_DEFS_DIR "/", trial->uuid, NULL);
    g_autofree char *path = ap_defs_find_path(trial->root, trial->uuid);

    if (strcmp(path, usual) == 0)
        return FALSE;
    ap_print_error("the definition of mdev %s is in %s, and mdevctl would write a second one\n"
                   "  `mv -n %s %s`\n",
                   trial->uuid, path, path, usual);
    return TRUE;
}


static int
judge_definition(Trial *trial)
{
    gboolean is_modify = strcmp(trial->call->action, "modify") == 0;
    ApInventory *inventory = load_inventory(trial, AP_SESSION_ALL);
    g_autoptr(GPtrArray) findings = NULL;

    if (is_other_verb(trial, inventory) || (is_modify && would_be_twice(trial)))
        return 1;
    findings = ap_change_check_definition(inventory, trial->root, trial->uuid, trial->def,
                                          is_modify);
    return conclude(trial, findings);
}


static int
judge_start(Trial *trial)
{
    const ApCandidate candidate = { .uuid = trial->uuid, .def = trial->def };
    ApInventory *inventory = load_inventory(trial, 0);
    g_autoptr(GPtrArray) findings =
        ap_conflict_check(inventory, &candidate, AP_PHASE_BIT(AP_PHASE_START));

    return conclude(trial, findings);
}


static int
judge_stop(Trial *trial)
{
    const ApCandidate candidate = { .uuid = trial->uuid, .active = TRUE };
    ApInventory *inventory = load_inventory(trial, AP_SESSION_MATRICES);
    g_autoptr(GPtrArray) findings =
        ap_conflict_check(inventory, &candidate, AP_PHASE_BIT(AP_PHASE_STOP));

    return conclude(trial, findings);
}


static void
end_with_yes(int signum)
{
    (void)signum;
    _exit(0);
}


/* A definition can always be removed. Whom that concerns is told if it can be found out. */
static int
judge_undefine(Trial *trial)
{
    g_autoptr(GPtrArray) findings = NULL;

    if (strcmp(trial->call->parent, AP_MDEV_PARENT) != 0)
        return 0;
    signal(SIGALRM, end_with_yes);
    alarm(UNDEFINE_S);
    findings = ap_conflict_check_undefine(load_inventory(trial, AP_SESSION_ALL), trial->uuid);
    conclude(trial, findings);
    return 0;
}


static int
change_live(Trial *trial)
{
    ApInventory *inventory = load_inventory(trial, AP_SESSION_ALL);
    g_autoptr(GPtrArray) findings =
        ap_change_check_live(inventory, trial->uuid, trial->def);
    g_autoptr(GError) error = NULL;
    g_autoptr(ApKernel) kernel = ap_kernel_new(trial->root, &error);
    ApMatrix matrix;

    if (!kernel)
        return fail(error);
    if (conclude(trial, findings) != 0)
        return 1;
    if (!ap_mdev_def_replay(trial->def, NULL, NULL, &matrix, &error) ||
        !ap_txn_change_live(trial->root, kernel, trial->uuid, &matrix, &error))
        return fail(error);
    /* No post event follows a live change. */
    ap_session_unlock(trial->session);
    return 0;
}


/* If the mdev is going away there is nothing to say; an error would fail `mdevctl list`, and with
 * it libvirt's whole list of mdevs. */
static int
print_attributes(Trial *trial)
{
    gboolean has_ap_config;
    ApMatrix matrix;

    if (ap_host_read_matrix(trial->root, trial->uuid, &matrix, &has_ap_config, NULL)) {
        g_autofree char *text = ap_mdevctl_json_format_attrs(&matrix);

        ap_print("%s\n", text);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}


static gboolean
take_lock(Trial *trial, GError **error)
{
    return !ap_root_is_host(trial->root) ||
           ap_session_lock(trial->session, trial->call->owner, error);
}


/* What may not fail because of a broken configuration goes by the default one. */
static gboolean
load_config(Trial *trial, gboolean must_be_good, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (ap_session_load_config(trial->session, &local))
        return TRUE;
    if (must_be_good) {
        g_propagate_prefixed_error(error, g_steal_pointer(&local), "bad configuration: ");
        return FALSE;
    }
    ap_print_error("warning: bad configuration: %s\n", local->message);
    return TRUE;
}


static int
judge_change(Trial *trial)
{
    const char *action = trial->call->action;
    gboolean live = strcmp(trial->call->event, "live") == 0;
    gboolean modify = strcmp(action, "modify") == 0 && !live;
    gboolean harmless =
        strcmp(action, "stop") == 0 || strcmp(action, "undefine") == 0 ||
        (modify &&
         ap_change_only_becomes_manual(trial->root, trial->uuid, trial->def));
    g_autoptr(GError) error = NULL;

    if (!load_config(trial, !harmless, &error) || !take_lock(trial, &error) ||
        !ap_txn_check_closed(trial->root, &error))
        return fail(error);
    if (live)
        return change_live(trial);
    if (strcmp(action, "stop") == 0)
        return judge_stop(trial);
    if (strcmp(action, "undefine") == 0)
        return judge_undefine(trial);
    if (harmless)
        return 0;
    /* An action that no mdevctl has yet; the front refuses it before. */
    if (!trial->def) {
        ap_print_error("unknown action\n");
        return 1;
    }
    return strcmp(action, "start") == 0 ? judge_start(trial) : judge_definition(trial);
}


static gboolean
needs_definition(const ApCalloutCall *call)
{
    return strcmp(call->event, "live") == 0 || strcmp(call->action, "define") == 0 ||
           strcmp(call->action, "modify") == 0 || strcmp(call->action, "start") == 0;
}


static gboolean
open_trial(Trial *trial, GError **error)
{
    const ApCalloutCall *call = trial->call;

    trial->uuid = ap_uuid_normalize(call->uuid);
    if (!trial->uuid) {
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
    trial->root = ap_root_new(call->root, error);
    if (!trial->root)
        return FALSE;
    trial->session = ap_session_new(trial->root, load_guests, (gpointer)call);
    ap_session_watch(trial->session);
    if (!needs_definition(call))
        return TRUE;
    trial->def = ap_mdevctl_json_parse(call->input, call->input_length, error);
    if (!trial->def)
        return FALSE;
    if (strcmp(trial->def->type, AP_MDEV_TYPE) != 0) {
        g_autofree char *printable = ap_text_printable(trial->def->type);

        g_set_error(error, AP_ERROR, AP_ERROR_JSON, "'mdev_type' is '%s': wanted " AP_MDEV_TYPE,
                    printable);
        return FALSE;
    }
    return TRUE;
}


static void
close_trial(Trial *trial)
{
    g_clear_pointer(&trial->def, ap_mdev_def_free);
    g_clear_pointer(&trial->session, ap_session_free);
    g_clear_pointer(&trial->root, ap_root_free);
    g_clear_pointer(&trial->uuid, g_free);
}


int
ap_callout_judge(const ApCalloutCall *call)
{
    Trial trial = { .call = call };
    g_autoptr(GError) error = NULL;
    int result;

    if (!open_trial(&trial, &error))
        result = fail(error);
    else if (strcmp(call->event, "get") == 0)
        result = print_attributes(&trial);
    else
        result = judge_change(&trial);
    close_trial(&trial);
    return result;
}
