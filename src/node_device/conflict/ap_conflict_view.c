/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the guest can really use: what its CPU hides, what it or anybody can bind, what is left. */
#include <string.h>

#include "node_device/conflict/ap_conflict_priv.h"

/* Without QCI the guest's drivers look no further (ap_init_qci_info(), ap_bus.c). */
#define NO_QCI_MAX_ADAPTER 63
#define NO_QCI_MAX_DOMAIN 15

/* vfio_ap's ap_queue_ids[] begin with CEX4; what a Secure Execution guest binds, with CEX8. */
#define FIRST_PASSED 4
#define FIRST_SECURE 8

/* What cannot be bound, and why, a line for each adapter. */
typedef struct {
    ApApqnSet apqns;
    GString *reasons;
} Unbindable;


/* What of the matrix the LPAR has, as far as that is known. */
static ApMatrix
get_installed(const ApJudge *judge)
{
    ApMatrix installed = judge->matrix;

    if (!judge->host->has_bus)
        return installed;
    installed.adapters = ap_mask_and(&installed.adapters, &judge->host->adapters);
    installed.domains = ap_mask_and(&installed.domains, &judge->host->domains);
    return installed;
}


/* What is lost is all that there is. */
static ApWeight
weigh(const ApMatrix *installed, const ApApqnSet *lost)
{
    return ap_apqn_set_count(lost) == ap_matrix_count_apqns(installed) ? AP_WEIGHT_GRAVE
                                                                       : AP_WEIGHT_USUAL;
}


static void
add_hidden(const ApMatrix *matrix, ApGuestView view, ApApqnSet *set)
{
    ApMask adapters = ap_mask_range(0, NO_QCI_MAX_ADAPTER);
    ApMask domains = ap_mask_range(0, NO_QCI_MAX_DOMAIN);

    if (view & AP_VIEW_NO_APFT) {
        ap_apqn_set_add(set, &matrix->adapters, &matrix->domains);
        return;
    }
    adapters = ap_mask_minus(&matrix->adapters, &adapters);
    domains = ap_mask_minus(&matrix->domains, &domains);
    ap_apqn_set_add(set, &adapters, &matrix->domains);
    ap_apqn_set_add(set, &matrix->adapters, &domains);
}


static void
judge_visible(ApJudge *judge, ApGuestView view)
{
    ApMatrix installed = get_installed(judge);
    gboolean no_apft = view & AP_VIEW_NO_APFT;
    ApApqnSet hidden = { 0 };

    if (!(view & (AP_VIEW_NO_APFT | AP_VIEW_NO_APQCI)))
        return;
    add_hidden(&installed, view, &hidden);
    if (ap_apqn_set_is_empty(&hidden))
        return;
    ap_judge_report(
        judge, AP_CODE_NOT_VISIBLE, weigh(&installed, &hidden), &hidden, NULL,
        ap_judge_say(&hidden, no_apft ? "is hidden from the guest: its CPU lacks the feature "
                                        "'apft', and without it no card from CEX4 on is found"
                                      : "is hidden from the guest: its CPU lacks the feature "
                                        "'apqci', and without it no domain above 15 and no "
                                        "adapter above 63 is found"),
        g_strdup_printf("write <feature policy='require' name='%s'/> into its <cpu>",
                        no_apft ? "apft" : "apqci"));
}


/* Why nobody can pass a queue of the card, or a Secure Execution guest cannot bind it; NULL if
 * neither. */
static char *
why_unbindable(const ApCard *card, gboolean is_secure)
{
    const char *type = card->type ? card->type : "an unknown card";

    if (ap_card_is_too_old(card))
        return g_strdup_printf("%s: vfio_ap takes no card before CEX%d", type, FIRST_PASSED);
    if (!is_secure || g_strcmp0(card->mode, "accel") == 0)
        return NULL;
    if (g_strcmp0(card->mode, "ep11") != 0)
        return g_strdup_printf("%s, in %s mode", type,
                               g_strcmp0(card->mode, "cca") == 0 ? "CCA" : "an unknown");
    if (card->generation >= FIRST_SECURE)
        return NULL;
    return g_strdup_printf("%s, older than CEX%d", type, FIRST_SECURE);
}


