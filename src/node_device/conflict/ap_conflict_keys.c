/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys outlive their users: whose master keys a queue may still hold. */
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
