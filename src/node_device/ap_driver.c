/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verbs that change matrices. */
#include "node_device/ap_driver.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "conf/ap_mdevctl_json.h"
#include "node_device/ap_session.h"
#include "node_device/conflict/ap_conflict_change.h"
#include "node_device/txn/ap_leftovers.h"
#include "node_device/txn/ap_txn.h"
#include "util/ap_error.h"

struct _ApDriver {
    const ApRoot *root;
    ApKernel *kernel;
    ApGuestsFunc guests;
    gpointer data;
};

/* A verb at work, the lock held. */
typedef struct {
    ApDriver *driver;
    ApSession *session;
    sigset_t signals; /* those that were blocked before */
    gboolean locked;
    ApInventory *inventory;
    ApTxn *txn;
    ApOutcome outcome;
} Work;


void
ap_outcome_clear(ApOutcome *outcome)
{
    g_clear_pointer(&outcome->uuid, g_free);
    g_clear_pointer(&outcome->findings, g_ptr_array_unref);
}


ApDriver *
ap_driver_new(const ApRoot *root, ApKernel *kernel, ApGuestsFunc guests, gpointer data)
{
    ApDriver *driver = g_new0(ApDriver, 1);

    driver->root = root;
    driver->kernel = kernel;
    driver->guests = guests;
    driver->data = data;
    return driver;
}


void
ap_driver_free(ApDriver *driver)
{
    g_free(driver);
}


static void
work_clear(Work *work)
{
    g_clear_pointer(&work->txn, ap_txn_free);
    g_clear_pointer(&work->inventory, ap_inventory_free);
    ap_outcome_clear(&work->outcome);
    if (work->locked) {
        ap_session_unlock(work->session);
        sigprocmask(SIG_SETMASK, &work->signals, NULL);
    }
    g_clear_pointer(&work->session, ap_session_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Work, work_clear)


/* Ctrl-C waits until the verb is through: what it would leave, only `recover` could clear up. */
static void
block_signals(Work *work)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
    sigset_t set;

    sigemptyset(&set);
    for (guint i = 0; i < G_N_ELEMENTS(signals); i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_BLOCK, &set, &work->signals);
}


/* What may not fail because of a broken configuration goes by the default one. */
static gboolean
begin(Work *work, ApDriver *driver, gboolean needs_config, GError **error)
{
    g_autoptr(GError) local = NULL;

    *work = (Work){ .driver = driver };
    work->session = ap_session_new(driver->root, driver->guests, driver->data);
    if (!ap_session_load_config(work->session, &local) && needs_config) {
        g_propagate_prefixed_error(error, g_steal_pointer(&local), "bad configuration: ");
        return FALSE;
    }
    if (!ap_session_lock(work->session, getpid(), error))
        return FALSE;
    block_signals(work);
    work->locked = TRUE;
    return TRUE;
}


/* Begins a change of @uuid. */
static gboolean
begin_change(Work *work, ApDriver *driver, const char *verb, const char *uuid,
             gboolean needs_config, GError **error)
{
    if (!begin(work, driver, needs_config, error) || !ap_txn_check_closed(driver->root, error))
        return FALSE;
    work->txn = ap_txn_new(driver->root, driver->kernel, verb);
    work->outcome.uuid = g_strdup(uuid);
    work->outcome.findings = ap_finding_list_new();
    return TRUE;
}


static void
load_inventory(Work *work)
{
    work->inventory = ap_session_load_inventory(work->session, AP_SESSION_ALL);
}


static void
take_findings(Work *work, GPtrArray *findings)
{
    g_ptr_array_extend_and_steal(work->outcome.findings, findings);
}


/* Does what was planned, unless the rules say no. */
static gboolean
finish(Work *work, ApOutcome *ret_outcome, GError **error)
{
    ap_finding_list_settle(work->outcome.findings);
    work->outcome.done =
        ap_finding_list_severity(work->outcome.findings) != AP_SEVERITY_REJECT;
    if (work->outcome.done && !ap_txn_run(work->txn, error))
        return FALSE;
    *ret_outcome = work->outcome;
    work->outcome = (ApOutcome){ 0 };
    return TRUE;
}


