/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's qemu hook does for a guest with AP. */
#include "qemu/qemu_ap_hook_call.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conf/ap_nodedev_xml.h"
#include "node_device/ap_log.h"
#include "node_device/inventory/ap_claim.h"
#include "node_device/inventory/ap_last_guests.h"
#include "node_device/inventory/ap_problem.h"
#include "node_device/plan/ap_plan_host.h"
#include "node_device/txn/ap_leftovers.h"
#include "node_device/txn/ap_txn.h"
#include "qemu/qemu_ap_guest.h"
#include "util/ap_error.h"
#include "util/ap_print.h"

static ApInventory *
load_inventory(const QemuApHookCall *call)
{
    return ap_session_load_inventory(call->session, AP_SESSION_ALL);
}


static gboolean
load_config(const QemuApHookCall *call, GError **error)
{
    if (ap_session_load_config(call->session, error))
        return TRUE;
    g_prefix_error(error, "bad configuration: ");
    return FALSE;
}


static gboolean
take_lock(const QemuApHookCall *call, GError **error)
{
    ap_session_watch(call->session);
    return !call->kernel || ap_session_lock(call->session, getpid(), error);
}


static void
warn(const QemuApHookCall *call, const char *mdev, const char *message)
{
    ap_print_error("warning: %s\n", message);
    if (ap_root_is_host(call->root))
        ap_log_warning(call->def->name, mdev, message);
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
conclude(const QemuApHookCall *call, GPtrArray *findings, GError **error)
{
    if (ap_finding_list_severity(findings) == AP_SEVERITY_REJECT) {
        set_refusal(findings, error);
        return FALSE;
    }
    for (guint i = 0; i < findings->len; i++) {
        const ApFinding *finding = findings->pdata[i];
        g_autofree char *text = ap_finding_to_text(finding);

        ap_print_error("warning: %s\n", text);
        if (ap_root_is_host(call->root))
            ap_log_finding(finding);
    }
    return TRUE;
}


static gboolean
write_claim(const QemuApHookCall *call, const char *mdev, gboolean brought_up, gboolean running,
            GError **error)
{
    g_autoptr(ApClaim) claim = ap_claim_new(call->root, call->def->name, call->def->uuid,
                                            mdev, call->daemon_pid);

    claim->brought_up = brought_up;
    claim->running = running;
    return !call->kernel || ap_claim_write(claim, call->root, error);
}


/* What an earlier claim of this guest brought up, and nobody took down, is still to be. */
static gboolean
was_brought_up(const QemuApHookCall *call, GPtrArray *claims, const char *mdev)
{
    for (guint i = 0; i < claims->len; i++) {
        const ApClaim *claim = claims->pdata[i];

        if (claim->brought_up && g_strcmp0(claim->guest_uuid, call->def->uuid) == 0 &&
            strcmp(claim->mdev, mdev) == 0)
            return TRUE;
    }
    return FALSE;
}


/* Of an earlier run: the new claim says the same, and more. */
static void
remove_ended_claim(const QemuApHookCall *call, GPtrArray *claims, const char *mdev)
{
    for (guint i = 0; i < claims->len; i++) {
        const ApClaim *claim = claims->pdata[i];

        if (claim->ended && g_strcmp0(claim->guest_uuid, call->def->uuid) == 0 &&
            strcmp(claim->mdev, mdev) == 0)
            ap_claim_remove(claim, call->root);
    }
}


static gboolean
write_claims(const QemuApHookCall *call, gboolean running, GError **error)
{
    g_autoptr(GPtrArray) problems = ap_problem_list_new();
    g_autoptr(GPtrArray) claims = ap_claims_load(call->root, problems);

    for (guint i = 0; i < call->def->mdevs->len; i++) {
        const char *mdev = call->def->mdevs->pdata[i];

        if (!write_claim(call, mdev, was_brought_up(call, claims, mdev), running, error))
            return FALSE;
        if (call->kernel)
            remove_ended_claim(call, claims, mdev);
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
create_mdev(const QemuApHookCall *call, const char *uuid, const ApMdevDef *steps,
            GError **error)
{
    if (ap_kernel_create_mdev(call->kernel, uuid, error) != 0)
        return FALSE;
    for (guint i = 0; i < steps->attrs->len; i++) {
        const ApMdevAttr *attr = steps->attrs->pdata[i];

        if (ap_kernel_write_attr(call->kernel, uuid, attr->name, attr->value, error) != 0)
            return FALSE;
    }
    return TRUE;
}


/* An mdev that an earlier start half made, or made of a definition that has changed since, and that
 * could not be removed. */
static gboolean
check_leftover(const QemuApHookCall *call, const ApMdev *mdev, GError **error)
{
    g_autoptr(GPtrArray) problems = ap_problem_list_new();
    g_autoptr(GPtrArray) claims = ap_claims_load(call->root, problems);

    if (!mdev->definition || !was_brought_up(call, claims, mdev->uuid) ||
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
bring_up(const QemuApHookCall *call, ApInventory *inventory, const char *uuid,
         gboolean *changed, GError **error)
{
    const ApMdev *mdev = ap_inventory_find(inventory, uuid);
    g_autoptr(ApMdevDef) own = NULL;
    const ApMdevDef *steps;

    if (mdev && mdev->active)
        return check_leftover(call, mdev, error);
    if (!ap_inventory_get_config(inventory)->start_guests) {
        g_autofree char *device = ap_nodedev_name(uuid);

        g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                    "mdev %s is not active, and [guests] start is no\nvirsh nodedev-start %s",
                    uuid, device);
        return FALSE;
    }
    /* What the guest brings is what libvirt says now, not what its definition once said. */
    own = mdev && !mdev->brought_by ? NULL : make_steps(call->def);
    steps = own ? own : mdev->definition->def;
    if (!call->kernel)
        return TRUE;
    if (!write_claim(call, uuid, TRUE, FALSE, error) ||
        !create_mdev(call, uuid, steps, error))
        return FALSE;
    *changed = TRUE;
    return TRUE;
}


/* The pool that the guest may ask, or an error: the configuration cannot allow less here. */
static const ApPool *
find_pool(const QemuApHookCall *call, ApInventory *inventory, GError **error)
{
    const ApDomainDef *def = call->def;
    const ApPool *pool = ap_config_find_pool(ap_inventory_get_config(inventory), def->pool.name);
    g_autofree char *name = ap_text_printable(def->pool.name);
    g_autofree char *guest = ap_text_printable(def->name);

    if (pool && ap_pool_has_guest(pool, def->name))
        return pool;
    g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                pool ? "pool '%s' does not list guest '%s'\nthe administrator of the host adds it "
                       "to guests in [pool NAME] in " AP_CONFIG_PATH
                     : "there is no pool '%s' for guest '%s'\nthe administrator of the host adds "
                       "[pool NAME] to " AP_CONFIG_PATH,
                name, guest);
    return NULL;
}


/* Nothing may be there already of what a pool is to give: neither its queues nor its matrix would
 * be the pool's. */
static gboolean
check_unmade(ApInventory *inventory, const char *uuid, GError **error)
{
    const ApMdev *mdev = ap_inventory_find(inventory, uuid);

    if (!mdev || (!mdev->active && !mdev->definition))
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                "mdev %s is %s already: a pool makes it when its guest starts\nvirt-ap %s %s", uuid,
                mdev->active ? "active" : "defined", mdev->active ? "stop" : "undefine", uuid);
    return FALSE;
}


/* What the guest asks a pool for: afterwards it is as if the guest brought this matrix itself. The
 * lock is held until it is active. */
static gboolean
allocate(const QemuApHookCall *call, ApInventory *inventory, GError **error)
{
    ApDomainDef *def = call->def;
    g_auto(ApPlanAnswer) answer = { 0 };
    ApPlanRequest request = {
        .n_queues = def->pool.n_queues,
        .spread = def->pool.spread,
        .keep_host = TRUE,
    };
    const ApPool *pool;

    if (!def->pool.name || def->mdevs->len == 0)
        return TRUE;
    if (def->mdevs->len > 1) {
        g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                    "a pool gives one matrix, and the guest has %u vfio-ap hostdevs\n"
                    "leave one of them", def->mdevs->len);
        return FALSE;
    }
    pool = find_pool(call, inventory, error);
    if (!pool || !check_unmade(inventory, def->mdevs->pdata[0], error))
        return FALSE;
    request.mode = pool->mode;
    request.min_generation = pool->min_generation;
    request.adapters = pool->adapters;
    request.domains = pool->domains;
    if (!ap_plan_for_host(inventory, &request, &answer, error)) {
        g_prefix_error(error, "pool '%s' cannot give guest '%s' what it asks for: ", pool->name,
                       def->name);
        return FALSE;
    }
    def->matrix = (ApMatrix){ answer.plan.adapters, answer.plan.domains, { { 0 } } };
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


/* Judges, brings up, and judges what the guest will see then. */
static gboolean
judge_and_bring_up(const QemuApHookCall *call, GError **error)
{
    g_autoptr(ApInventory) before = load_inventory(call);
    g_autoptr(ApInventory) after = NULL;
    g_autoptr(GPtrArray) findings = NULL;
    g_autoptr(GPtrArray) seen = NULL;
    gboolean changed = FALSE;

    if (!allocate(call, before, error))
        return FALSE;
    findings = judge(before, call->def);
    if (ap_finding_list_severity(findings) == AP_SEVERITY_REJECT)
        return conclude(call, findings, error);
    for (guint i = 0; i < call->def->mdevs->len; i++) {
        if (!bring_up(call, before, call->def->mdevs->pdata[i], &changed, error))
            return FALSE;
    }
    if (!changed)
        return conclude(call, findings, error);
    after = load_inventory(call);
    seen = judge(after, call->def);
    return conclude(call, seen, error);
}


static ApInventory *
load_for_leftovers(gpointer data)
{
    return load_inventory(data);
}


/* Takes down what was brought up for guests that have ended, also what could not be taken down
 * before. The lock is held. */
static void
remove_leftovers(const QemuApHookCall *call)
{
    const ApLeftovers leftovers = {
        .root = call->root,
        .kernel = call->kernel,
        .ended = call->def->uuid,
        .load = load_for_leftovers,
        .data = (gpointer)call,
    };
    g_autoptr(GPtrArray) removed = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) failed = g_ptr_array_new_with_free_func(g_free);

    ap_leftovers_remove(&leftovers, removed, failed);
    for (guint i = 0; i < failed->len; i++)
        warn(call, NULL, failed->pdata[i]);
}


/* A claim is this guest's by its UUID: another guest may have had its name. It stays, marked, until
 * what it brought up is gone. */
static void
end_claims(const QemuApHookCall *call, gboolean locked)
{
    g_autoptr(GError) error = NULL;

    if (!ap_claims_end(call->root, call->def->uuid, &error))
        warn(call, NULL, error->message);
    if (locked)
        remove_leftovers(call);
}


gboolean
qemu_ap_hook_call_prepare(const QemuApHookCall *call, GError **error)
{
    gboolean ok;

    if (!load_config(call, error))
        return FALSE;
    if (!call->def->uuid) {
        g_set_error(error, AP_ERROR, AP_ERROR_REFUSED, "the guest has no UUID");
        return FALSE;
    }
    if (!take_lock(call, error))
        return FALSE;
    /* Claims that this guest has before it starts are of a start that nobody ended, as hook and
     * daemon died: the matrix may be half made. Those of others can be late, too. */
    if (call->kernel)
        end_claims(call, TRUE);
    ok = ap_txn_check_closed(call->root, error) && write_claims(call, FALSE, error) &&
         judge_and_bring_up(call, error);
    if (!ok && call->kernel)
        end_claims(call, TRUE);
    ap_session_unlock(call->session);
    return ok;
}


/* What the guest's CPU hides, of which libvirt has made up its mind by now. All else of the matrix
 * was judged when it was prepared. */
static void
add_view(const QemuApHookCall *call, GPtrArray *findings)
{
    g_autoptr(ApInventory) inventory = NULL;
    g_autoptr(GPtrArray) all = NULL;

    if (ap_domain_def_get_view(call->def) == 0)
        return;
    inventory = load_inventory(call);
    all = qemu_ap_guest_check_start(inventory, call->def, AP_PHASE_BIT(AP_PHASE_GUEST));
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
qemu_ap_hook_call_start(const QemuApHookCall *call, GError **error)
{
    g_autoptr(GPtrArray) findings = NULL;

    if (!load_config(call, error))
        return FALSE;
    findings = qemu_ap_guest_check_taken(call->def, ap_session_get_config(call->session));
    add_view(call, findings);
    return conclude(call, findings, error);
}


void
qemu_ap_hook_call_reconnect(const QemuApHookCall *call)
{
    g_autoptr(GError) error = NULL;

    if (!call->kernel || !call->def->uuid)
        return;
    if (!write_claims(call, TRUE, &error))
        warn(call, NULL, error->message);
}


/* The queues of a guest that runs: what its mdev holds, or what it was defined to hold. */
static gboolean
find_matrix(const QemuApHookCall *call, ApHost *host, const char *uuid, ApMatrix *ret_matrix,
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
    if (ap_host_read_matrix(call->root, uuid, ret_matrix, &has_ap_config, &local))
        return TRUE;
    if (!g_error_matches(local, AP_ERROR, AP_ERROR_NOT_FOUND))
        definition = ap_defs_read(call->root, uuid, NULL);
    if (!definition) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    *ret_matrix = definition->matrix;
    return TRUE;
}


static void
note_last_guest(const QemuApHookCall *call, ApHost *host, const char *uuid)
{
    g_autoptr(GError) error = NULL;
    ApMatrix matrix;

    if (!find_matrix(call, host, uuid, &matrix, &error)) {
        if (!g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
            warn(call, uuid, error->message);
        return;
    }
    if (!ap_last_guests_note(call->root, &matrix, call->def->name, call->def->uuid,
                             &error))
        warn(call, uuid, error->message);
}


void
qemu_ap_hook_call_started(const QemuApHookCall *call)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ApHost) host = NULL;
    gboolean locked;

    if (!call->kernel || !call->def->uuid)
        return;
    ap_session_load_config(call->session, NULL);
    locked = take_lock(call, &error);
    /* The guest runs whoever has the lock. */
    qemu_ap_hook_call_reconnect(call);
    host = ap_host_load(call->root);
    for (guint i = 0; i < call->def->mdevs->len; i++)
        note_last_guest(call, host, call->def->mdevs->pdata[i]);
    if (locked)
        ap_session_unlock(call->session);
}


void
qemu_ap_hook_call_release(const QemuApHookCall *call)
{
    g_autoptr(GError) error = NULL;
    gboolean locked;

    if (!call->kernel || !call->def->uuid)
        return;
    ap_session_load_config(call->session, NULL);
    locked = take_lock(call, &error);
    if (!locked)
        warn(call, NULL, error->message);
    /* The guest is gone whoever has the lock; what was brought up stays then for the next time. */
    end_claims(call, locked);
    if (locked)
        ap_session_unlock(call->session);
}
