/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys outlive their users: whose master keys a queue may still hold. */
#include <string.h>

#include "node_device/conflict/ap_conflict_priv.h"

/* How many former guests are told one by one; each can have had but one of 65,536 queues. */
#define FORMERS_MAX 32

/* The APQNs of a matrix that one guest had last. */
typedef struct {
    const ApLastGuest *guest;
    ApApqnSet apqns;
} Former;

/* Those of all the guests that had any. */
typedef struct {
    GPtrArray *listed;    /* of Former */
    GHashTable *counted;  /* UUIDs of the guests beyond, borrowed; a set */
    ApApqnSet of_counted;
} Formers;


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


static void
report_counted(ApJudge *judge, const Formers *formers)
{
    guint n = g_hash_table_size(formers->counted);
    g_autofree char *who = n == 1 ? g_strdup("was last used by one more guest")
                                  : g_strdup_printf("and others were last used by %u more guests",
                                                    n);

    ap_judge_report_other(judge, AP_CODE_PREVIOUS_OWNER, AP_WEIGHT_USUAL, &formers->of_counted,
                          NULL, NULL,
                          ap_judge_say(&formers->of_counted,
                                       "%s, and no reset clears master keys", who),
                          g_strdup("clear or replace its master keys, unless the guests are to "
                                   "share them"));
}


/* Where to note an APQN that @guest had last. */
static ApApqnSet *
get_apqns(Formers *formers, const ApLastGuest *guest)
{
    Former *former;

    for (guint i = 0; i < formers->listed->len; i++) {
        former = formers->listed->pdata[i];
        if (strcmp(former->guest->uuid, guest->uuid) == 0)
            return &former->apqns;
    }
    if (formers->listed->len == FORMERS_MAX) {
        g_hash_table_add(formers->counted, guest->uuid);
        return &formers->of_counted;
    }
    former = g_new0(Former, 1);
    former->guest = guest;
    g_ptr_array_add(formers->listed, former);
    return &former->apqns;
}


void
ap_judge_previous_owner(ApJudge *judge)
{
    const ApGuest *guest = judge->phase == AP_PHASE_GUEST ? ap_judge_get_guest(judge) : NULL;
    g_autoptr(GPtrArray) listed = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) counted = g_hash_table_new(g_str_hash, g_str_equal);
    Formers formers = { .listed = listed, .counted = counted };
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
                ap_mask_set(&get_apqns(&formers, last)->domains[a], d);
        }
    }
    for (guint i = 0; i < listed->len; i++)
        report_former(judge, listed->pdata[i]);
    if (g_hash_table_size(counted) > 0)
        report_counted(judge, &formers);
}
