/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which queues the host needs for its own: those that it is to give away, and those that it does
 * not have any more. */
#include <string.h>

#include "node_device/conflict/ap_conflict_priv.h"

#define WHAT_ELSEWHERE "is not in this LPAR, and the host names it"
#define HINT_ELSEWHERE "it may be meant for another site; if not, correct what names it"


/* The mode of the queue if the host can use it now, else NULL. */
static const char *
get_usable_mode(ApHost *host, const ApQueue *queue)
{
    const ApCard *card = ap_host_get_card(host, queue->apqn.adapter);

    if (!card || !queue->driver || strcmp(queue->driver, "vfio_ap") == 0 ||
        g_strcmp0(queue->status, "online") != 0 || card->online == 0 ||
        ap_host_why_unusable(host, queue->apqn))
        return NULL;
    return card->mode;
}


/* The queues of @given that are usable and of a mode of which the host keeps none; and the mode. */
static void
find_last_of_mode(ApHost *host, const ApApqnSet *given, ApApqnSet *set, GString *modes)
{
    static const char *const all_modes[] = { "cca", "ep11", "accel" };
    g_autoptr(GPtrArray) queues = ap_host_list_queues(host);

    for (guint m = 0; m < G_N_ELEMENTS(all_modes); m++) {
        ApApqnSet lost = { 0 };
        gboolean keeps = FALSE;

        for (guint i = 0; i < queues->len; i++) {
            const ApQueue *queue = queues->pdata[i];

            if (g_strcmp0(get_usable_mode(host, queue), all_modes[m]) != 0)
                continue;
            if (ap_apqn_set_has(given, queue->apqn))
                ap_mask_set(&lost.domains[queue->apqn.adapter], queue->apqn.domain);
            else
                keeps = TRUE;
        }
        if (keeps || ap_apqn_set_is_empty(&lost))
            continue;
        g_string_append_printf(modes, "%s%s", modes->len ? " and " : "", all_modes[m]);
        ap_apqn_set_add_all(set, &lost);
    }
}


/* Names of the APQNs in @set, "05.0047, 06.0047". */
static char *
list_apqns(const ApApqnSet *set)
{
    GString *text = g_string_new(NULL);
    guint position = 0;
    ApApqn apqn;

    while (ap_apqn_set_next(set, &position, &apqn)) {
        g_autofree char *name = ap_apqn_to_string(apqn);

        g_string_append_printf(text, "%s%s", text->len ? ", " : "", name);
    }
    return g_string_free(text, FALSE);
}


static ApApqnSet
get_common(const ApApqnSet *a, const ApApqnSet *b)
{
    ApApqnSet common;

    for (guint i = 0; i <= AP_ID_MAX; i++)
        common.domains[i] = ap_mask_and(&a->domains[i], &b->domains[i]);
    return common;
}


/* Adds what is needed of @given to @set, and who needs it to @reasons; returns whether keys do. */
static gboolean
find_needed(ApJudge *judge, const ApApqnSet *given, ApApqnSet *set, GString *reasons)
{
    GPtrArray *needs = ap_inventory_get_needs(judge->inventory);
    gboolean has_keys = FALSE;

    for (guint i = 0; i < needs->len; i++) {
        const ApNeed *need = needs->pdata[i];
        ApApqnSet taken = get_common(&need->apqns, given);
        g_autofree char *names = NULL;

        if (ap_apqn_set_is_empty(&taken))
            continue;
        names = list_apqns(&taken);
        g_string_append_printf(reasons, "\n  %s %s", need->who, names);
        ap_apqn_set_add_all(set, &taken);
        has_keys |= need->are_keys;
    }
    return has_keys;
}


/* CCA's applications and TKE use the default domain. */
static void
find_default_domain(ApJudge *judge, const ApApqnSet *given, ApApqnSet *set, GString *reasons)
{
    g_autoptr(GPtrArray) queues = NULL;
    ApApqnSet lost = { 0 };
    guint domain;

    if (!ap_host_read_default_domain(judge->host, &domain))
        return;
    queues = ap_host_list_queues(judge->host);
    for (guint i = 0; i < queues->len; i++) {
        const ApQueue *queue = queues->pdata[i];

        if (queue->apqn.domain != domain || !get_usable_mode(judge->host, queue))
            continue;
        if (!ap_apqn_set_has(given, queue->apqn))
            return;
        ap_mask_set(&lost.domains[queue->apqn.adapter], domain);
    }
    if (ap_apqn_set_is_empty(&lost))
        return;
    g_string_append_printf(reasons, "\n  domain %u is the host's default domain (ap_domain): none "
                                    "of its usable queues would stay",
                           domain);
    ap_apqn_set_add_all(set, &lost);
}


/* Of what the host is to give away: what this LPAR has, and what only another site can have. */
static void
split_given(ApJudge *judge, const ApApqnSet *given, ApApqnSet *ret_here, ApApqnSet *ret_elsewhere)
{
    *ret_here = (ApApqnSet){ 0 };
    *ret_elsewhere = *given;
    for (guint a = 0; a <= AP_ID_MAX; a++) {
        if (ap_mask_has(&judge->host->adapters, a))
            ret_here->domains[a] = ap_mask_and(&given->domains[a], &judge->host->domains);
    }
    ap_apqn_set_remove_all(ret_elsewhere, ret_here);
}


static void
report_needs(ApJudge *judge, ApWeight weight, const ApApqnSet *set, const char *what,
             const char *reasons, const char *hint)
{
    g_autofree char *said = NULL;

    if (ap_apqn_set_is_empty(set))
        return;
    said = ap_judge_say(set, "%s", what);
    ap_judge_report(judge, AP_CODE_HOST_NEEDS, weight, set, NULL,
                    g_strconcat(said, reasons, NULL), g_strdup(hint));
}


