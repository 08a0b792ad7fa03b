/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan for a host: the allocator on what is free there, and what stands in the way. */
#pragma once

#include "node_device/inventory/ap_inventory.h"
#include "node_device/plan/ap_plan.h"
#include "util/ap_apqn_set.h"

/**
 * ApPlanRequest:
 * @n_queues: how many queues, 1 to 65536
 * @mode: (nullable): "cca", "ep11" or "accel"; NULL: any, but one
 * @min_generation: 7: cards from CEX7 on; 0: any
 * @spread: as for ap_plan_find()
 * @keep_host: whether the queues of the host's own drivers are left alone
 * @adapters: the adapters that may be taken
 * @domains: the domains that may be taken
 */
typedef struct {
    guint n_queues;
    const char *mode;
    int min_generation;
    gboolean spread;
    gboolean keep_host;
    ApMask adapters;
    ApMask domains;
} ApPlanRequest;

/**
 * ApPlanAnswer:
 * @plan: what to take
 * @mode: the mode of its cards; static
 * @of_host: those of its queues that the host has to give away first
 * @how_to_free: (nullable): how it would do that; NULL if @of_host is empty
 */
typedef struct {
    ApPlan plan;
    const char *mode;
    ApApqnSet of_host;
    char *how_to_free;
} ApPlanAnswer;

/**
 * ap_plan_for_host:
 * @inventory: what there is
 * @request: what is wanted
 * @ret_answer: (out caller-allocates): the best plan; the caller clears it with
 *   ap_plan_answer_clear(); untouched on failure
 * @error: return location
 *
 * Of the modes that are allowed it takes the one with the best plan. Queues of the host's default
 * domain are taken only where nothing else is left.
 *
 * Errors: AP_ERROR_NO_BUS; AP_ERROR_REFUSED if there is no such rectangle, and the message says how
 *   large the largest is and who has the rest; or if the search was given up.
 *
 * Returns: whether there is a plan.
 */
gboolean
ap_plan_for_host(ApInventory *inventory, const ApPlanRequest *request, ApPlanAnswer *ret_answer,
                 GError **error);

/**
 * ap_plan_answer_clear:
 * @answer: an answer, all zero or filled
 *
 * Frees what it holds.
 */
void
ap_plan_answer_clear(ApPlanAnswer *answer);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ApPlanAnswer, ap_plan_answer_clear)
