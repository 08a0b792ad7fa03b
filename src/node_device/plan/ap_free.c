/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The arithmetic of apmask and aqmask. */
#include "node_device/plan/ap_free.h"

#include <string.h>


void
ap_wish_get_queues(const ApWish *wish, const ApMatrix *lpar, ApApqnSet *ret_queues)
{
    ApMask all_of_domains = ap_mask_and(&wish->domains, &lpar->domains);

    memset(ret_queues, 0, sizeof(*ret_queues));
    for (int a = ap_mask_next(&lpar->adapters, 0); a >= 0;
         a = ap_mask_next(&lpar->adapters, a + 1)) {
        ApMask single = ap_mask_and(&wish->queues.domains[a], &lpar->domains);

        ret_queues->domains[a] = ap_mask_has(&wish->adapters, a)
                                     ? lpar->domains
                                     : ap_mask_or(&all_of_domains, &single);
    }
}


ApHostMasks
ap_masks_free(const ApHostMasks *before, const ApWish *wish, ApFreeWay way)
{
    ApHostMasks after = {
        .apmask = ap_mask_minus(&before->apmask, &wish->adapters),
        .aqmask = ap_mask_minus(&before->aqmask, &wish->domains),
    };
    const ApMask adapters = after.apmask;

    for (int a = ap_mask_next(&adapters, 0); a >= 0; a = ap_mask_next(&adapters, a + 1)) {
        ApMask owned = ap_mask_and(&wish->queues.domains[a], &after.aqmask);

        if (way == AP_FREE_BY_DOMAIN)
            after.aqmask = ap_mask_minus(&after.aqmask, &owned);
        else if (!ap_mask_is_empty(&owned))
            ap_mask_clear(&after.apmask, a);
    }
    return after;
}


ApHostMasks
ap_masks_reclaim(const ApHostMasks *before, const ApWish *wish)
{
    ApHostMasks after = {
        .apmask = ap_mask_or(&before->apmask, &wish->adapters),
        .aqmask = ap_mask_or(&before->aqmask, &wish->domains),
    };

    for (guint a = 0; a <= AP_ID_MAX; a++) {
        if (ap_mask_is_empty(&wish->queues.domains[a]))
            continue;
        ap_mask_set(&after.apmask, a);
        after.aqmask = ap_mask_or(&after.aqmask, &wish->queues.domains[a]);
    }
    return after;
}


void
ap_masks_get_changed(const ApHostMasks *before, const ApHostMasks *after, const ApMatrix *lpar,
                     ApApqnSet *ret_changed)
{
    static const ApMask none;

    memset(ret_changed, 0, sizeof(*ret_changed));
    for (int a = ap_mask_next(&lpar->adapters, 0); a >= 0;
         a = ap_mask_next(&lpar->adapters, a + 1)) {
        const ApMask *old = ap_mask_has(&before->apmask, a) ? &before->aqmask : &none;
        const ApMask *new = ap_mask_has(&after->apmask, a) ? &after->aqmask : &none;
        ApMask gone = ap_mask_minus(old, new);
        ApMask come = ap_mask_minus(new, old);
        ApMask changed = ap_mask_or(&gone, &come);

        ret_changed->domains[a] = ap_mask_and(&changed, &lpar->domains);
    }
}


gboolean
ap_masks_equal(const ApHostMasks *a, const ApHostMasks *b)
{
    return ap_mask_equal(&a->apmask, &b->apmask) && ap_mask_equal(&a->aqmask, &b->aqmask);
}


gboolean
ap_masks_are_full(const ApHostMasks *masks)
{
    const ApMask full = ap_mask_range(0, AP_ID_MAX);

    return ap_mask_equal(&masks->apmask, &full) && ap_mask_equal(&masks->aqmask, &full);
}
