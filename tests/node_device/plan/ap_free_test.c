/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which queues change hands with the masks: random masks against brute force, and every small
 * rectangle against every pair of masks that would do. */
#include "node_device/plan/ap_free.h"

#include <string.h>

#include "ap_test.h"

#define N_RANDOM 60

/* The grid in which all pairs of masks are tried. */
#define SIDE 4


static gboolean
owns(const ApHostMasks *masks, guint adapter, guint domain)
{
    return ap_mask_has(&masks->apmask, adapter) && ap_mask_has(&masks->aqmask, domain);
}


static ApMask
random_mask(GRand *rand, double density)
{
    ApMask mask = { 0 };

    for (guint id = 0; id <= AP_ID_MAX; id++) {
        if (g_rand_double(rand) < density)
            ap_mask_set(&mask, id);
    }
    return mask;
}


static ApHostMasks
random_masks(GRand *rand)
{
    static const double densities[] = { 0, 0.1, 0.5, 0.9, 1 };

    return (ApHostMasks){
        random_mask(rand, densities[g_rand_int_range(rand, 0, 5)]),
        random_mask(rand, densities[g_rand_int_range(rand, 0, 5)]),
    };
}


static void
make_random_wish(GRand *rand, ApWish *ret_wish)
{
    guint n = g_rand_int_range(rand, 0, 6);

    memset(ret_wish, 0, sizeof(*ret_wish));
    if (g_rand_boolean(rand))
        ret_wish->adapters = random_mask(rand, 0.01);
    if (g_rand_boolean(rand))
        ret_wish->domains = random_mask(rand, 0.01);
    while (n-- > 0)
        ap_mask_set(&ret_wish->queues.domains[g_rand_int_range(rand, 0, AP_ID_MAX + 1)],
                    g_rand_int_range(rand, 0, AP_ID_MAX + 1));
}


static gboolean
asks_for(const ApWish *wish, guint adapter, guint domain)
{
    return ap_mask_has(&wish->adapters, adapter) || ap_mask_has(&wish->domains, domain) ||
           ap_mask_has(&wish->queues.domains[adapter], domain);
}


/* Whether @changed is what differs, by the definition of the masks. */
static void
assert_changed(const ApHostMasks *before, const ApHostMasks *after, const ApMatrix *lpar)
{
    ApApqnSet changed;

    ap_masks_get_changed(before, after, lpar, &changed);
    for (guint a = 0; a <= AP_ID_MAX; a++) {
        for (guint d = 0; d <= AP_ID_MAX; d++) {
            gboolean differs = owns(before, a, d) != owns(after, a, d) &&
                               ap_mask_has(&lpar->adapters, a) &&
                               ap_mask_has(&lpar->domains, d);

            g_assert_cmpint(ap_mask_has(&changed.domains[a], d), ==, differs);
        }
    }
}


static void
assert_wish(const ApWish *wish, const ApMatrix *lpar)
{
    ApApqnSet queues;

    ap_wish_get_queues(wish, lpar, &queues);
    for (guint a = 0; a <= AP_ID_MAX; a++) {
        for (guint d = 0; d <= AP_ID_MAX; d++)
            g_assert_cmpint(ap_mask_has(&queues.domains[a], d), ==,
                            asks_for(wish, a, d) && ap_mask_has(&lpar->adapters, a) &&
                                ap_mask_has(&lpar->domains, d));
    }
}


/* Whether the host has nothing of what it was to give away. */
static gboolean
is_all_free(const ApHostMasks *masks, const ApWish *wish)
{
    for (guint a = 0; a <= AP_ID_MAX; a++) {
        for (guint d = 0; d <= AP_ID_MAX; d++) {
            if (asks_for(wish, a, d) && owns(masks, a, d))
                return FALSE;
        }
    }
    return TRUE;
}


static void
assert_freed(const ApHostMasks *before, const ApHostMasks *after, const ApWish *wish)
{
    ApMask more_adapters = ap_mask_minus(&after->apmask, &before->apmask);
    ApMask more_domains = ap_mask_minus(&after->aqmask, &before->aqmask);

    g_assert_true(is_all_free(after, wish));
    g_assert_true(ap_mask_is_empty(&more_adapters) && ap_mask_is_empty(&more_domains));
}


