/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's qemu hook does for a guest with AP. */
#include "qemu/qemu_ap_session.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/ap_nodedev_xml.h"
#include "node_device/ap_log.h"
#include "node_device/inventory/ap_claim.h"
#include "node_device/inventory/ap_config_load.h"
#include "node_device/inventory/ap_last_guests.h"
#include "node_device/inventory/ap_problem.h"
#include "node_device/txn/ap_leftovers.h"
#include "node_device/txn/ap_txn.h"
#include "qemu/qemu_ap_guest.h"
#include "util/ap_error.h"
#include "util/ap_lock.h"
#include "util/ap_print.h"

/* How long anything but waiting for the lock may take, in seconds; SIGALRM then ends the hook,
 * which is a no. Removing an mdev may take AP_KERNEL_REMOVE_TIMEOUT_MS. */
#define WATCHDOG_S 60


static GPtrArray *
load_guests(GPtrArray *problems, gpointer data)
{
    const QemuApSession *session = data;

    return ap_guests_load(session->root, problems);
}


/* Takes over @config. */
static ApInventory *
load_inventory(const QemuApSession *session, ApConfig *config)
{
    GPtrArray *problems = ap_problem_list_new();
    GPtrArray *definitions = ap_defs_load(session->root, problems);

    return ap_inventory_new(ap_host_load(session->root), definitions, problems, config,
                            load_guests, (gpointer)session);
}


static char *
get_lock_path(const QemuApSession *session)
{
    return g_build_filename(ap_root_get_path(session->root), AP_LOCK_PATH, NULL);
}


static gboolean
take_lock(const QemuApSession *session, guint timeout_s, GError **error)
{
    g_autofree char *path = get_lock_path(session);

    alarm(WATCHDOG_S + timeout_s);
    return !session->kernel || ap_lock_take(path, getpid(), timeout_s * 1000, error);
}


static void
release_lock(const QemuApSession *session)
{
    g_autofree char *path = get_lock_path(session);

    if (session->kernel)
        ap_lock_release(path, getpid());
}


/* The configuration for what may not fail because of it. */
static ApConfig *
load_config_or_default(const QemuApSession *session)
{
    ApConfig *config = ap_config_load(session->root, NULL);

    return config ? config : ap_config_new();
}


static void
warn(const QemuApSession *session, const char *mdev, const char *message)
{
    ap_print_error("warning: %s\n", message);
    if (ap_root_is_host(session->root))
        ap_log_warning(session->def->name, mdev, message);
}


/* libvirt puts a long prefix before what it shows of a refusal: the first reason is told in full,
 * of the others the first line. */
static void
set_refusal(GPtrArray *findings, GError **error)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < findings->len; i++) {
        const ApFinding *finding = findings->pdata[i];
        g_autofree char *full = ap_finding_to_text(finding);

        if (finding->severity != AP_SEVERITY_REJECT)
            continue;
        if (text->len > 0)
            g_string_append_printf(text, "\n%.*s", (int)strcspn(full, "\n"), full);
        else
            g_string_append(text, full);
    }
    g_set_error_literal(error, AP_ERROR, AP_ERROR_REFUSED, text->str);
    g_string_free(text, TRUE);
}


/* Tells the warnings; FALSE if something is refused. */
static gboolean
conclude(const QemuApSession *session, GPtrArray *findings, GError **error)
{
    if (ap_finding_list_severity(findings) == AP_SEVERITY_REJECT) {
        set_refusal(findings, error);
        return FALSE;
    }
    for (guint i = 0; i < findings->len; i++) {
        const ApFinding *finding = findings->pdata[i];
        g_autofree char *text = ap_finding_to_text(finding);

        ap_print_error("warning: %s\n", text);
        if (ap_root_is_host(session->root))
            ap_log_finding(finding);
    }
    return TRUE;
}


static gboolean
write_claim(const QemuApSession *session, const char *mdev, gboolean brought_up, gboolean running,
            GError **error)
{
    g_autoptr(ApClaim) claim = ap_claim_new(session->root, session->def->name, session->def->uuid,
                                            mdev, session->daemon_pid);

    claim->brought_up = brought_up;
    claim->running = running;
    return !session->kernel || ap_claim_write(claim, session->root, error);
}


