/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Queues that change hands between the host and its guests. */
#include "node_device/ap_handover_priv.h"

#include <string.h>

#include "conf/ap_chzdev_rule.h"
#include "node_device/conflict/ap_conflict_handover.h"
#include "util/ap_error.h"

static void
override_free(gpointer data)
{
    ApHandoverOverride *override = data;

    g_clear_pointer(&override->record, g_bytes_unref);
    g_free(override);
}


void
ap_handover_free(ApHandover *handover)
{
    if (!handover)
        return;
    g_clear_pointer(&handover->rule_before, g_bytes_unref);
    g_clear_pointer(&handover->rule_after, g_bytes_unref);
    g_ptr_array_unref(handover->overrides);
    g_free(handover);
}


gboolean
ap_handover_set_refused(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_propagate_error(error, g_error_new_valist(AP_ERROR, AP_ERROR_REFUSED, format, args));
    va_end(args);
    return FALSE;
}


static gboolean
set_missing_ids(GError **error, const char *what, const ApMask *missing)
{
    g_autofree char *ids = ap_mask_describe(missing);

    g_set_error(error, AP_ERROR, AP_ERROR_NOT_FOUND, "this LPAR has no %s %s\nsee `virt-ap list`",
                what, ids);
    return FALSE;
}


/* Whether all that is asked for is in this LPAR. */
static gboolean
require_there(const ApHandoverPlan *plan, GError **error)
{
    const ApWish *wish = &plan->handover->request.wish;
    ApMask adapters = ap_mask_minus(&wish->adapters, &plan->lpar.adapters);
    ApMask domains = ap_mask_minus(&wish->domains, &plan->lpar.domains);
    guint position = 0;
    ApApqn apqn;

    if (!ap_mask_is_empty(&adapters))
        return set_missing_ids(error, "adapter", &adapters);
    if (!ap_mask_is_empty(&domains))
        return set_missing_ids(error, "domain", &domains);
    while (ap_apqn_set_next(&wish->queues, &position, &apqn)) {
        g_autofree char *name = NULL;

        if (ap_mask_has(&plan->lpar.adapters, apqn.adapter) &&
            ap_mask_has(&plan->lpar.domains, apqn.domain))
            continue;
        name = ap_apqn_describe(apqn);
        g_set_error(error, AP_ERROR, AP_ERROR_NOT_FOUND,
                    "this LPAR has no queue %s\nsee `virt-ap list`", name);
        return FALSE;
    }
    return TRUE;
}


static ApHostMasks
get_next_masks(const ApNextBoot *next)
{
    const ApBootMasks *masks = ap_next_boot_get_masks(next);

    return (ApHostMasks){ masks->apmask, masks->aqmask };
}


static ApHostMasks
get_live_masks(const ApHost *host)
{
    return (ApHostMasks){ host->apmask, host->aqmask };
}


/* What gives queues to guests by masks; NULL if nothing does. */
static const char *
find_masks(const ApHandoverPlan *plan)
{
    const ApHostMasks live = get_live_masks(plan->host);
    const ApHostMasks later = get_next_masks(plan->next);
    const ApBootMasks *masks = ap_next_boot_get_masks(plan->next);

    if (!ap_masks_are_full(&later))
        return masks->apmask_by   ? masks->apmask_by
               : masks->aqmask_by ? masks->aqmask_by
                                  : "the kernel";
    return ap_masks_are_full(&live) ? NULL : "the kernel";
}


/* The kernel takes masks or overrides, not both. */
static gboolean
require_one_way(const ApHandoverPlan *plan, GError **error)
{
    const char *masks = find_masks(plan);
    gboolean records = ap_next_boot_has_records(plan->next);

    if (!masks || !(records || ap_host_has_overrides(plan->host)))
        return TRUE;
    return ap_handover_set_refused(
        error,
        "this host gives queues to guests in two ways, of which the kernel takes "
        "one: %s sets masks, and %s a driver_override\n"
        "use one of them: no masks: `chzdev --type ap apmask=+0x00-0xff "
        "aqmask=+0x00-0xff`; or no driver_override: `driverctl -b ap "
        "unset-override APQN` for each queue",
        masks, records ? AP_NEXT_BOOT_RECORDS " keeps" : "a queue has");
}


