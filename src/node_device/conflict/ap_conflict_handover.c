/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Queues that change hands between the host and its guests. */
#include "node_device/conflict/ap_conflict_handover.h"

#include <string.h>

#include "node_device/conflict/ap_conflict_priv.h"


static ApApqnSet
get_common(const ApApqnSet *set, const ApMatrix *matrix)
{
    ApApqnSet common = { 0 };

    for (guint a = 0; a <= AP_ID_MAX; a++) {
        if (ap_mask_has(&matrix->adapters, a))
            common.domains[a] = ap_mask_and(&set->domains[a], &matrix->domains);
    }
    return common;
}


static void
refuse_held(ApJudge *judge, const ApMdev *mdev, const ApApqnSet *taken)
{
    ApApqnSet common = get_common(taken, &mdev->live);
    g_autofree char *who = NULL;

    if (!mdev->active || ap_apqn_set_is_empty(&common))
        return;
    who = ap_judge_describe_mdev(judge, mdev);
    ap_judge_refuse_other(judge, AP_CODE_IN_USE, &common, mdev,
                          ap_judge_say(&common, "belongs to %s", who),
                          mdev->guest && ap_guest_holds(mdev->guest, mdev->uuid)
                              ? g_strdup("stop the guest and the mdev first, or take other queues")
                              : g_strdup_printf("stop the mdev first: virt-ap stop %s",
                                                mdev->uuid));
}


static void
refuse_defined(ApJudge *judge, const ApMdev *mdev, const ApApqnSet *taken)
{
    ApApqnSet common;
    g_autofree char *who = NULL;

    if (!mdev->definition || !mdev->definition->valid)
        return;
    common = get_common(taken, &mdev->definition->matrix);
    if (ap_apqn_set_is_empty(&common))
        return;
    who = ap_judge_describe_mdev(judge, mdev);
    ap_judge_refuse_other(judge, AP_CODE_DEFINED_ELSEWHERE, &common, mdev,
                          ap_judge_say(&common, "is needed by %s", who),
                          mdev->brought_by
                              ? g_strdup_printf("change the metadata of guest '%s' first",
                                                mdev->brought_by->name)
                              : g_strdup_printf("change its definition first: virt-ap update %s "
                                                "FILE --config, or virt-ap undefine %s",
                                                mdev->uuid, mdev->uuid));
}


/* What an mdev that goes or comes may hold only its queues can tell. */
static void
refuse_unseen(ApJudge *judge, const ApApqnSet *taken)
{
    ApApqnSet all = { 0 };

    if (judge->host->going->len == 0 && !judge->host->mdevs_unread)
        return;
    for (guint a = 0; a <= AP_ID_MAX; a++) {
        ApMatrix row = { .domains = taken->domains[a] };
        ApApqnSet unseen;

        if (ap_mask_is_empty(&row.domains))
            continue;
        ap_mask_set(&row.adapters, a);
        ap_host_get_unseen(judge->host, &row, &unseen);
        ap_apqn_set_add_all(&all, &unseen);
    }
    if (ap_apqn_set_is_empty(&all))
        return;
    ap_judge_refuse_other(judge, AP_CODE_IN_USE, &all, NULL,
                          ap_judge_say(&all, "may belong to an mdev that cannot be read now"),
                          g_strdup("look again in a moment: virt-ap list"));
}


static void
refuse_all_held(ApJudge *judge, const ApApqnSet *taken)
{
    GPtrArray *mdevs = ap_inventory_get_mdevs(judge->inventory);

    /* Without the guests it can still be told that an mdev has a queue, not whose it is. */
    ap_inventory_get_guests(judge->inventory);
    for (guint i = 0; i < mdevs->len; i++)
        refuse_held(judge, mdevs->pdata[i], taken);
    refuse_unseen(judge, taken);
}


GPtrArray *
ap_conflict_check_free(ApInventory *inventory, const ApApqnSet *given)
{
    GPtrArray *findings = ap_finding_list_new();
    const ApCandidate nobody = { 0 };
    ApJudge judge = ap_judge_make(inventory, &nobody, AP_PHASE_FREE, findings);

    ap_judge_given(&judge, given);
    /* A driver_override is taken without a look at the mdevs. */
    refuse_all_held(&judge, given);
    ap_judge_problems(&judge);
    return findings;
}


GPtrArray *
ap_conflict_check_reclaim(ApInventory *inventory, const ApApqnSet *now, const ApApqnSet *in_all)
{
    GPtrArray *findings = ap_finding_list_new();
    const ApCandidate nobody = { 0 };
    ApJudge judge = ap_judge_make(inventory, &nobody, AP_PHASE_FREE, findings);
    GPtrArray *mdevs;

    refuse_all_held(&judge, now);
    mdevs = ap_inventory_get_mdevs(inventory);
    for (guint i = 0; i < mdevs->len; i++)
        refuse_defined(&judge, mdevs->pdata[i], in_all);
    /* What a guest brings in its metadata is a definition. */
    ap_judge_hidden_holders(&judge);
    ap_judge_problems(&judge);
    return findings;
}