/* What an earlier claim of this guest brought up, and nobody took down, is still to be. */
static gboolean
was_brought_up(const QemuApSession *session, GPtrArray *claims, const char *mdev)
{
    for (guint i = 0; i < claims->len; i++) {
        const ApClaim *claim = claims->pdata[i];

        if (claim->brought_up && g_strcmp0(claim->guest_uuid, session->def->uuid) == 0 &&
            strcmp(claim->mdev, mdev) == 0)
            return TRUE;
    }
    return FALSE;
}


/* Of an earlier run: the new claim says the same, and more. */
static void
remove_ended_claim(const QemuApSession *session, GPtrArray *claims, const char *mdev)
{
    for (guint i = 0; i < claims->len; i++) {
        const ApClaim *claim = claims->pdata[i];

        if (claim->ended && g_strcmp0(claim->guest_uuid, session->def->uuid) == 0 &&
            strcmp(claim->mdev, mdev) == 0)
            ap_claim_remove(claim, session->root);
    }
}


static gboolean
write_claims(const QemuApSession *session, gboolean running, GError **error)
{
    g_autoptr(GPtrArray) problems = ap_problem_list_new();
    g_autoptr(GPtrArray) claims = ap_claims_load(session->root, problems);

    for (guint i = 0; i < session->def->mdevs->len; i++) {
        const char *mdev = session->def->mdevs->pdata[i];

        if (!write_claim(session, mdev, was_brought_up(session, claims, mdev), running, error))
            return FALSE;
        if (session->kernel)
            remove_ended_claim(session, claims, mdev);
    }
    return TRUE;
}


/* What the kernel is to be told: a definition's attributes, or the matrix of the metadata. */
static ApMdevDef *
make_steps(const ApDomainDef *def)
{
    ApMdevDef *steps = ap_mdev_def_new(AP_MDEV_TYPE);

    ap_mdev_def_add_matrix(steps, &def->matrix, TRUE);
    return steps;
}


/* Who asked takes down what is half made. */
static gboolean
create_mdev(const QemuApSession *session, const char *uuid, const ApMdevDef *steps,
            GError **error)
{
    if (ap_kernel_create_mdev(session->kernel, uuid, error) != 0)
        return FALSE;
    for (guint i = 0; i < steps->attrs->len; i++) {
        const ApMdevAttr *attr = steps->attrs->pdata[i];

        if (ap_kernel_write_attr(session->kernel, uuid, attr->name, attr->value, error) != 0)
            return FALSE;
    }
    return TRUE;
}


/* An mdev that an earlier start half made, or made of a definition that has changed since, and that
 * could not be removed. */
static gboolean
check_leftover(const QemuApSession *session, const ApMdev *mdev, GError **error)
{
    g_autoptr(GPtrArray) problems = ap_problem_list_new();
    g_autoptr(GPtrArray) claims = ap_claims_load(session->root, problems);

    if (!mdev->definition || !was_brought_up(session, claims, mdev->uuid) ||
        ap_matrix_equal(&mdev->live, &mdev->definition->matrix))
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                "mdev %s is left of an earlier start and not as it is defined\n"
                "virt-ap stop %s, then start the guest again",
                mdev->uuid, mdev->uuid);
    return FALSE;
}


/* The claim says so before it is done: what a hook that dies in between has made is found and
 * removed by the release that libvirt calls then. */
static gboolean
bring_up(const QemuApSession *session, ApInventory *inventory, const char *uuid,
         gboolean *changed, GError **error)
{
    const ApMdev *mdev = ap_inventory_find(inventory, uuid);
    g_autoptr(ApMdevDef) own = NULL;
    const ApMdevDef *steps;

    if (mdev && mdev->active)
        return check_leftover(session, mdev, error);
    if (!ap_inventory_get_config(inventory)->start_guests) {
        g_autofree char *device = ap_nodedev_name(uuid);

        g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                    "mdev %s is not active, and [guests] start is no\nvirsh nodedev-start %s",
                    uuid, device);
        return FALSE;
    }
    /* What the guest brings is what libvirt says now, not what its definition once said. */
    own = mdev && !mdev->brought_by ? NULL : make_steps(session->def);
    steps = own ? own : mdev->definition->def;
    if (!session->kernel)
        return TRUE;
    if (!write_claim(session, uuid, TRUE, FALSE, error) ||
        !create_mdev(session, uuid, steps, error))
        return FALSE;
    *changed = TRUE;
    return TRUE;
}


