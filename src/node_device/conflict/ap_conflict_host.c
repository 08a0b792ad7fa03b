/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The matrix against the machine: size, limits, what is installed, what the kernel hides from the
 * guest, what cannot be used. */
#include <string.h>

#include "node_device/conflict/ap_conflict_priv.h"

/* Queues that are named one by one in reasons. */
#define LISTED_MAX 8


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


/* Of an id that is not there: the digits that somebody wrote, read in the other base, if that is
 * there. lszcrypt prints hexadecimal numbers, the HMC decimal ones. */
static char *
find_other_base(const ApMask *missing, const ApMask *installed)
{
    for (int id = ap_mask_next(missing, 10); id >= 0; id = ap_mask_next(missing, id + 1)) {
        guint as_hex = id % 10 + id / 10 % 10 * 16 + id / 100 * 256;
        guint as_decimal = id % 16 + id / 16 * 10;

        if (as_hex <= AP_ID_MAX && ap_mask_has(installed, as_hex))
            return g_strdup_printf("%d is 0x%02x; this LPAR has 0x%02x", id, id, as_hex);
        if (id % 16 < 10 && id / 16 < 10 && ap_mask_has(installed, as_decimal))
            return g_strdup_printf("0x%02x is %d; this LPAR has %u", id, id, as_decimal);
    }
    return NULL;
}


/* Asks whether a number was meant in the other base; "" if nothing speaks for it. */
static char *
ask_for_base(const ApHost *host, const ApMatrix *missing)
{
    const struct {
        const char *what;
        const ApMask *missing;
        const ApMask *installed;
    } kinds[] = {
        { "adapter", &missing->adapters, &host->adapters },
        { "domain", &missing->domains, &host->domains },
        { "control domain", &missing->control_domains, &host->control_domains },
    };
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *other = find_other_base(kinds[i].missing, kinds[i].installed);

        if (other)
            g_string_append_printf(text, "\n%s %s: did you mean that?", kinds[i].what, other);
    }
    return g_string_free(text, FALSE);
}


static void
judge_limits(ApJudge *judge, ApApqnSet *ret_beyond)
{
    ApHost *host = judge->host;
    ApMask adapters = ids_above(&judge->matrix.adapters, host->max_adapter);
    ApMask domains = ids_above(&judge->matrix.domains, host->max_domain);
    ApMask control = ids_above(&judge->matrix.control_domains, host->max_domain);
    GString *ids = g_string_new(NULL);
    g_autofree char *question = NULL;

    ap_apqn_set_add(ret_beyond, &adapters, &judge->matrix.domains);
    ap_apqn_set_add(ret_beyond, &judge->matrix.adapters, &domains);
    append_ids(ids, "adapter", &adapters);
    append_ids(ids, "domain", &domains);
    append_ids(ids, "control domain", &control);
    judge->ids = (ApMatrix){ adapters, domains, control };
    question = ask_for_base(host, &judge->ids);
    if (ids->len > 0)
        ap_judge_report(judge, AP_CODE_BEYOND_LIMIT, AP_WEIGHT_USUAL, ret_beyond, NULL,
                        g_strdup_printf("%s: above what this machine has, adapters up to %d and "
                                        "domains up to %d",
                                        ids->str, host->max_adapter, host->max_domain),
                        g_strconcat("the kernel would answer ENODEV; take ids within the limits",
                                    question, NULL));
    judge->ids = (ApMatrix){ 0 };
    g_string_free(ids, TRUE);
}


/* What the guest gets of ids that the LPAR lacks. */
static char *
suggest_for_missing(ApJudge *judge, const ApMask *control, gboolean only_control)
{
    g_autofree char *domains = ap_mask_describe(control);
    const char *queues =
        ap_host_has_overrides(judge->host)
            ? "this host binds queues by driver_override: the kernel does not take what is not "
              "there"
            : "the guest sees it when it appears; if it never should, it is a wrong number";

    if (ap_mask_is_empty(control))
        return g_strdup(queues);
    return g_strdup_printf("%s%scontrol of domain %s has no effect: give the LPAR the control "
                           "domain, or leave it out",
                           only_control ? "" : queues, only_control ? "" : "\n", domains);
}