/* The masks of one place, for each way; adds to @changed what changes hands there. */
static void
plan_scope(ApHandoverPlan *plan, ApHandoverScope *scope, ApApqnSet changed[AP_N_FREE_WAYS])
{
    const ApHandover *handover = plan->handover;
    const ApHandoverRequest *request = &handover->request;

    for (ApFreeWay way = 0; way < AP_N_FREE_WAYS; way++) {
        ApApqnSet set;

        scope->after[way] = request->reclaim ? ap_masks_reclaim(&scope->before, &request->wish)
                                             : ap_masks_free(&scope->before, &request->wish, way);
        ap_masks_get_changed(&scope->before, &scope->after[way], &plan->lpar, &set);
        ap_apqn_set_add_all(&changed[way], &set);
    }
}


static gboolean
differs(const ApHandoverScope *scope)
{
    return !ap_masks_equal(&scope->after[AP_FREE_BY_ADAPTER], &scope->after[AP_FREE_BY_DOMAIN]);
}


/* Takes the way with the fewer further queues. */
static void
choose_way(ApHandoverPlan *plan, const ApApqnSet changed[AP_N_FREE_WAYS])
{
    ApHandover *handover = plan->handover;
    guint counts[AP_N_FREE_WAYS];

    handover->n_ways = differs(&handover->live) || differs(&handover->config) ? AP_N_FREE_WAYS : 1;
    for (ApFreeWay way = 0; way < AP_N_FREE_WAYS; way++) {
        handover->further[way] = changed[way];
        ap_apqn_set_remove_all(&handover->further[way], &plan->queues);
        counts[way] = ap_apqn_set_count(&handover->further[way]);
    }
    handover->way = counts[AP_FREE_BY_DOMAIN] < counts[AP_FREE_BY_ADAPTER] ? AP_FREE_BY_DOMAIN
                                                                           : AP_FREE_BY_ADAPTER;
    handover->in_all = changed[handover->way];
    handover->asked = changed[handover->way];
    ap_apqn_set_remove_all(&handover->asked, &handover->further[handover->way]);
    ap_masks_get_changed(&handover->live.before, &handover->live.after[handover->way], &plan->lpar,
                         &handover->now);
}


/* The rule that somebody else's undoes has no effect. */
static gboolean
require_in_force(const ApHandoverPlan *plan, const ApNextBoot *as_if, GError **error)
{
    const ApHandover *handover = plan->handover;
    const ApHostMasks *wanted = &handover->config.after[handover->way];
    const ApBootMasks *got = ap_next_boot_get_masks(as_if);
    gboolean is_apmask = !ap_mask_equal(&wanted->apmask, &got->apmask);
    const char *by = is_apmask ? got->apmask_by : got->aqmask_by;

    if (!as_if->known)
        return ap_handover_set_refused(
            error, "what holds after the next boot cannot be told: %s",
            as_if->why_unknown);
    if (!is_apmask && ap_mask_equal(&wanted->aqmask, &got->aqmask))
        return TRUE;
    return ap_handover_set_refused(
        error,
        "%s sets %s after " AP_NEXT_BOOT_CHZDEV_RULE " has: a change there would "
        "have no effect after the next boot\n"
        "change the masks in that file, or remove it; or for now: --live",
        by ? by : "something else", is_apmask ? "apmask" : "aqmask");
}


static ApNextBoot *
load_as_if(const ApHandoverPlan *plan, const char *rule)
{
    g_autoptr(GPtrArray) problems = ap_problem_list_new();

    return ap_next_boot_load_as_if(plan->host, rule, problems);
}


/* Whether the masks come to the same without any rule: who gave the last queue back need not keep
 * one that says what the kernel does anyway. */
static gboolean
is_dispensable(const ApHandoverPlan *plan)
{
    const ApHandover *handover = plan->handover;
    const ApHostMasks *wanted = &handover->config.after[handover->way];
    g_autoptr(ApNextBoot) without = NULL;
    ApHostMasks got;

    if (!handover->rule_before || !handover->request.reclaim || !plan->next->has_cmdline)
        return FALSE;
    without = load_as_if(plan, NULL);
    got = get_next_masks(without);
    return without->known && ap_masks_equal(&got, wanted);
}