/* What is judged before: a matrix that is not active has to start, too. */
static GPtrArray *
judge(ApInventory *inventory, const ApDomainDef *def)
{
    guint phases = AP_PHASE_BIT(AP_PHASE_GUEST);

    for (guint i = 0; i < def->mdevs->len; i++) {
        const ApMdev *mdev = ap_inventory_find(inventory, def->mdevs->pdata[i]);

        if (!mdev || !mdev->active)
            phases |= AP_PHASE_BIT(AP_PHASE_START);
    }
    return qemu_ap_guest_check_start(inventory, def, phases);
}


/* Judges, brings up, and judges what the guest will see then. Takes over @config. */
static gboolean
judge_and_bring_up(const QemuApSession *session, ApConfig *config, GError **error)
{
    g_autoptr(ApInventory) before = load_inventory(session, config);
    g_autoptr(ApInventory) after = NULL;
    g_autoptr(GPtrArray) findings = judge(before, session->def);
    g_autoptr(GPtrArray) seen = NULL;
    gboolean changed = FALSE;

    if (ap_finding_list_severity(findings) == AP_SEVERITY_REJECT)
        return conclude(session, findings, error);
    for (guint i = 0; i < session->def->mdevs->len; i++) {
        if (!bring_up(session, before, session->def->mdevs->pdata[i], &changed, error))
            return FALSE;
    }
    if (!changed)
        return conclude(session, findings, error);
    after = load_inventory(session, load_config_or_default(session));
    seen = judge(after, session->def);
    return conclude(session, seen, error);
}


static ApInventory *
load_for_leftovers(gpointer data)
{
    return load_inventory(data, load_config_or_default(data));
}


/* Takes down what was brought up for guests that have ended, also what could not be taken down
 * before. The lock is held. */
static void
remove_leftovers(const QemuApSession *session)
{
    const ApLeftovers leftovers = {
        .root = session->root,
        .kernel = session->kernel,
        .ended = session->def->uuid,
        .load = load_for_leftovers,
        .data = (gpointer)session,
    };
    g_autoptr(GPtrArray) removed = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) failed = g_ptr_array_new_with_free_func(g_free);

    ap_leftovers_remove(&leftovers, removed, failed);
    for (guint i = 0; i < failed->len; i++)
        warn(session, NULL, failed->pdata[i]);
}


/* A claim is this guest's by its UUID: another guest may have had its name. It stays, marked, until
 * what it brought up is gone. */
static void
end_claims(const QemuApSession *session, gboolean locked)
{
    g_autoptr(GError) error = NULL;

    if (!ap_claims_end(session->root, session->def->uuid, &error))
        warn(session, NULL, error->message);
    if (locked)
        remove_leftovers(session);
}


gboolean
qemu_ap_session_prepare(const QemuApSession *session, GError **error)
{
    g_autoptr(ApConfig) config = ap_config_load(session->root, error);
    gboolean ok;

    if (!config) {
        g_prefix_error(error, "bad configuration: ");
        return FALSE;
    }
    if (!session->def->uuid) {
        g_set_error(error, AP_ERROR, AP_ERROR_REFUSED, "the guest has no UUID");
        return FALSE;
    }
    if (!take_lock(session, config->lock_timeout_s, error))
        return FALSE;
    /* Claims that this guest has before it starts are of a start that nobody ended, as hook and
     * daemon died: the matrix may be half made. Those of others can be late, too. */
    if (session->kernel)
        end_claims(session, TRUE);
    ok = ap_txn_check_closed(session->root, error) && write_claims(session, FALSE, error) &&
         judge_and_bring_up(session, g_steal_pointer(&config), error);
    if (!ok && session->kernel)
        end_claims(session, TRUE);
    release_lock(session);
    return ok;
}


/* What the guest's CPU hides, of which libvirt has made up its mind by now. All else of the matrix
 * was judged when it was prepared. */