static void
judge_installed(ApJudge *judge, const ApApqnSet *beyond)
{
    const ApMatrix *matrix = &judge->matrix;
    ApMask adapters = ap_mask_minus(&matrix->adapters, &judge->host->adapters);
    ApMask domains = ap_mask_minus(&matrix->domains, &judge->host->domains);
    ApMask control = ap_mask_minus(&matrix->control_domains, &judge->host->control_domains);
    ApMask adapters_above = ids_above(&adapters, judge->host->max_adapter);
    ApMask domains_above = ids_above(&domains, judge->host->max_domain);
    ApMask control_above = ids_above(&control, judge->host->max_domain);
    g_autofree char *bare = ap_host_describe_bare(judge->host);
    g_autofree char *hint = NULL;
    g_autofree char *question = NULL;
    gboolean only_control;
    ApApqnSet set = { 0 };
    GString *ids;

    ap_apqn_set_add(&set, &adapters, &matrix->domains);
    ap_apqn_set_add(&set, &matrix->adapters, &domains);
    ap_apqn_set_remove_all(&set, beyond);
    adapters = ap_mask_minus(&adapters, &adapters_above);
    domains = ap_mask_minus(&domains, &domains_above);
    control = ap_mask_minus(&control, &control_above);
    only_control = ap_mask_is_empty(&adapters) && ap_mask_is_empty(&domains);
    if (only_control && ap_mask_is_empty(&control))
        return;
    ids = g_string_new(NULL);
    append_ids(ids, "adapter", &adapters);
    append_ids(ids, "domain", &domains);
    append_ids(ids, "control domain", &control);
    g_string_append(ids, ": not in this LPAR now");
    if (bare) {
        g_string_prepend(ids, "\n  ");
        g_string_prepend(ids, bare);
    }
    judge->ids = (ApMatrix){ adapters, domains, control };
    question = ask_for_base(judge->host, &judge->ids);
    hint = suggest_for_missing(judge, &control, only_control);
    ap_judge_report(judge, AP_CODE_NOT_INSTALLED, AP_WEIGHT_USUAL, &set, NULL,
                    g_string_free(ids, FALSE), g_strconcat(hint, question, NULL));
    judge->ids = (ApMatrix){ 0 };
}


/* Why the kernel does not pass a queue to a guest; NULL if it does. */
static char *
why_not_passable(ApJudge *judge, ApApqn apqn)
{
    const char *driver = ap_host_get_driver(judge->host, apqn);
    const ApCard *card = ap_host_get_card(judge->host, apqn.adapter);
    g_autofree char *override = NULL;

    if (!driver)
        return g_strdup("does not exist");
    if (driver[0] != '\0')
        return strcmp(driver, "vfio_ap") == 0 ? NULL : g_strdup("is bound to the host's driver");
    if (card && ap_card_is_too_old(card))
        return g_strdup_printf("is bound to no driver: vfio_ap takes no card before CEX4, and this "
                               "is a %s",
                               card->type);
    override = ap_judge_find_misspelt_override(judge, apqn);
    if (!override)
        return g_strdup("is bound to no driver");
    return g_strdup_printf("is bound to no driver: its driver_override is '%s'", override);
}


/* vfio_ap_mdev_filter_matrix(): one queue that cannot be passed hides its whole adapter. Returns
 * how the first such queue is called, NULL if the adapter passes. */
static char *
find_culprit(ApJudge *judge, guint adapter, const ApMask *domains, ApApqnSet *ret_culprits)
{
    for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
        ApApqn apqn = { adapter, d };
        g_autofree char *why = why_not_passable(judge, apqn);
        g_autofree char *name = NULL;

        if (!why)
            continue;
        ap_mask_set(&ret_culprits->domains[adapter], d);
        name = ap_apqn_describe(apqn);
        return g_strdup_printf("%s %s", name, why);
    }
    return NULL;
}


