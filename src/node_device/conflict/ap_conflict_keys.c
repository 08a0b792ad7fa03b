/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys outlive their users: whose master keys a queue may still hold, and which queues the host
 * needs for its own. */
#include <string.h>

#include "node_device/conflict/ap_conflict_priv.h"

/* The APQNs of a matrix that one guest had last. */
typedef struct {
    const ApLastGuest *guest;
    ApApqnSet apqns;
} Former;


static void
report_former(ApJudge *judge, const Former *former)
{
    const ApGuest *known = ap_inventory_find_guest(judge->inventory, former->guest->uuid);
    g_autoptr(ApGuest) gone = ap_guest_new(former->guest->name, former->guest->uuid, NULL);

    ap_judge_report_other(judge, AP_CODE_PREVIOUS_OWNER, AP_WEIGHT_USUAL, &former->apqns, NULL,
                          known ? known : gone,
                          ap_judge_say(&former->apqns,
                                       "was last used by guest '%s', and no reset clears master "
                                       "keys",
                                       known ? known->name : gone->name),
                          g_strdup("clear or replace its master keys, unless both guests are to "
                                   "share them"));
}


/* Finds, or adds, the entry of @guest. */
static Former *
get_former(GPtrArray *formers, const ApLastGuest *guest)
{
    Former *former;

    for (guint i = 0; i < formers->len; i++) {
        former = formers->pdata[i];
        if (strcmp(former->guest->uuid, guest->uuid) == 0)
            return former;
    }
    former = g_new0(Former, 1);
    former->guest = guest;
    g_ptr_array_add(formers, former);
    return former;
}


void
ap_judge_previous_owner(ApJudge *judge)
{
    const ApGuest *guest = judge->phase == AP_PHASE_GUEST ? ap_judge_get_guest(judge) : NULL;
    g_autoptr(GPtrArray) formers = g_ptr_array_new_with_free_func(g_free);
    GHashTable *last_guests;
    const ApMask *adapters = &judge->matrix.adapters;
    const ApMask *domains = &judge->matrix.domains;

    if (!guest || !guest->uuid)
        return;
    last_guests = ap_inventory_get_last_guests(judge->inventory);
    if (g_hash_table_size(last_guests) == 0)
        return;
    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1)) {
        for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
            const ApLastGuest *last = ap_last_guests_find(last_guests, (ApApqn){ a, d });

            if (last && strcmp(last->uuid, guest->uuid) != 0)
                ap_mask_set(&get_former(formers, last)->apqns.domains[a], d);
        }
    }
    for (guint i = 0; i < formers->len; i++)
        report_former(judge, formers->pdata[i]);
}


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


/* Adds what is needed of @given to @set, and who needs it to @reasons. */
static void
find_needed(ApJudge *judge, const ApApqnSet *given, ApApqnSet *set, GString *reasons)
{
    GPtrArray *needs = ap_inventory_get_needs(judge->inventory);

    for (guint i = 0; i < needs->len; i++) {
        const ApNeed *need = needs->pdata[i];
        ApApqnSet taken = { 0 };
        g_autofree char *names = NULL;

        for (guint a = 0; a <= AP_ID_MAX; a++)
            taken.domains[a] = ap_mask_and(&need->apqns.domains[a], &given->domains[a]);
        if (ap_apqn_set_is_empty(&taken))
            continue;
        names = list_apqns(&taken);
        g_string_append_printf(reasons, "\n  %s %s", need->who, names);
        ap_apqn_set_add_all(set, &taken);
    }
}


/* CCA's applications and TKE use the default domain. */
static void
find_default_domain(ApJudge *judge, const ApApqnSet *given, ApApqnSet *set, GString *reasons)
{
    g_autofree char *text = ap_root_read_line(judge->host->root, "/sys/bus/ap/ap_domain");
    g_autoptr(GPtrArray) queues = NULL;
    ApApqnSet lost = { 0 };
    guint64 domain;

    if (!text || !ap_attr_parse(text, &domain, NULL) || domain > AP_ID_MAX)
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
                           (guint)domain);
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
ap_judge_needs(ApJudge *judge)
{
    g_autoptr(GString) reasons = g_string_new(NULL);
    g_autoptr(GString) elsewhere_reasons = g_string_new(NULL);
    g_autoptr(GString) modes = g_string_new(NULL);
    ApApqnSet given;
    ApApqnSet here;
    ApApqnSet elsewhere;
    ApApqnSet set = { 0 };
    ApApqnSet elsewhere_set = { 0 };

    if (!ap_host_owns_any(judge->host, &judge->matrix, &given))
        return;
    split_given(judge, &given, &here, &elsewhere);
    find_needed(judge, &here, &set, reasons);
    find_default_domain(judge, &here, &set, reasons);
    find_last_of_mode(judge->host, &here, &set, modes);
    if (modes->len > 0)
        g_string_append_printf(reasons, "\n  no usable queue of mode %s would stay", modes->str);
    report_needs(judge, AP_WEIGHT_GRAVE, &set, "is needed by the host", reasons->str,
                 "give away other queues, or associate those keys with others first: zkey change "
                 "--name NAME --apqns=-APQN");
    find_needed(judge, &elsewhere, &elsewhere_set, elsewhere_reasons);
    report_needs(judge, AP_WEIGHT_USUAL, &elsewhere_set,
                 "is not in this LPAR, and the host names it", elsewhere_reasons->str,
                 "it may be meant for another site; if not, correct what names it");
}
