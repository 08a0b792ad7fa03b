/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The allocator: which rectangle of queues to take. Pure: it is told what may be taken. */
#pragma once

#include "util/ap_matrix.h"

/**
 * AP_PLAN_WORK_MAX:
 *
 * Steps after which a search gives up, less than 100 ms. To find a rectangle of a given size is
 * NP-hard. On 60 adapters and 85 domains up to 64 queues were found however many others were taken
 * at random, and thousands where matrices of up to 3 x 3 queues, whole cards or few single queues
 * were taken. It gives up where one to five of ten queues are taken at random and more than a
 * hundred are wanted, or where the host has single queues at random and many are wanted.
 */
#define AP_PLAN_WORK_MAX 30000

/**
 * ApPlanGrid:
 * @usable: for each adapter, the domains whose queue may be taken
 * @of_host: for each adapter, those of @usable that the host would have to give away
 *
 * All adapters of one grid are of one mode.
 */
typedef struct {
    ApMask usable[AP_ID_MAX + 1];
    ApMask of_host[AP_ID_MAX + 1];
} ApPlanGrid;

/**
 * ApPlan:
 * @adapters: the adapters to take
 * @domains: the domains to take on each of them
 * @n_of_host: how many of these queues the host has to give away
 */
typedef struct {
    ApMask adapters;
    ApMask domains;
    guint n_of_host;
} ApPlan;

/**
 * ApPlanResult:
 * @AP_PLAN_FOUND: the best rectangle
 * @AP_PLAN_NONE: there is none
 * @AP_PLAN_UNKNOWN: AP_PLAN_WORK_MAX steps did not tell which is the best, or whether there is one
 */
typedef enum {
    AP_PLAN_FOUND,
    AP_PLAN_NONE,
    AP_PLAN_UNKNOWN,
} ApPlanResult;

/**
 * ap_plan_find:
 * @grid: what may be taken
 * @n_queues: how many queues, 1 to 65536
 * @spread: whether the loss of one card is to leave at least half of them
 * @ret_plan: (out): the rectangle; untouched unless it is found
 *
 * Without @spread it takes the fewest adapters, with it the most, at least two. Of those, it takes
 * the fewest queues from the host; of those, the lowest adapters, then the lowest domains.
 *
 * Returns: whether a rectangle of exactly @n_queues can be taken.
 */
ApPlanResult
ap_plan_find(const ApPlanGrid *grid, guint n_queues, gboolean spread, ApPlan *ret_plan);

/**
 * ap_plan_find_largest:
 * @grid: what may be taken
 * @n_queues: 1 to 65536
 * @spread: as for ap_plan_find()
 * @ret_is_largest: (out): FALSE if AP_PLAN_WORK_MAX steps did not tell whether there is a larger
 *   one
 *
 * Returns: how many queues the largest rectangle has that is no larger than @n_queues; 0 if nothing
 *   can be taken.
 */
guint
ap_plan_find_largest(const ApPlanGrid *grid, guint n_queues, gboolean spread,
                     gboolean *ret_is_largest);

/**
 * ap_plan_is_better:
 * @plan: a plan
 * @other: another one for as many queues
 * @spread: as for ap_plan_find()
 *
 * Returns: whether @plan comes before @other in the order of ap_plan_find().
 */
gboolean
ap_plan_is_better(const ApPlan *plan, const ApPlan *other, gboolean spread);
