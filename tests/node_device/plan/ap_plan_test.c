/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The allocator beside a search through all rectangles, on small random grids; then on large
 * ones. */
#include "node_device/plan/ap_plan.h"

#include "ap_test.h"

#define SMALL 5


/* Whether @plan is a rectangle of @n usable queues, and tells what it takes from the host. */
static void
assert_is_rectangle(const ApPlanGrid *grid, const ApPlan *plan, guint n)
{
    guint of_host = 0;

    g_assert_cmpuint(ap_mask_count(&plan->adapters) * ap_mask_count(&plan->domains), ==, n);
    for (int a = ap_mask_next(&plan->adapters, 0); a >= 0;
         a = ap_mask_next(&plan->adapters, a + 1)) {
        ApMask lacking = ap_mask_minus(&plan->domains, &grid->usable[a]);
        ApMask taken = ap_mask_and(&plan->domains, &grid->of_host[a]);

        g_assert_true(ap_mask_is_empty(&lacking));
        of_host += ap_mask_count(&taken);
    }
    g_assert_cmpuint(of_host, ==, plan->n_of_host);
}


static ApMask
mask_of_bits(guint bits)
{
    ApMask mask = { 0 };

    for (guint id = 0; id < SMALL; id++) {
        if (bits & (1u << id))
            ap_mask_set(&mask, id);
    }
    return mask;
}


/* The plan of these adapters and domains; FALSE if a queue of it cannot be taken. */
static gboolean
make_plan(const ApPlanGrid *grid, guint adapters, guint domains, ApPlan *ret_plan)
{
    ApPlan plan = { mask_of_bits(adapters), mask_of_bits(domains), 0 };

    for (guint a = 0; a < SMALL; a++) {
        ApMask lacking = ap_mask_minus(&plan.domains, &grid->usable[a]);
        ApMask taken = ap_mask_and(&plan.domains, &grid->of_host[a]);

        if (!(adapters & (1u << a)))
            continue;
        if (!ap_mask_is_empty(&lacking))
            return FALSE;
        plan.n_of_host += ap_mask_count(&taken);
    }
    *ret_plan = plan;
    return TRUE;
}


static gboolean
search_all(const ApPlanGrid *grid, guint n, gboolean spread, ApPlan *ret_plan)
{
    gboolean found = FALSE;

    for (guint adapters = 1; adapters < 1u << SMALL; adapters++) {
        for (guint domains = 1; domains < 1u << SMALL; domains++) {
            guint n_adapters = __builtin_popcount(adapters);
            ApPlan plan;

            if (n_adapters * __builtin_popcount(domains) != n || (spread && n_adapters < 2) ||
                !make_plan(grid, adapters, domains, &plan))
                continue;
            if (!found || ap_plan_is_better(&plan, ret_plan, spread))
                *ret_plan = plan;
            found = TRUE;
        }
    }
    return found;
}


/* Of one seed always the same. */
static ApPlanGrid
make_grid(guint32 seed, guint n_adapters, guint n_domains, guint percent_usable,
          guint percent_of_host)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    ApPlanGrid grid = { 0 };

    for (guint a = 0; a < n_adapters; a++) {
        for (guint d = 0; d < n_domains; d++) {
            if ((guint)g_rand_int_range(rand, 0, 100) >= percent_usable)
                continue;
            ap_mask_set(&grid.usable[a], d);
            if ((guint)g_rand_int_range(rand, 0, 100) < percent_of_host)
                ap_mask_set(&grid.of_host[a], d);
        }
    }
    return grid;
}