/* Names, for each adapter that loses something, who is to blame. */
static char *
name_culprits(ApJudge *judge, const ApApqnSet *lost, const ApMask *domains,
              ApApqnSet *ret_culprits, gboolean *ret_stale)
{
    GString *text = g_string_new(NULL);

    *ret_stale = FALSE;
    for (guint a = 0; a <= AP_ID_MAX; a++) {
        g_autofree char *culprit = NULL;

        if (ap_mask_is_empty(&lost->domains[a]))
            continue;
        culprit = find_culprit(judge, a, domains, ret_culprits);
        *ret_stale |= !culprit;
        g_string_append_printf(text, "\n  adapter %u: %s", a,
                               culprit ? culprit
                                       : "every queue could be passed now, but the kernel has not "
                                         "filtered again");
    }
    return g_string_free(text, FALSE);
}


gboolean
ap_judge_get_visible(ApJudge *judge, ApApqnSet *ret_visible)
{
    const ApCandidate *candidate = judge->candidate;
    const ApActiveMdev *mdev =
        candidate->active ? ap_host_find_mdev(judge->host, candidate->uuid) : NULL;
    ApMatrix guest;

    if (mdev && ap_matrix_equal(&mdev->matrix, &judge->matrix) &&
        ap_host_read_guest_matrix(judge->host, mdev, ret_visible, NULL) == AP_HOST_SAYS)
        return FALSE;
    guest = ap_host_predict_guest_matrix(judge->host, &judge->matrix);
    ap_apqn_set_add(ret_visible, &guest.adapters, &guest.domains);
    return mdev != NULL;
}


/* How @culprits, of which @first is the first, come to vfio_ap. */
static char *
suggest_binding(ApJudge *judge, const ApApqnSet *culprits, ApApqn first)
{
    const ApCard *card = ap_host_get_card(judge->host, first.adapter);
    g_autofree char *override = NULL;

    if (card && ap_card_is_too_old(card))
        return g_strdup_printf("leave adapter %u out: no guest can get its queues", first.adapter);
    override = ap_host_has_overrides(judge->host) ? ap_judge_suggest_overrides(judge, culprits)
                                                  : NULL;
    if (override && override[0] != '\0')
        return g_strdup_printf("leave its adapter or its domain out\n%s", override);
    return g_strdup("bind that queue to vfio_ap, or leave its adapter or its domain out");
}


static char *
suggest_unhide(ApJudge *judge, const ApApqnSet *culprits, gboolean stale)
{
    guint position = 0;
    ApApqn first;

    if (!stale && ap_apqn_set_next(culprits, &position, &first))
        return suggest_binding(judge, culprits, first);
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
    ApApqnSet visible = { 0 };
    ApApqnSet lost = { 0 };
    ApApqnSet blamed = { 0 };
    g_autofree char *culprits = NULL;
    g_autofree char *said = NULL;
    gboolean nothing_left;
    gboolean computed;
    gboolean stale;

    computed = ap_judge_get_visible(judge, &visible);
    ap_apqn_set_add(&lost, &adapters, &domains);
    ap_apqn_set_remove_all(&lost, &visible);
    nothing_left = ap_apqn_set_count(&lost) == total;
    ap_apqn_set_remove_all(&lost, &judge->said);
    if (ap_apqn_set_is_empty(&lost))
        return;
    culprits = name_culprits(judge, &lost, &domains, &blamed, &stale);
    said = ap_judge_say(&lost, "is hidden from the guest, with its adapter%s%s",
                        computed ? " (computed)" : "", nothing_left ? "; nothing is left" : "");
    ap_judge_report(judge, AP_CODE_FILTERED,
                    nothing_left ? AP_WEIGHT_GRAVE : AP_WEIGHT_USUAL, &lost, NULL,
                    g_strconcat(said, culprits, NULL),
                    suggest_unhide(judge, &blamed, stale));
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
    ap_judge_owned(judge);
    if (judge->host->has_vfio_ap)
        judge_filtered(judge);
    judge_usable(judge);
}