/* What the rule is to say. */
static gboolean
write_rule(ApHandoverPlan *plan, ApChzdevRule *rule, GError **error)
{
    ApHandover *handover = plan->handover;
    const ApHostMasks *before = &handover->config.before;
    const ApHostMasks *after = &handover->config.after[handover->way];
    g_autoptr(ApNextBoot) as_if = NULL;
    g_autofree char *text = NULL;

    rule->has_apmask |= !ap_mask_equal(&before->apmask, &after->apmask);
    rule->has_aqmask |= !ap_mask_equal(&before->aqmask, &after->aqmask);
    rule->apmask = after->apmask;
    rule->aqmask = after->aqmask;
    text = ap_chzdev_rule_format(rule);
    as_if = load_as_if(plan, text);
    /* An older rule may miss its event. */
    if (as_if->outcomes->len > 1 && !rule->looks_at_count) {
        rule->looks_at_count = TRUE;
        return write_rule(plan, rule, error);
    }
    if (!require_in_force(plan, as_if, error))
        return FALSE;
    if (!is_dispensable(plan))
        handover->rule_after = g_bytes_new(text, strlen(text));
    return TRUE;
}


static gboolean
plan_rule(ApHandoverPlan *plan, GError **error)
{
    ApHandover *handover = plan->handover;
    const ApHostMasks *after = &handover->config.after[handover->way];
    ApChzdevRule rule = { .looks_at_count = TRUE };
    g_autoptr(GError) local = NULL;
    gsize length = 0;
    g_autofree char *text =
        ap_root_read(plan->root, AP_NEXT_BOOT_CHZDEV_RULE, AP_ROOT_SMALL_MAX, &length, &local);

    handover->chzdev_base = get_live_masks(plan->host);
    if (!text && !g_error_matches(local, AP_ERROR, AP_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    g_clear_error(&local);
    if (text && (strlen(text) != length || !ap_chzdev_rule_parse(text, &rule, &local))) {
        g_autofree char *command =
            ap_next_boot_format_masks(&after->apmask, &after->aqmask, "--persistent");

        return ap_handover_set_refused(
            error,
            AP_NEXT_BOOT_CHZDEV_RULE " was changed by hand (%s): to write it again "
            "would lose that, and chzdev may not read it\n"
            "look at it; to have chzdev write it: `%s`; or for now: --live",
            local ? local->message : "no text", command);
    }
    if (text)
        handover->rule_before = g_bytes_new(text, length);
    if (rule.has_apmask)
        handover->chzdev_base.apmask = rule.apmask;
    if (rule.has_aqmask)
        handover->chzdev_base.aqmask = rule.aqmask;
    return write_rule(plan, &rule, error);
}


static gboolean
plan_masks(ApHandoverPlan *plan, GError **error)
{
    ApHandover *handover = plan->handover;
    const ApHandoverRequest *request = &handover->request;
    ApApqnSet changed[AP_N_FREE_WAYS] = { 0 };

    if (request->config && !plan->next->known)
        return ap_handover_set_refused(
            error,
            "what holds after the next boot cannot be told: %s\n"
            "mend that first; or for now: --live",
            plan->next->why_unknown);
    if (request->live) {
        handover->live.before = get_live_masks(plan->host);
        plan_scope(plan, &handover->live, changed);
    }
    if (request->config) {
        handover->config.before = get_next_masks(plan->next);
        plan_scope(plan, &handover->config, changed);
    }
    choose_way(plan, changed);
    if (ap_masks_equal(&handover->config.before, &handover->config.after[handover->way]))
        return TRUE;
    return plan_rule(plan, error);
}


static gboolean
changes(const ApHandoverScope *scope, ApFreeWay way)
{
    return !ap_masks_equal(&scope->before, &scope->after[way]);
}


static gboolean
set_already(const ApHandoverPlan *plan, GError **error)
{
    const ApHandover *handover = plan->handover;
    const ApHandoverRequest *request = &handover->request;
    const char *when = request->live && request->config ? ", now and after the next boot"
                       : request->config               ? " after the next boot"
                                                       : "";
    const ApMdev *holder = NULL;
    g_autofree char *name = NULL;
    guint position = 0;
    ApApqn apqn = { 0 };

    if (!ap_apqn_set_next(&plan->queues, &position, &apqn))
        return ap_handover_set_refused(error, "nothing was asked for");
    name = ap_apqn_describe(apqn);
    holder = ap_inventory_get_owner_of(plan->inventory, apqn);
    if (!request->reclaim && holder)
        return ap_handover_set_refused(
            error, "queue %s is not the host's: it belongs to mdev %s\n"
            "see `virt-ap map`",
            name, holder->uuid);
    return ap_handover_set_refused(
        error, "queue %s is %s already%s\nsee `virt-ap map`", name,
        request->reclaim ? "the host's" : "free for guests", when);
}


static gboolean
is_nothing(const ApHandoverPlan *plan)
{
    const ApHandover *handover = plan->handover;

    if (handover->by_override)
        return ap_apqn_set_is_empty(&handover->in_all);
    return !changes(&handover->live, handover->way) && !changes(&handover->config, handover->way);
}


static gboolean
run(ApHandoverPlan *plan, GError **error)
{
    gboolean done;

    if (!plan->host->has_bus) {
        g_set_error(error, AP_ERROR, AP_ERROR_NO_BUS, "this host has no AP bus\nmodprobe ap");
        return FALSE;
    }
    if (!plan->host->masks_known) {
        g_set_error(error, AP_ERROR, AP_ERROR_IO,
                    "which queues are the host's cannot be told: apmask or aqmask cannot be read\n"
                    "see `virt-ap check`");
        return FALSE;
    }
    if (!require_there(plan, error) || !require_one_way(plan, error))
        return FALSE;
    if (!find_masks(plan) && ap_handover_has_override_attribute(plan))
        done = ap_handover_plan_overrides(plan, error);
    else
        done = plan_masks(plan, error);
    if (!done)
        return FALSE;
    return is_nothing(plan) ? set_already(plan, error) : TRUE;
}


ApHandover *
ap_handover_plan(const ApRoot *root, ApInventory *inventory, const ApHandoverRequest *request,
                 GError **error)
{
    g_autoptr(ApHandover) handover = g_new0(ApHandover, 1);
    ApHost *host = ap_inventory_get_host(inventory);
    ApHandoverPlan plan = {
        .root = root,
        .inventory = inventory,
        .host = host,
        .next = ap_inventory_get_next_boot(inventory),
        .lpar = { .adapters = host->adapters, .domains = host->domains },
        .handover = handover,
    };

    handover->request = *request;
    if (!request->live && !request->config)
        handover->request.live = handover->request.config = TRUE;
    handover->overrides = g_ptr_array_new_with_free_func(override_free);
    ap_wish_get_queues(&request->wish, &plan.lpar, &plan.queues);
    return run(&plan, error) ? g_steal_pointer(&handover) : NULL;
}


GPtrArray *
ap_handover_check(const ApHandover *handover, ApInventory *inventory)
{
    return handover->request.reclaim
               ? ap_conflict_check_reclaim(inventory, &handover->now, &handover->in_all)
               : ap_conflict_check_free(inventory, &handover->in_all);
}


void
ap_handover_add_steps(const ApHandover *handover, ApTxn *txn)
{
    const ApHandoverScope *live = &handover->live;

    ap_handover_add_override_steps(handover, txn);
    if (handover->rule_before || handover->rule_after)
        ap_txn_add_file(txn, AP_NEXT_BOOT_CHZDEV_RULE, handover->rule_before,
                        handover->rule_after);
    ap_txn_add_masks(txn, &live->before.apmask, &live->before.aqmask,
                     &live->after[handover->way].apmask, &live->after[handover->way].aqmask);
}


char *
ap_handover_add_intended(ApInventory *inventory, ApTxn *txn)
{
    ApHost *host = ap_inventory_get_host(inventory);
    const ApNextBoot *next = ap_inventory_get_next_boot(inventory);
    const ApBootMasks *meant = ap_next_boot_get_masks(next);
    g_autofree char *command = NULL;
    const char *rule;

    if (!next->known)
        return g_strdup_printf("what masks there are to be cannot be told: %s", next->why_unknown);
    if (!host->masks_known || next->rules->len == 0)
        return g_strdup("no udev rule says which masks there are to be");
    rule = next->rules->pdata[next->rules->len - 1];
    if (ap_next_boot_is_in_force(next))
        return g_strdup_printf("the masks are those of %s", rule);
    if (ap_host_has_overrides(host))
        return g_strdup_printf("the masks of %s are not in force: a queue has a driver_override, "
                               "and the kernel takes only one of the two",
                               rule);
    command = ap_next_boot_format_masks(&meant->apmask, &meant->aqmask, "--active");
    if (next->rules->len > 1 || !g_str_has_suffix(rule, AP_NEXT_BOOT_CHZDEV_RULE))
        return g_strdup_printf("the masks are not those of %s, which may have conditions; to set "
                               "them: `%s`",
                               rule, command);
    ap_txn_add_masks(txn, &host->apmask, &host->aqmask, &meant->apmask, &meant->aqmask);
    return g_strdup_printf("%s has not acted: its masks are set now, as by `%s`", rule, command);
}