static void
assert_reclaimed(const ApHostMasks *before, const ApHostMasks *after, const ApWish *wish)
{
    ApMask lost_adapters = ap_mask_minus(&before->apmask, &after->apmask);
    ApMask lost_domains = ap_mask_minus(&before->aqmask, &after->aqmask);
    ApMask lacking_adapters = ap_mask_minus(&wish->adapters, &after->apmask);
    ApMask lacking_domains = ap_mask_minus(&wish->domains, &after->aqmask);

    g_assert_true(ap_mask_is_empty(&lost_adapters) && ap_mask_is_empty(&lost_domains));
    g_assert_true(ap_mask_is_empty(&lacking_adapters) && ap_mask_is_empty(&lacking_domains));
    for (guint a = 0; a <= AP_ID_MAX; a++) {
        for (guint d = 0; d <= AP_ID_MAX; d++) {
            if (ap_mask_has(&wish->queues.domains[a], d))
                g_assert_true(owns(after, a, d));
        }
    }
}


static void
test_random(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(13);

    for (guint i = 0; i < N_RANDOM; i++) {
        ApMatrix lpar = { .adapters = random_mask(rand, 0.3), .domains = random_mask(rand, 0.3) };
        ApHostMasks before = random_masks(rand);
        ApHostMasks back;
        ApWish wish;

        make_random_wish(rand, &wish);
        assert_wish(&wish, &lpar);
        for (ApFreeWay way = 0; way < AP_N_FREE_WAYS; way++) {
            ApHostMasks after = ap_masks_free(&before, &wish, way);

            assert_freed(&before, &after, &wish);
            assert_changed(&before, &after, &lpar);
        }
        back = ap_masks_reclaim(&before, &wish);
        assert_reclaimed(&before, &back, &wish);
        assert_changed(&before, &back, &lpar);
    }
}


static ApMask
low_bits(guint bits)
{
    ApMask mask = { 0 };

    for (guint id = 0; id < SIDE; id++) {
        if (bits & 1u << id)
            ap_mask_set(&mask, id);
    }
    return mask;
}


static guint
count_changed(const ApHostMasks *before, const ApHostMasks *after)
{
    const ApMatrix grid = { .adapters = low_bits(~0u), .domains = low_bits(~0u) };
    ApApqnSet changed;

    ap_masks_get_changed(before, after, &grid, &changed);
    return ap_apqn_set_count(&changed);
}


/* The fewest queues that leave with the wish, over all pairs of masks. */
static guint
find_fewest(const ApHostMasks *before, const ApWish *wish)
{
    guint fewest = G_MAXUINT;

    for (guint bits = 0; bits < 1u << 2 * SIDE; bits++) {
        ApMask adapters = low_bits(bits);
        ApMask domains = low_bits(bits >> SIDE);
        ApHostMasks after = { ap_mask_and(&before->apmask, &adapters),
                              ap_mask_and(&before->aqmask, &domains) };

        if (is_all_free(&after, wish))
            fewest = MIN(fewest, count_changed(before, &after));
    }
    return fewest;
}


/* A rectangle of the host's queues leaves by all its adapters or by all its domains: one of the two
 * is the best there is. */
static void
test_smallest(void)
{
    const ApHostMasks before = { low_bits(~0u), low_bits(~0u) };

    for (guint adapters = 1; adapters < 1u << SIDE; adapters += 2) {
        for (guint domains = 1; domains < 1u << SIDE; domains += 3) {
            ApMask adapter_mask = low_bits(adapters);
            ApMask domain_mask = low_bits(domains);
            guint best = G_MAXUINT;
            ApWish wish = { 0 };

            ap_apqn_set_add(&wish.queues, &adapter_mask, &domain_mask);
            for (ApFreeWay way = 0; way < AP_N_FREE_WAYS; way++) {
                ApHostMasks after = ap_masks_free(&before, &wish, way);

                best = MIN(best, count_changed(&before, &after));
            }
            g_assert_cmpuint(best, ==, find_fewest(&before, &wish));
        }
    }
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/free/random masks against brute force", test_random);
    g_test_add_func("/free/the smaller way of a rectangle is the smallest of all", test_smallest);
    return g_test_run();
}