/* The bytes of a definition now; NULL without an error if there is none. */
static GBytes *
read_bytes(Work *work, const char *uuid, GError **error)
{
    g_autofree char *path = ap_defs_find_path(work->driver->root, uuid);
    g_autoptr(GError) local = NULL;
    gsize length;
    char *text = ap_root_read(work->driver->root, path, AP_ROOT_SMALL_MAX, &length, &local);

    if (text)
        return g_bytes_new_take(text, length);
    if (!g_error_matches(local, AP_ERROR, AP_ERROR_NOT_FOUND))
        g_propagate_error(error, g_steal_pointer(&local));
    return NULL;
}


static gboolean
set_undefined_error(GError **error, const char *uuid)
{
    g_set_error(error, AP_ERROR, AP_ERROR_NOT_FOUND, "mdev %s is not defined\nsee `virt-ap list`",
                uuid);
    return FALSE;
}


/* Plans that the definition @before becomes @def. */
static void
plan_definition(Work *work, const char *uuid, GBytes *before, const ApMdevDef *def)
{
    g_autofree char *path = ap_defs_find_path(work->driver->root, uuid);
    char *text = ap_mdevctl_json_format(def);
    g_autoptr(GBytes) after = g_bytes_new_take(text, strlen(text));

    if (!before || !g_bytes_equal(before, after))
        ap_txn_add_file(work->txn, path, before, after);
}


/* Judges and plans a definition that is written instead of @before, if there is one. */
static gboolean
change_definition(Work *work, const char *uuid, const ApMdevDef *def, GBytes *before)
{
    const ApRoot *root = work->driver->root;
    g_autoptr(ApDefinition) old = before ? ap_defs_read(root, uuid, NULL) : NULL;
    g_autoptr(ApMdevDef) kept = ap_mdev_def_copy(def);

    kept->autostart = old && old->def->autostart;
    take_findings(work, ap_change_check_definition(work->inventory, root, uuid, kept, !!old));
    plan_definition(work, uuid, before, kept);
    return TRUE;
}


gboolean
ap_driver_define(ApDriver *driver, const ApMdevDef *def, ApOutcome *ret_outcome, GError **error)
{
    g_autofree char *uuid = def->uuid ? g_strdup(def->uuid) : g_uuid_string_random();
    g_auto(Work) work = { 0 };
    g_autoptr(GError) local = NULL;
    g_autoptr(GBytes) before = NULL;

    if (!begin_change(&work, driver, "define", uuid, TRUE, error))
        return FALSE;
    before = read_bytes(&work, uuid, &local);
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    load_inventory(&work);
    return change_definition(&work, uuid, def, before) && finish(&work, ret_outcome, error);
}