static void
compare(const ApPlanGrid *grid, gboolean spread)
{
    guint largest = 0;

    for (guint n = 1; n <= SMALL * SMALL; n++) {
        ApPlan wanted;
        ApPlan plan;
        gboolean is_largest;
        gboolean possible = search_all(grid, n, spread, &wanted);

        g_assert_cmpint(ap_plan_find(grid, n, spread, &plan), ==,
                        possible ? AP_PLAN_FOUND : AP_PLAN_NONE);
        if (possible) {
            assert_is_rectangle(grid, &plan, n);
            g_assert_false(ap_plan_is_better(&wanted, &plan, spread));
            g_assert_false(ap_plan_is_better(&plan, &wanted, spread));
            largest = n;
        }
        g_assert_cmpuint(ap_plan_find_largest(grid, n, spread, &is_largest), ==, largest);
        g_assert_true(is_largest);
    }
}


static void
test_a_plan_is_as_good_as_the_best_of_all_rectangles(void)
{
    guint n_grids = g_test_slow() ? 5000 : 300;

    for (guint i = 0; i < n_grids; i++) {
        guint usable = g_test_rand_int_range(20, 101);
        guint of_host = g_test_rand_int_range(0, 101);
        ApPlanGrid grid = make_grid(g_test_rand_int(), g_test_rand_int_range(1, SMALL + 1),
                                    g_test_rand_int_range(1, SMALL + 1), usable, of_host);

        compare(&grid, FALSE);
        compare(&grid, TRUE);
    }
}


static void
test_nothing_usable_gives_no_plan(void)
{
    ApPlanGrid grid = { 0 };
    ApPlan plan;
    gboolean is_largest;

    g_assert_cmpint(ap_plan_find(&grid, 1, FALSE, &plan), ==, AP_PLAN_NONE);
    g_assert_cmpuint(ap_plan_find_largest(&grid, 1, FALSE, &is_largest), ==, 0);
    g_assert_true(is_largest);
}


/* The grids below are as large as the largest machine's: 60 adapters × 85 domains. */
static void
assert_plans(const ApPlanGrid *grid, guint most)
{
    for (guint n = 1; n <= most; n++) {
        for (guint spread = 0; spread < 2; spread++) {
            ApPlan plan;
            ApPlanResult result = ap_plan_find(grid, n, spread, &plan);

            g_assert_cmpint(result, !=, AP_PLAN_UNKNOWN);
            if (result == AP_PLAN_FOUND)
                assert_is_rectangle(grid, &plan, n);
        }
    }
}


static void
test_what_a_guest_may_want_is_planned_however_much_is_taken(void)
{
    static const guint percents[] = { 30, 50, 70, 80, 90, 95, 98, 100 };

    for (guint i = 0; i < G_N_ELEMENTS(percents); i++) {
        ApPlanGrid grid = make_grid(1, 60, 85, percents[i], 0);

        assert_plans(&grid, 64);
    }
}


static void
test_single_queues_of_the_host_are_spared(void)
{
    static const guint percents[] = { 30, 50, 80, 90, 100 };

    for (guint i = 0; i < G_N_ELEMENTS(percents); i++) {
        ApPlanGrid grid = make_grid(1, 60, 85, percents[i], 30);

        assert_plans(&grid, 36);
    }
}


/* One queue of each adapter, another one of each: no adapter is like another. */
static void
test_a_permutation_that_is_taken_is_no_hindrance(void)
{
    ApPlanGrid grid = make_grid(1, 60, 85, 100, 0);
    ApPlan plan;
    gboolean is_largest;

    for (guint a = 0; a < 60; a++)
        ap_mask_clear(&grid.usable[a], a * 37 % 85);
    /* n adapters have 85 - n domains in common at most. */
    for (guint n = 1; n <= 60; n++) {
        g_assert_cmpint(ap_plan_find(&grid, n * (85 - n), n > 1, &plan), ==, AP_PLAN_FOUND);
        assert_is_rectangle(&grid, &plan, n * (85 - n));
    }
    g_assert_cmpint(ap_plan_find(&grid, 43 * 43, FALSE, &plan), ==, AP_PLAN_NONE);
    g_assert_cmpuint(ap_plan_find_largest(&grid, 5100, FALSE, &is_largest), ==, 42 * 43);
    g_assert_true(is_largest);
}


