/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The matrix against the machine and the host: limits, what is installed, whose drivers, what the
 * kernel hides from the guest. */
#include <string.h>

#include "node_device/conflict/ap_conflict_priv.h"


static void
judge_size(ApJudge *judge)
{
    guint n = ap_matrix_count_apqns(&judge->matrix);

    if (ap_mask_is_empty(&judge->matrix.domains) &&
        !ap_mask_is_empty(&judge->matrix.control_domains)) {
        ap_judge_report(judge, AP_CODE_NO_USAGE_DOMAIN, AP_WEIGHT_USUAL, NULL, NULL,
                        g_strdup("the matrix has control domains but no usage domain, so nothing "
                                 "that could reach them"),
                        g_strdup("add the usage domain that the guest is to use"));
    } else if (n == 0) {
        ap_judge_report(judge, AP_CODE_EMPTY, AP_WEIGHT_USUAL, NULL, NULL,
                        g_strdup("the matrix has no queue"),
                        g_strdup("a queue needs an adapter and a usage domain"));
    }
    if (n <= AP_HOST_LISTED_MAX || judge->host->has_ap_config || !judge->host->has_vfio_ap)
        return;
    ap_judge_report(judge, AP_CODE_TOO_BIG, AP_WEIGHT_USUAL, NULL, NULL,
                    g_strdup_printf("the matrix has %u APQNs; this kernel writes past its page "
                                    "whenever the matrix of more than %d is read",
                                    n, AP_HOST_LISTED_MAX),
                    g_strdup("use a kernel with ap_config (6.10 or later), or a smaller matrix"));
}


/* The ids of @mask above @max. */
static ApMask
ids_above(const ApMask *mask, int max)
{
    ApMask possible;

    if (max < 0 || max >= AP_ID_MAX)
        return (ApMask){ 0 };
    possible = ap_mask_range(0, max);
    return ap_mask_minus(mask, &possible);
}


static void
append_ids(GString *text, const char *what, const ApMask *mask)
{
    g_autofree char *ids = NULL;

    if (ap_mask_is_empty(mask))
        return;
    ids = ap_mask_describe(mask);
    g_string_append_printf(text, "%s%s %s", text->len ? ", " : "", what, ids);
}


static void
judge_limits(ApJudge *judge, ApApqnSet *ret_beyond)
{
    ApHost *host = judge->host;
    ApMask adapters = ids_above(&judge->matrix.adapters, host->max_adapter);
    ApMask domains = ids_above(&judge->matrix.domains, host->max_domain);
    ApMask control = ids_above(&judge->matrix.control_domains, host->max_domain);
    GString *ids = g_string_new(NULL);

    ap_apqn_set_add(ret_beyond, &adapters, &judge->matrix.domains);
    ap_apqn_set_add(ret_beyond, &judge->matrix.adapters, &domains);
    append_ids(ids, "adapter", &adapters);
    append_ids(ids, "domain", &domains);
    append_ids(ids, "control domain", &control);
    judge->ids = (ApMatrix){ adapters, domains, control };
    if (ids->len > 0)
        ap_judge_report(judge, AP_CODE_BEYOND_LIMIT, AP_WEIGHT_USUAL, ret_beyond, NULL,
                        g_strdup_printf("%s: above what this machine has, adapters up to %d and "
                                        "domains up to %d",
                                        ids->str, host->max_adapter, host->max_domain),
                        g_strdup("the kernel would answer ENODEV; take ids within the limits"));
    judge->ids = (ApMatrix){ 0 };
    g_string_free(ids, TRUE);
}