void
ap_judge_given(ApJudge *judge, const ApApqnSet *given)
{
    g_autoptr(GString) reasons = g_string_new(NULL);
    g_autoptr(GString) elsewhere_reasons = g_string_new(NULL);
    g_autoptr(GString) modes = g_string_new(NULL);
    ApApqnSet here;
    ApApqnSet elsewhere;
    ApApqnSet set = { 0 };
    ApApqnSet elsewhere_set = { 0 };
    gboolean has_keys;

    split_given(judge, given, &here, &elsewhere);
    has_keys = find_needed(judge, &here, &set, reasons);
    find_default_domain(judge, &here, &set, reasons);
    find_last_of_mode(judge->host, &here, &set, modes);
    if (modes->len > 0)
        g_string_append_printf(reasons, "\n  no usable queue of mode %s would stay", modes->str);
    report_needs(judge, AP_WEIGHT_GRAVE, &set, "is needed by the host", reasons->str,
                 has_keys ? "give away other queues, or associate those keys with others first: "
                            "zkey change --name NAME --apqns=-APQN"
                          : "give away other queues");
    find_needed(judge, &elsewhere, &elsewhere_set, elsewhere_reasons);
    report_needs(judge, AP_WEIGHT_USUAL, &elsewhere_set,
                 WHAT_ELSEWHERE, elsewhere_reasons->str,
                 HINT_ELSEWHERE);
}


void
ap_judge_needs(ApJudge *judge)
{
    ApApqnSet given;

    if (ap_host_owns_any(judge->host, &judge->matrix, &given))
        ap_judge_given(judge, &given);
}


/* Of the APQNs that somebody needs: those that went to guests, and those that this LPAR lacks. A
 * device node offers a choice, of which one queue is enough. */
static void
split_need(ApJudge *judge, const ApNeed *need, ApApqnSet *ret_gone, ApApqnSet *ret_elsewhere)
{
    ApApqnSet installed = { 0 };
    ApApqnSet here;
    guint position = 0;
    ApApqn apqn;

    ap_apqn_set_add(&installed, &judge->host->adapters, &judge->host->domains);
    here = get_common(&need->apqns, &installed);
    *ret_gone = here;
    *ret_elsewhere = need->apqns;
    ap_apqn_set_remove_all(ret_elsewhere, &installed);
    while (ap_apqn_set_next(&here, &position, &apqn)) {
        if (ap_host_owns(judge->host, apqn))
            ap_mask_clear(&ret_gone->domains[apqn.adapter], apqn.domain);
    }
    if (!need->one_is_enough)
        return;
    if (ap_apqn_set_count(ret_gone) < ap_apqn_set_count(&here))
        *ret_gone = (ApApqnSet){ 0 };
    if (!ap_apqn_set_is_empty(&here))
        *ret_elsewhere = (ApApqnSet){ 0 };
}


static void
judge_kept_need(ApJudge *judge, const ApNeed *need)
{
    g_autofree char *reason = g_strdup_printf("\n  %s it", need->who);
    ApApqnSet gone;
    ApApqnSet elsewhere;

    split_need(judge, need, &gone, &elsewhere);
    report_needs(judge, AP_WEIGHT_GRAVE, &gone,
                 "is needed by the host, and the host's drivers do not have it", reason,
                 need->are_keys ? "give it back to the host, or associate those keys with others: "
                                  "zkey change --name NAME --apqns=-APQN"
                                : "give it back to the host, or correct what names it");
    report_needs(judge, AP_WEIGHT_USUAL, &elsewhere, WHAT_ELSEWHERE, reason, HINT_ELSEWHERE);
}


/* The domains of the queues that are the host's own. */
static ApMask
get_kept_domains(ApHost *host)
{
    g_autoptr(GPtrArray) queues = ap_host_list_queues(host);
    ApMask domains = { 0 };

    for (guint i = 0; i < queues->len; i++) {
        const ApQueue *queue = queues->pdata[i];

        if (ap_host_owns(host, queue->apqn))
            ap_mask_set(&domains, queue->apqn.domain);
    }
    return domains;
}


/* A host that keeps no queue at all wants none. */
static void
judge_kept_default(ApJudge *judge)
{
    ApMask kept;
    guint domain;
    int other;

    if (!ap_host_read_default_domain(judge->host, &domain))
        return;
    kept = get_kept_domains(judge->host);
    if (ap_mask_is_empty(&kept) || ap_mask_has(&kept, domain))
        return;
    ap_mask_set(&judge->ids.domains, domain);
    other = ap_mask_next(&kept, 0);
    ap_judge_report(judge, AP_CODE_HOST_NEEDS, AP_WEIGHT_USUAL, NULL, NULL,
                    g_strdup_printf("domain %u is the host's default domain (ap_domain), and %s: "
                                    "what asks for the default finds no queue",
                                    domain,
                                    ap_mask_has(&judge->host->domains, domain)
                                        ? "the host's drivers have none of its queues"
                                        : "this LPAR does not have it"),
                    g_strdup_printf("make one that the host has the default: echo %d > "
                                    AP_HOST_DEFAULT_DOMAIN "; and ap.domain=%d on the kernel's "
                                    "command line",
                                    other, other));
    judge->ids = (ApMatrix){ 0 };
}


void
ap_judge_kept_needs(ApJudge *judge)
{
    GPtrArray *needs;

    if (!judge->host->has_bus || !judge->host->masks_known)
        return;
    needs = ap_inventory_get_needs(judge->inventory);
    for (guint i = 0; i < needs->len; i++)
        judge_kept_need(judge, needs->pdata[i]);
    judge_kept_default(judge);
}