gboolean
ap_driver_undefine(ApDriver *driver, const char *uuid, ApOutcome *ret_outcome, GError **error)
{
    g_autofree char *path = ap_defs_find_path(driver->root, uuid);
    g_auto(Work) work = { 0 };
    g_autoptr(GError) local = NULL;
    g_autoptr(GBytes) before = NULL;

    if (!begin_change(&work, driver, "undefine", uuid, FALSE, error))
        return FALSE;
    before = read_bytes(&work, uuid, &local);
    if (!before) {
        if (!local)
            return set_undefined_error(error, uuid);
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    load_inventory(&work);
    take_findings(&work, ap_conflict_check_undefine(work.inventory, uuid));
    ap_txn_add_file(work.txn, path, before, NULL);
    return finish(&work, ret_outcome, error);
}


/* The definition and its bytes. */
static ApDefinition *
require_definition(Work *work, const char *uuid, GBytes **ret_bytes, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(GBytes) bytes = read_bytes(work, uuid, &local);
    ApDefinition *definition;

    if (!bytes) {
        if (local)
            g_propagate_error(error, g_steal_pointer(&local));
        else
            set_undefined_error(error, uuid);
        return NULL;
    }
    definition = ap_defs_read(work->driver->root, uuid, error);
    if (definition && strcmp(definition->def->type, AP_MDEV_TYPE) != 0) {
        g_autofree char *printable = ap_text_printable(definition->def->type);

        g_set_error(error, AP_ERROR, AP_ERROR_JSON,
                    "mdev %s is defined with the type '%s': wanted " AP_MDEV_TYPE, uuid,
                    printable);
        g_clear_pointer(&definition, ap_definition_free);
    }
    if (definition)
        *ret_bytes = g_steal_pointer(&bytes);
    return definition;
}


gboolean
ap_driver_set_autostart(ApDriver *driver, const char *uuid, gboolean autostart,
                        ApOutcome *ret_outcome, GError **error)
{
    g_auto(Work) work = { 0 };
    g_autoptr(ApDefinition) definition = NULL;
    g_autoptr(GBytes) before = NULL;

    if (!begin_change(&work, driver, "autostart", uuid, autostart, error))
        return FALSE;
    definition = require_definition(&work, uuid, &before, error);
    if (!definition)
        return FALSE;
    definition->def->autostart = autostart;
    /* What no longer starts at boot is in nobody's way. */
    if (autostart) {
        load_inventory(&work);
        take_findings(&work, ap_change_check_definition(work.inventory, driver->root, uuid,
                                                        definition->def, TRUE));
    }
    plan_definition(&work, uuid, before, definition->def);
    return finish(&work, ret_outcome, error);
}


/* Judges and plans the start of @def. */
static gboolean
start_def(Work *work, const char *uuid, const ApMdevDef *def, GError **error)
{
    static const ApMatrix empty;
    const ApCandidate candidate = { .uuid = uuid, .def = def };
    ApHost *host;
    ApMatrix matrix;

    load_inventory(work);
    host = ap_inventory_get_host(work->inventory);
    if (ap_host_find_mdev(host, uuid)) {
        g_set_error(error, AP_ERROR, AP_ERROR_REFUSED, "mdev %s is active already", uuid);
        return FALSE;
    }
    take_findings(work, ap_conflict_check(work->inventory, &candidate,
                                          AP_PHASE_BIT(AP_PHASE_START)));
    /* A step that cannot be taken is a finding. */
    if (!ap_mdev_def_replay(def, NULL, NULL, &matrix, NULL))
        return TRUE;
    ap_txn_add_create(work->txn, uuid);
    ap_txn_add_matrix(work->txn, uuid, &empty, &matrix, host->has_ap_config);
    return TRUE;
}


gboolean
ap_driver_start(ApDriver *driver, const char *uuid, const ApMdevDef *def, ApOutcome *ret_outcome,
                GError **error)
{
    g_autofree char *name = uuid        ? g_strdup(uuid)
                          : def->uuid ? g_strdup(def->uuid)
                                      : g_uuid_string_random();
    g_auto(Work) work = { 0 };
    g_autoptr(ApDefinition) definition = NULL;
    g_autoptr(GBytes) bytes = NULL;

    if (!begin_change(&work, driver, "start", name, TRUE, error))
        return FALSE;
    if (uuid) {
        definition = require_definition(&work, uuid, &bytes, error);
        if (!definition)
            return FALSE;
        def = definition->def;
    }
    return start_def(&work, name, def, error) && finish(&work, ret_outcome, error);
}


static gboolean
require_active(Work *work, const char *uuid, GError **error)
{
    g_autofree char *path = g_strconcat(AP_HOST_MATRIX_DIR "/", uuid, NULL);

    if (ap_root_exists(work->driver->root, path))
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_NOT_FOUND, "mdev %s is not active\nsee `virt-ap list`",
                uuid);
    return FALSE;
}


gboolean
ap_driver_stop(ApDriver *driver, const char *uuid, ApOutcome *ret_outcome, GError **error)
{
    const ApCandidate candidate = { .uuid = uuid, .active = TRUE };
    g_auto(Work) work = { 0 };

    if (!begin_change(&work, driver, "stop", uuid, FALSE, error) ||
        !require_active(&work, uuid, error))
        return FALSE;
    load_inventory(&work);
    take_findings(&work, ap_conflict_check(work.inventory, &candidate,
                                           AP_PHASE_BIT(AP_PHASE_STOP)));
    ap_txn_add_remove(work.txn, uuid);
    return finish(&work, ret_outcome, error);
}