static void
judge_installed(ApJudge *judge, const ApApqnSet *beyond)
{
    ApMask adapters = ap_mask_minus(&judge->matrix.adapters, &judge->host->adapters);
    ApMask domains = ap_mask_minus(&judge->matrix.domains, &judge->host->domains);
    ApMask adapters_above = ids_above(&adapters, judge->host->max_adapter);
    ApMask domains_above = ids_above(&domains, judge->host->max_domain);
    gboolean overrides;
    ApApqnSet set = { 0 };
    GString *ids;

    ap_apqn_set_add(&set, &adapters, &judge->matrix.domains);
    ap_apqn_set_add(&set, &judge->matrix.adapters, &domains);
    ap_apqn_set_remove_all(&set, beyond);
    adapters = ap_mask_minus(&adapters, &adapters_above);
    domains = ap_mask_minus(&domains, &domains_above);
    if (ap_mask_is_empty(&adapters) && ap_mask_is_empty(&domains))
        return;
    ids = g_string_new(NULL);
    append_ids(ids, "adapter", &adapters);
    append_ids(ids, "domain", &domains);
    g_string_append(ids, ": not in this LPAR now");
    overrides = ap_host_has_overrides(judge->host);
    judge->ids = (ApMatrix){ adapters, domains };
    ap_judge_report(judge, AP_CODE_NOT_INSTALLED, AP_WEIGHT_USUAL, &set, NULL,
                    g_string_free(ids, FALSE),
                    g_strdup(overrides
                                 ? "this host binds queues by driver_override: the kernel does not "
                                   "take what is not there"
                                 : "the guest sees it when it appears; if it never should, it is "
                                   "a wrong number"));
    judge->ids = (ApMatrix){ 0 };
}


/* Before 6.0 vfio_ap_mdev_verify_queues_reserved_for_apid() and ..._apqi() take only queues that
 * are bound to vfio_ap. */
static ApApqnSet
get_unbound(ApJudge *judge)
{
    const ApMask *adapters = &judge->matrix.adapters;
    const ApMask *domains = &judge->matrix.domains;
    ApApqnSet unbound = { 0 };

    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1)) {
        for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
            if (g_strcmp0(ap_host_get_driver(judge->host, (ApApqn){ a, d }), "vfio_ap") != 0)
                ap_mask_set(&unbound.domains[a], d);
        }
    }
    return unbound;
}


/* Masks that would free @owned are there, in files, but not in force. */
static gboolean
is_freed_by_intent(ApJudge *judge, const ApApqnSet *owned, const ApNextBoot *next)
{
    const ApBootMasks *masks = ap_next_boot_get_masks(next);
    const ApMask *apmask = &masks->apmask;

    if (!next->known || next->rules->len == 0 || ap_next_boot_is_in_force(next) ||
        ap_host_has_overrides(judge->host))
        return FALSE;
    for (int a = ap_mask_next(apmask, 0); a >= 0; a = ap_mask_next(apmask, a + 1)) {
        if (ap_mask_intersects(&owned->domains[a], &masks->aqmask))
            return FALSE;
    }
    return TRUE;
}


/* What somebody wrote into a file goes before anything else that could be done. */
static char *
suggest_free(ApJudge *judge, const ApApqnSet *owned)
{
    const ApNextBoot *next = ap_inventory_get_next_boot(judge->inventory);
    const ApBootMasks *masks = ap_next_boot_get_masks(next);
    g_autofree char *command = NULL;

    if (!is_freed_by_intent(judge, owned, next))
        return ap_judge_suggest(judge, "or free it: chzdev --type ap apmask=-ADAPTER, or "
                                       "aqmask=-DOMAIN");
    command = ap_next_boot_format_masks(&masks->apmask, &masks->aqmask, "--active");
    return g_strdup_printf("%s frees it, but is not in force: it has not acted since the boot, or "
                           "is newer; apply it: `%s`",
                           (const char *)next->rules->pdata[next->rules->len - 1], command);
}


static void
judge_owned(ApJudge *judge)
{
    gboolean must_be_bound = FALSE;
    ApApqnSet owned = { 0 };

    ap_host_owns_any(judge->host, &judge->matrix, &owned);
    if (ap_apqn_set_is_empty(&owned) && ap_host_needs_binding(judge->host, &judge->matrix)) {
        owned = get_unbound(judge);
        must_be_bound = TRUE;
    }
    if (ap_apqn_set_is_empty(&owned))
        return;
    ap_apqn_set_add_all(&judge->said, &owned);
    if (must_be_bound)
        ap_judge_report(judge, AP_CODE_HOST_OWNED, AP_WEIGHT_USUAL, &owned, NULL,
                        ap_judge_say(&owned, "is not bound to vfio_ap: this kernel, before 6.0, "
                                             "refuses such a queue"),
                        ap_judge_suggest(judge, "or bind it: modprobe vfio_ap"));
    else
        ap_judge_report(judge, AP_CODE_HOST_OWNED, AP_WEIGHT_USUAL, &owned, NULL,
                        ap_judge_say(&owned, "belongs to the host's own drivers"),
                        suggest_free(judge, &owned));
}


