/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the engine takes without any file: 65,536 matrices of one queue each, so that every APQN
 * has its owner. Prints "NAME NANOSECONDS" lines for bench.py. The argument is a root directory
 * with an AP bus. */
#include <stdio.h>
#include <time.h>

#include "node_device/conflict/ap_conflict.h"
#include "node_device/plan/ap_plan.h"

#define N_MATRICES 65536
#define N_ROUNDS 10
#define N_CHECKS 100
#define N_LOOKUPS 1000000

/* What a guest may want; and so many small matrices take their part. */
#define PLANNED_MAX 64
#define N_SMALL 100


static guint64
now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * G_GUINT64_CONSTANT(1000000000) + time.tv_nsec;
}


static ApMatrix
one_queue(guint number)
{
    ApMatrix matrix = { 0 };

    ap_mask_set(&matrix.adapters, number >> 8);
    ap_mask_set(&matrix.domains, number & 255);
    return matrix;
}


static void
add_active(ApHost *host, guint number)
{
    ApActiveMdev *mdev = g_new0(ApActiveMdev, 1);

    mdev->uuid = g_strdup_printf("%08x-0000-4000-8000-000000000000", number);
    mdev->matrix = one_queue(number);
    g_ptr_array_add(host->mdevs, mdev);
}


static GPtrArray *
no_guests(GPtrArray *problems, gpointer data)
{
    (void)problems;
    (void)data;
    return g_ptr_array_new();
}


static ApInventory *
make_inventory(const ApRoot *root, guint n_matrices)
{
    ApHost *host = ap_host_load(root);
    ApInventory *inventory;

    for (guint i = 0; i < n_matrices; i++)
        add_active(host, i);
    inventory = ap_inventory_new(host, NULL, ap_problem_list_new(), ap_config_new(), no_guests,
                                 NULL);
    ap_inventory_get_guests(inventory);
    return inventory;
}


/* The candidate wants one queue: exactly one matrix has it. */
static void
check(ApInventory *inventory)
{
    g_autoptr(ApMdevDef) def = ap_mdev_def_new(AP_MDEV_TYPE);
    ApMatrix matrix = one_queue(5 << 8 | 71);
    ApCandidate candidate = { .uuid = "ffffffff-0000-4000-8000-000000000000", .def = def };

    ap_mdev_def_add_matrix(def, &matrix, FALSE);
    for (guint i = 0; i < N_CHECKS; i++) {
        g_autoptr(GPtrArray) findings =
            ap_conflict_check(inventory, &candidate, AP_PHASE_BIT(AP_PHASE_START));

        if (ap_finding_list_severity(findings) != AP_SEVERITY_REJECT)
            g_error("the conflict was not found");
    }
}


static void
look_up(ApInventory *inventory)
{
    volatile const ApMdev *owner;

    for (guint i = 0; i < N_LOOKUPS; i++)
        owner = ap_inventory_get_owner_of(inventory, (ApApqn){ i >> 8 & 255, i & 255 });
    (void)owner;
}


/* The best round counts. */
static void
measure(const char *name, void (*function)(ApInventory *), ApInventory *inventory, guint n)
{
    guint64 least = G_MAXUINT64;

    for (guint round = 0; round < N_ROUNDS; round++) {
        guint64 start = now_ns();

        function(inventory);
        least = MIN(least, now_ns() - start);
    }
    printf("%s %.1f\n", name, (double)least / n);
}


/* The largest machine, of which that many percent of the queues may be taken. */
static ApPlanGrid
make_grid(GRand *rand, guint percent)
{
    ApPlanGrid grid = { 0 };

    for (guint a = 0; a < 60; a++) {
        for (guint d = 0; d < 85; d++) {
            if ((guint)g_rand_int_range(rand, 0, 100) < percent)
                ap_mask_set(&grid.usable[a], d);
        }
    }
    return grid;
}


static void
take_small_matrices(GRand *rand, ApPlanGrid *grid)
{
    for (guint i = 0; i < N_SMALL; i++) {
        guint adapter = g_rand_int_range(rand, 0, 58);
        guint domain = g_rand_int_range(rand, 0, 83);
        ApMask taken = ap_mask_range(domain, domain + g_rand_int_range(rand, 0, 3));

        for (guint a = adapter; a <= adapter + i % 3; a++)
            grid->usable[a] = ap_mask_minus(&grid->usable[a], &taken);
    }
}


static guint64
plan_once(const ApPlanGrid *grid, guint n_queues, gboolean spread)
{
    guint64 start = now_ns();
    ApPlan plan;

    if (ap_plan_find(grid, n_queues, spread, &plan) == AP_PLAN_UNKNOWN)
        g_error("%u queues could not be planned", n_queues);
    return now_ns() - start;
}


/* The slowest plan counts. */
static void
measure_plans(void)
{
    static const guint percents[] = { 30, 50, 70, 80, 90, 95 };
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    ApPlanGrid small = make_grid(rand, 100);
    guint64 most = 0;

    for (guint i = 0; i < G_N_ELEMENTS(percents); i++) {
        ApPlanGrid grid = make_grid(rand, percents[i]);

        for (guint n = 1; n <= PLANNED_MAX; n++)
            most = MAX(most, MAX(plan_once(&grid, n, FALSE), plan_once(&grid, n, TRUE)));
    }
    printf("plan-random %" G_GUINT64_FORMAT "\n", most);
    take_small_matrices(rand, &small);
    printf("plan-2000 %" G_GUINT64_FORMAT "\n", plan_once(&small, 2000, FALSE));
}


int
main(int argc, char **argv)
{
    g_autoptr(ApRoot) root = argc == 2 ? ap_root_new(argv[1], NULL) : NULL;
    g_autoptr(ApInventory) few = NULL;
    g_autoptr(ApInventory) many = NULL;

    if (!root)
        return 2;
    few = make_inventory(root, 10);
    many = make_inventory(root, N_MATRICES);
    measure("check", check, many, N_CHECKS);
    measure("lookup-10", look_up, few, N_LOOKUPS);
    measure("lookup-65536", look_up, many, N_LOOKUPS);
    measure_plans();
    return 0;
}