static void
add_view(const QemuApSession *session, GPtrArray *findings)
{
    g_autoptr(ApInventory) inventory = NULL;
    g_autoptr(GPtrArray) all = NULL;

    if (ap_domain_def_get_view(session->def) == 0)
        return;
    inventory = load_inventory(session, load_config_or_default(session));
    all = qemu_ap_guest_check_start(inventory, session->def, AP_PHASE_BIT(AP_PHASE_GUEST));
    while (all->len > 0) {
        ApFinding *finding = all->pdata[all->len - 1];
        gboolean is_view =
            finding->code == AP_CODE_NOT_VISIBLE || finding->code == AP_CODE_NOT_BINDABLE;

        if (is_view)
            g_ptr_array_add(findings, g_ptr_array_steal_index(all, all->len - 1));
        else
            g_ptr_array_remove_index(all, all->len - 1);
    }
    ap_finding_list_sort(findings);
}


gboolean
qemu_ap_session_start(const QemuApSession *session, GError **error)
{
    g_autoptr(ApConfig) config = ap_config_load(session->root, error);
    g_autoptr(GPtrArray) findings = NULL;

    if (!config) {
        g_prefix_error(error, "bad configuration: ");
        return FALSE;
    }
    findings = qemu_ap_guest_check_taken(session->def, config);
    add_view(session, findings);
    return conclude(session, findings, error);
}


void
qemu_ap_session_reconnect(const QemuApSession *session)
{
    g_autoptr(GError) error = NULL;

    if (!session->kernel || !session->def->uuid)
        return;
    if (!write_claims(session, TRUE, &error))
        warn(session, NULL, error->message);
}


/* The queues of a guest that runs: what its mdev holds, or what it was defined to hold. */
static gboolean
find_matrix(const QemuApSession *session, ApHost *host, const char *uuid, ApMatrix *ret_matrix,
            GError **error)
{
    const ApActiveMdev *mdev = ap_host_find_mdev(host, uuid);
    g_autoptr(ApDefinition) definition = NULL;
    g_autoptr(GError) local = NULL;
    gboolean has_ap_config;

    if (mdev) {
        *ret_matrix = mdev->matrix;
        return TRUE;
    }
    if (ap_host_read_matrix(session->root, uuid, ret_matrix, &has_ap_config, &local))
        return TRUE;
    if (!g_error_matches(local, AP_ERROR, AP_ERROR_NOT_FOUND))
        definition = ap_defs_read(session->root, uuid, NULL);
    if (!definition) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    *ret_matrix = definition->matrix;
    return TRUE;
}


static void
note_last_guest(const QemuApSession *session, ApHost *host, const char *uuid)
{
    g_autoptr(GError) error = NULL;
    ApMatrix matrix;

    if (!find_matrix(session, host, uuid, &matrix, &error)) {
        if (!g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
            warn(session, uuid, error->message);
        return;
    }
    if (!ap_last_guests_note(session->root, &matrix, session->def->name, session->def->uuid,
                             &error))
        warn(session, uuid, error->message);
}


void
qemu_ap_session_started(const QemuApSession *session)
{
    g_autoptr(ApConfig) config = load_config_or_default(session);
    g_autoptr(GError) error = NULL;
    g_autoptr(ApHost) host = NULL;
    gboolean locked;

    if (!session->kernel || !session->def->uuid)
        return;
    locked = take_lock(session, config->lock_timeout_s, &error);
    /* The guest runs whoever has the lock. */
    qemu_ap_session_reconnect(session);
    host = ap_host_load(session->root);
    for (guint i = 0; i < session->def->mdevs->len; i++)
        note_last_guest(session, host, session->def->mdevs->pdata[i]);
    if (locked)
        release_lock(session);
}


void
qemu_ap_session_release(const QemuApSession *session)
{
    g_autoptr(ApConfig) config = load_config_or_default(session);
    g_autoptr(GError) error = NULL;
    gboolean locked;

    if (!session->kernel || !session->def->uuid)
        return;
    locked = take_lock(session, config->lock_timeout_s, &error);
    if (!locked)
        warn(session, NULL, error->message);
    /* The guest is gone whoever has the lock; what was brought up stays then for the next time. */
    end_claims(session, locked);
    if (locked)
        release_lock(session);
}