/* Why the kernel does not pass a queue to a guest; NULL if it does. */
static const char *
why_not_passable(ApHost *host, ApApqn apqn)
{
    const char *driver = ap_host_get_driver(host, apqn);

    if (!driver)
        return "does not exist";
    if (driver[0] == '\0')
        return "is bound to no driver";
    return strcmp(driver, "vfio_ap") == 0 ? NULL : "is bound to the host's driver";
}


/* vfio_ap_mdev_filter_matrix(): one queue that cannot be passed hides its whole adapter. Returns
 * how the first such queue is called, NULL if the adapter passes. */
static char *
find_culprit(ApHost *host, guint adapter, const ApMask *domains)
{
    for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
        ApApqn apqn = { adapter, d };
        const char *why = why_not_passable(host, apqn);
        g_autofree char *name = NULL;

        if (!why)
            continue;
        name = ap_apqn_describe(apqn);
        return g_strdup_printf("%s %s", name, why);
    }
    return NULL;
}


/* Names, for each adapter that loses something, who is to blame. */
static char *
name_culprits(ApJudge *judge, const ApApqnSet *lost, const ApMask *domains, gboolean *ret_stale)
{
    GString *text = g_string_new(NULL);

    *ret_stale = FALSE;
    for (guint a = 0; a <= AP_ID_MAX; a++) {
        g_autofree char *culprit = NULL;

        if (ap_mask_is_empty(&lost->domains[a]))
            continue;
        culprit = find_culprit(judge->host, a, domains);
        *ret_stale |= !culprit;
        g_string_append_printf(text, "\n  adapter %u: %s", a,
                               culprit ? culprit
                                       : "every queue could be passed now, but the kernel has not "
                                         "filtered again");
    }
    return g_string_free(text, FALSE);
}


/* What of the matrix the guest does not get although the LPAR has it. Returns whether the kernel
 * could have told of an active matrix, but was not asked. */
static gboolean
get_lost(ApJudge *judge, const ApMask *adapters, const ApMask *domains, ApApqnSet *ret_lost)
{
    const ApCandidate *candidate = judge->candidate;
    const ApActiveMdev *mdev =
        candidate->active ? ap_host_find_mdev(judge->host, candidate->uuid) : NULL;
    gboolean is_read = FALSE;
    ApApqnSet visible;

    if (mdev && ap_matrix_equal(&mdev->matrix, &judge->matrix))
        is_read = ap_host_read_guest_matrix(judge->host, mdev, &visible);
    if (!is_read) {
        ApMatrix guest = ap_host_predict_guest_matrix(judge->host, &judge->matrix);

        visible = (ApApqnSet){ 0 };
        ap_apqn_set_add(&visible, &guest.adapters, &guest.domains);
    }
    ap_apqn_set_add(ret_lost, adapters, domains);
    ap_apqn_set_remove_all(ret_lost, &visible);
    return mdev && !is_read;
}


static char *
suggest_unhide(ApJudge *judge, gboolean stale)
{
    if (!stale)
        return g_strdup("bind that queue to vfio_ap, or leave its adapter or its domain out");
    if (!judge->host->has_ap_config)
        return g_strdup("assign one of its adapters again: unassign_adapter, then assign_adapter");
    return g_strdup_printf("write its ap_config with its own content:\n"
                           "sh -c 'cd %s/%s && c=$(cat ap_config) && echo $c > ap_config'",
                           AP_HOST_MATRIX_DIR, judge->candidate->uuid);
}