static void
find_unbindable(ApJudge *judge, const ApMatrix *installed, gboolean is_secure, Unbindable *found)
{
    const ApMask *adapters = &installed->adapters;

    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1)) {
        const ApCard *card = ap_host_get_card(judge->host, a);
        g_autofree char *why = card ? why_unbindable(card, is_secure) : NULL;

        if (!why)
            continue;
        found->apqns.domains[a] = installed->domains;
        g_string_append_printf(found->reasons, "\n  adapter %d: %s", a, why);
    }
}


/* Without appv a Secure Execution guest binds nothing, whatever the cards are. */
static void
report_no_appv(ApJudge *judge, const ApMatrix *installed)
{
    ApApqnSet all = { 0 };

    ap_apqn_set_add(&all, &installed->adapters, &installed->domains);
    ap_judge_report(judge, AP_CODE_NOT_BINDABLE, AP_WEIGHT_GRAVE, &all, NULL,
                    ap_judge_say(&all, "cannot be bound by the guest: it is a Secure Execution "
                                       "guest, and its CPU lacks the feature 'appv'"),
                    g_strdup("write <feature policy='require' name='appv'/> into its <cpu>, and "
                             "appvi for interrupts"));
}


static void
judge_bindable(ApJudge *judge, ApGuestView view)
{
    gboolean is_secure = view & AP_VIEW_SECURE;
    ApMatrix installed = get_installed(judge);
    g_autoptr(GString) reasons = g_string_new(NULL);
    Unbindable found = { .reasons = reasons };
    g_autofree char *said = NULL;

    if (ap_matrix_count_apqns(&installed) == 0)
        return;
    if (view & AP_VIEW_NO_APPV) {
        report_no_appv(judge, &installed);
        return;
    }
    find_unbindable(judge, &installed, is_secure, &found);
    if (ap_apqn_set_is_empty(&found.apqns))
        return;
    said = ap_judge_say(&found.apqns, is_secure ? "cannot be bound by a Secure Execution guest"
                                                : "cannot be passed to any guest");
    ap_judge_report(judge, AP_CODE_NOT_BINDABLE, weigh(&installed, &found.apqns), &found.apqns,
                    NULL, g_strconcat(said, reasons->str, NULL),
                    g_strdup(is_secure ? "such a guest binds EP11 queues of CEX8 and later, and "
                                         "accelerators"
                                       : "leave that adapter out: it stays with the host"));
}


void
ap_judge_view(ApJudge *judge)
{
    const ApGuest *guest = judge->phase == AP_PHASE_GUEST ? ap_judge_get_guest(judge) : NULL;
    ApGuestView view = guest ? guest->view : 0;

    judge_visible(judge, view);
    judge_bindable(judge, view);
}


static gboolean
has_usable(ApJudge *judge, const ApApqnSet *visible)
{
    guint position = 0;
    ApApqn apqn;

    while (ap_apqn_set_next(visible, &position, &apqn)) {
        if (!ap_host_why_unusable(judge->host, apqn))
            return TRUE;
    }
    return FALSE;
}


/* Whether a running guest has no queue, or would have none after the change that is judged. */
void
ap_judge_left(ApJudge *judge)
{
    const char *uuid = judge->candidate->uuid;
    const ApGuest *guest;
    gboolean is_change = judge->candidate->def != NULL;
    ApApqnSet visible = { 0 };

    if (judge->phase != AP_PHASE_GUEST && (judge->phase != AP_PHASE_LIVE || judge->audit))
        return;
    if (!uuid || !judge->host->has_vfio_ap || !ap_host_find_mdev(judge->host, uuid))
        return;
    guest = ap_judge_get_guest(judge);
    if (!guest || !ap_guest_holds(guest, uuid))
        return;
    ap_judge_get_visible(judge, &visible);
    if (has_usable(judge, &visible))
        return;
    ap_judge_report(judge, AP_CODE_NO_QUEUE_LEFT, AP_WEIGHT_USUAL, NULL, NULL,
                    g_strdup_printf("guest '%s' (%s) %s no usable queue of mdev %s%s", guest->name,
                                    guest->state, is_change ? "would have" : "has", uuid,
                                    is_change ? " any more" : ""),
                    g_strdup(is_change ? "leave it one queue, or detach the device first"
                                       : "the other findings say what takes them; `virt-ap show "
                                         "ADAPTER` shows a card"));
}