static void
test_a_checkerboard_is_two_rectangles(void)
{
    ApPlanGrid grid = make_grid(1, 60, 85, 100, 0);
    ApPlan plan;
    gboolean is_largest;

    for (guint a = 0; a < 60; a++) {
        for (guint d = 0; d < 85; d++) {
            if ((a + d) % 2 == 1)
                ap_mask_clear(&grid.usable[a], d);
        }
    }
    g_assert_cmpint(ap_plan_find(&grid, 30 * 43, FALSE, &plan), ==, AP_PLAN_FOUND);
    assert_is_rectangle(&grid, &plan, 30 * 43);
    g_assert_cmpuint(ap_plan_find_largest(&grid, 5100, FALSE, &is_largest), ==, 30 * 43);
    g_assert_true(is_largest);
}


/* The host has all; or a block, which is taken from only when the rest does not do. */
static void
test_a_block_of_the_host_is_taken_last(void)
{
    ApPlanGrid grid = make_grid(1, 60, 85, 100, 100);
    ApPlan plan;

    g_assert_cmpint(ap_plan_find(&grid, 2000, FALSE, &plan), ==, AP_PLAN_FOUND);
    g_assert_cmpuint(plan.n_of_host, ==, 2000);
    for (guint a = 0; a < 60; a++) {
        ApMask kept = ap_mask_range(0, 29);

        grid.of_host[a] = a < 20 ? kept : (ApMask){ 0 };
    }
    g_assert_cmpint(ap_plan_find(&grid, 40 * 60, FALSE, &plan), ==, AP_PLAN_FOUND);
    assert_is_rectangle(&grid, &plan, 40 * 60);
    g_assert_cmpuint(ap_mask_count(&plan.adapters), ==, 30);
    g_assert_cmpuint(plan.n_of_host, ==, 0);
    g_assert_cmpint(ap_plan_find(&grid, 50 * 60, FALSE, &plan), ==, AP_PLAN_FOUND);
    assert_is_rectangle(&grid, &plan, 50 * 60);
    g_assert_cmpuint(ap_mask_count(&plan.adapters), ==, 40);
    g_assert_cmpuint(plan.n_of_host, ==, 0);
}


static void
test_what_takes_too_long_is_given_up(void)
{
    ApPlanGrid grid = make_grid(1, 60, 85, 90, 0);
    ApPlan plan = { .n_of_host = 4711 };
    gboolean is_largest;

    g_assert_cmpint(ap_plan_find(&grid, 900, FALSE, &plan), ==, AP_PLAN_UNKNOWN);
    g_assert_cmpuint(plan.n_of_host, ==, 4711);
    g_assert_cmpuint(ap_plan_find_largest(&grid, 900, FALSE, &is_largest), >, 0);
    g_assert_false(is_largest);
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plan/as-good-as-the-best-of-all-rectangles",
                    test_a_plan_is_as_good_as_the_best_of_all_rectangles);
    g_test_add_func("/plan/nothing-usable", test_nothing_usable_gives_no_plan);
    g_test_add_func("/plan/what-a-guest-may-want-is-planned-however-much-is-taken",
                    test_what_a_guest_may_want_is_planned_however_much_is_taken);
    g_test_add_func("/plan/single-queues-of-the-host-are-spared",
                    test_single_queues_of_the_host_are_spared);
    g_test_add_func("/plan/a-permutation-that-is-taken-is-no-hindrance",
                    test_a_permutation_that_is_taken_is_no_hindrance);
    g_test_add_func("/plan/a-checkerboard-is-two-rectangles",
                    test_a_checkerboard_is_two_rectangles);
    g_test_add_func("/plan/a-block-of-the-host-is-taken-last",
                    test_a_block_of_the_host_is_taken_last);
    g_test_add_func("/plan/what-takes-too-long-is-given-up", test_what_takes_too_long_is_given_up);
    return g_test_run();
}