static gboolean
update_config(Work *work, const char *uuid, const ApMdevDef *def, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(GBytes) before = read_bytes(work, uuid, &local);

    if (!before) {
        if (!local)
            return set_undefined_error(error, uuid);
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    return change_definition(work, uuid, def, before);
}


static gboolean
update_live(Work *work, const char *uuid, const ApMdevDef *def, GError **error)
{
    ApMatrix before;
    ApMatrix after;
    gboolean has_ap_config;

    if (!ap_host_read_matrix(work->driver->root, uuid, &before, &has_ap_config, error))
        return FALSE;
    take_findings(work, ap_change_check_live(work->inventory, uuid, def));
    if (ap_mdev_def_replay(def, NULL, NULL, &after, NULL))
        ap_txn_add_matrix(work->txn, uuid, &before, &after, has_ap_config);
    return TRUE;
}


gboolean
ap_driver_update(ApDriver *driver, const char *uuid, const ApMdevDef *def, gboolean config,
                 gboolean live, ApOutcome *ret_outcome, GError **error)
{
    g_auto(Work) work = { 0 };

    if (!begin_change(&work, driver, "update", uuid, TRUE, error))
        return FALSE;
    if (!config && !live) {
        live = require_active(&work, uuid, NULL);
        config = !live;
    }
    if (live && !require_active(&work, uuid, error))
        return FALSE;
    load_inventory(&work);
    /* The file first: to undo it concerns no guest. */
    if ((config && !update_config(&work, uuid, def, error)) ||
        (live && !update_live(&work, uuid, def, error)))
        return FALSE;
    return finish(&work, ret_outcome, error);
}


gboolean
ap_driver_hand_over(ApDriver *driver, const ApHandoverRequest *request, ApHandover **ret_handover,
                    ApOutcome *ret_outcome, GError **error)
{
    g_auto(Work) work = { 0 };
    g_autoptr(ApHandover) handover = NULL;

    if (!begin_change(&work, driver, request->reclaim ? "reclaim" : "free", NULL, TRUE, error))
        return FALSE;
    load_inventory(&work);
    handover = ap_handover_plan(driver->root, work.inventory, request, error);
    if (!handover)
        return FALSE;
    take_findings(&work, ap_handover_check(handover, work.inventory));
    ap_handover_add_steps(handover, work.txn);
    if (!finish(&work, ret_outcome, error))
        return FALSE;
    *ret_handover = g_steal_pointer(&handover);
    return TRUE;
}


gboolean
ap_driver_apply_rule(ApDriver *driver, char **ret_report, GError **error)
{
    g_auto(Work) work = { 0 };
    g_autofree char *report = NULL;

    if (!begin_change(&work, driver, "recover --masks", NULL, FALSE, error))
        return FALSE;
    load_inventory(&work);
    report = ap_handover_add_intended(work.inventory, work.txn);
    if (!ap_txn_run(work.txn, error))
        return FALSE;
    *ret_report = g_steal_pointer(&report);
    return TRUE;
}


static ApInventory *
load_for_leftovers(gpointer data)
{
    Work *work = data;

    load_inventory(work);
    return g_steal_pointer(&work->inventory);
}


/* Adds a line to @report for each. */
static void
recover_leftovers(Work *work, char **report)
{
    const ApLeftovers leftovers = {
        .root = work->driver->root,
        .kernel = work->driver->kernel,
        .load = load_for_leftovers,
        .data = work,
    };
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

    ap_leftovers_remove(&leftovers, lines, lines);
    for (guint i = 0; i < lines->len; i++) {
        g_autofree char *before = *report;

        *report = g_strconcat(before, "\n", lines->pdata[i], NULL);
    }
}


gboolean
ap_driver_recover(ApDriver *driver, char **ret_report, GError **error)
{
    g_auto(Work) work = { 0 };

    if (!begin(&work, driver, FALSE, error) ||
        !ap_txn_recover(driver->root, driver->kernel, ret_report, error))
        return FALSE;
    recover_leftovers(&work, ret_report);
    return TRUE;
}