static void
judge_filtered(ApJudge *judge)
{
    ApMask adapters = ap_mask_and(&judge->matrix.adapters, &judge->host->adapters);
    ApMask domains = ap_mask_and(&judge->matrix.domains, &judge->host->domains);
    guint total = ap_mask_count(&adapters) * ap_mask_count(&domains);
    ApApqnSet lost = { 0 };
    g_autofree char *culprits = NULL;
    g_autofree char *said = NULL;
    gboolean nothing_left;
    gboolean computed;
    gboolean stale;

    computed = get_lost(judge, &adapters, &domains, &lost);
    nothing_left = ap_apqn_set_count(&lost) == total;
    ap_apqn_set_remove_all(&lost, &judge->said);
    if (ap_apqn_set_is_empty(&lost))
        return;
    culprits = name_culprits(judge, &lost, &domains, &stale);
    said = ap_judge_say(&lost, "is hidden from the guest, with its adapter%s%s",
                        computed ? " (computed)" : "", nothing_left ? "; nothing is left" : "");
    ap_judge_report(judge, AP_CODE_FILTERED,
                    nothing_left ? AP_WEIGHT_GRAVE : AP_WEIGHT_USUAL, &lost, NULL,
                    g_strconcat(said, culprits, NULL),
                    suggest_unhide(judge, stale));
}


/* Adds the queues of the adapter that are of no use to @set; returns why they are. */
static const char *
find_unusable(ApJudge *judge, guint adapter, const ApMask *domains, ApApqnSet *set)
{
    const char *why = NULL;

    for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
        const char *own = ap_host_why_unusable(judge->host, (ApApqn){ adapter, d });

        if (!own)
            continue;
        why = why && why != own ? "deconfigured or checkstopped" : own;
        ap_mask_set(&set->domains[adapter], d);
    }
    return why;
}


static void
judge_usable(ApJudge *judge)
{
    ApMask adapters = ap_mask_and(&judge->matrix.adapters, &judge->host->adapters);
    ApMask domains = ap_mask_and(&judge->matrix.domains, &judge->host->domains);
    ApApqnSet set = { 0 };
    const char *why = NULL;

    for (int a = ap_mask_next(&adapters, 0); a >= 0; a = ap_mask_next(&adapters, a + 1)) {
        const char *own = find_unusable(judge, a, &domains, &set);

        if (own)
            why = why && why != own ? "deconfigured or checkstopped" : own;
    }
    if (ap_apqn_set_is_empty(&set))
        return;
    ap_judge_report(judge, AP_CODE_UNUSABLE, AP_WEIGHT_USUAL, &set, NULL,
                    ap_judge_say(&set, "is %s: the guest sees it and cannot use it", why),
                    g_strdup("configure the card (chzcrypt --config-on), or repair it"));
}


/* Except in an audit, what is in force now is asked first: to look at the files takes longer. */
static gboolean
is_mixed(ApJudge *judge, const ApNextBoot **ret_next)
{
    gboolean overrides = judge->host->masks_known && ap_host_has_overrides(judge->host);
    const ApBootMasks *masks;
    const ApMask full = ap_mask_range(0, AP_ID_MAX);

    if (!overrides && !judge->audit)
        return FALSE;
    *ret_next = ap_inventory_get_next_boot(judge->inventory);
    masks = ap_next_boot_get_masks(*ret_next);
    if (ap_next_boot_is_mixed(*ret_next))
        return TRUE;
    return overrides && (*ret_next)->rules->len > 0 &&
           !(ap_mask_equal(&masks->apmask, &full) && ap_mask_equal(&masks->aqmask, &full));
}


void
ap_judge_binding(ApJudge *judge)
{
    const ApNextBoot *next;

    if (!is_mixed(judge, &next))
        return;
    ap_judge_report(judge, AP_CODE_MIXED_BINDING, AP_WEIGHT_USUAL, NULL, NULL,
                    g_strdup_printf("queues of this host have a driver_override, but %s sets masks "
                                    "for the next boot: the kernel takes only one of the two",
                                    (const char *)next->rules->pdata[next->rules->len - 1]),
                    g_strdup("use one way to give queues to guests: chzdev --type ap "
                             "apmask=+0x00-0xff aqmask=+0x00-0xff, or no driver_override"));
}


void
ap_judge_host(ApJudge *judge)
{
    ApApqnSet beyond = { 0 };

    judge_size(judge);
    if (!judge->host->has_bus)
        return;
    judge_limits(judge, &beyond);
    judge_installed(judge, &beyond);
    judge_owned(judge);
    if (judge->host->has_vfio_ap)
        judge_filtered(judge);
    judge_usable(judge);
}
