/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A plan for a host. */
#include "node_device/plan/ap_plan_host.h"

#include <string.h>

#include "node_device/conflict/ap_conflict_priv.h"
#include "node_device/conflict/ap_free.h"
#include "util/ap_error.h"

/* mdevs that an error names one by one. */
#define NAMED_MAX 16

static const char *const all_modes[] = { "cca", "ep11", "accel" };

/* One request to one host. */
typedef struct {
    ApInventory *inventory;
    ApHost *host;
    const ApPlanRequest *request;
    int kept_domain; /* of which the host's queues stay, -1 if there is none */
} Planner;


/* The cards of the mode that may be taken. */
static ApMask
find_cards(Planner *planner, const char *mode)
{
    const ApPlanRequest *request = planner->request;
    ApMask candidates = ap_mask_and(&request->adapters, &planner->host->adapters);
    ApMask adapters = { 0 };

    for (int a = ap_mask_next(&candidates, 0); a >= 0; a = ap_mask_next(&candidates, a + 1)) {
        const ApCard *card = ap_host_get_card(planner->host, a);

        if (card && g_strcmp0(card->mode, mode) == 0 && !ap_card_is_too_old(card) &&
            card->generation >= request->min_generation)
            ap_mask_set(&adapters, a);
    }
    return adapters;
}


static ApPlanGrid *
make_grid(Planner *planner, const char *mode)
{
    ApPlanGrid *grid = g_new0(ApPlanGrid, 1);
    const ApPlanRequest *request = planner->request;
    ApMask adapters = find_cards(planner, mode);

    for (int a = ap_mask_next(&adapters, 0); a >= 0; a = ap_mask_next(&adapters, a + 1)) {
        ApMask free_domains = ap_free_get_domains(planner->inventory, a);
        ApMask of_host = { 0 };

        if (!request->keep_host)
            of_host = ap_free_get_host_domains(planner->inventory, a);
        if (planner->kept_domain >= 0)
            ap_mask_clear(&of_host, planner->kept_domain);
        grid->of_host[a] = ap_mask_and(&of_host, &request->domains);
        grid->usable[a] = ap_mask_and(&free_domains, &request->domains);
        grid->usable[a] = ap_mask_or(&grid->usable[a], &grid->of_host[a]);
    }
    return grid;
}


static gboolean
is_allowed(const Planner *planner, const char *mode)
{
    return !planner->request->mode || strcmp(planner->request->mode, mode) == 0;
}


/* The best plan of all modes. Which is best is unknown as soon as one of them is. */
static ApPlanResult
find_best(Planner *planner, ApPlanAnswer *answer)
{
    const ApPlanRequest *request = planner->request;
    ApPlanResult best = AP_PLAN_NONE;

    for (guint i = 0; i < G_N_ELEMENTS(all_modes); i++) {
        g_autofree ApPlanGrid *grid = NULL;
        ApPlanResult result;
        ApPlan plan;

        if (!is_allowed(planner, all_modes[i]))
            continue;
        grid = make_grid(planner, all_modes[i]);
        result = ap_plan_find(grid, request->n_queues, request->spread, &plan);
        if (result == AP_PLAN_UNKNOWN)
            return AP_PLAN_UNKNOWN;
        if (result == AP_PLAN_NONE ||
            (best == AP_PLAN_FOUND && !ap_plan_is_better(&plan, &answer->plan, request->spread)))
            continue;
        best = AP_PLAN_FOUND;
        answer->plan = plan;
        answer->mode = all_modes[i];
    }
    return best;
}


/* What of the answer is the host's, and how it becomes free. */
static void
complete_answer(Planner *planner, ApPlanAnswer *answer)
{
    ApCandidate candidate = {
        .matrix = { answer->plan.adapters, answer->plan.domains, { { 0 } } },
    };
    ApJudge judge = ap_judge_make(planner->inventory, &candidate, AP_PHASE_FREE, NULL);
    g_autofree char *how = NULL;

    answer->of_host = (ApApqnSet){ 0 };
    answer->how_to_free = NULL;
    if (!ap_host_owns_any(planner->host, &candidate.matrix, &answer->of_host))
        return;
    how = ap_judge_suggest_freeing(&judge, &answer->of_host);
    answer->how_to_free = g_strdup(g_str_has_prefix(how, "or ") ? how + 3 : how);
}


/* "12 queues", "1 queue". */
static char *
count_queues(guint n)
{
    return g_strdup_printf("%u queue%s", n, n == 1 ? "" : "s");
}


/* "on ep11 cards from CEX7 on", of the adapters and domains that are allowed. */
static char *
describe_cards(const ApPlanRequest *request)
{
    const ApMask all = ap_mask_range(0, AP_ID_MAX);
    GString *text = g_string_new("on ");

    g_string_append(text, request->mode ? request->mode : "cards of one mode");
    if (request->mode)
        g_string_append(text, " cards");
    if (request->min_generation > 0)
        g_string_append_printf(text, " from CEX%d on", request->min_generation);
    if (!ap_mask_equal(&request->adapters, &all)) {
        g_autofree char *adapters = ap_mask_describe(&request->adapters);

        g_string_append_printf(text, ", adapters %s", adapters);
    }
    if (!ap_mask_equal(&request->domains, &all)) {
        g_autofree char *domains = ap_mask_describe(&request->domains);

        g_string_append_printf(text, ", domains %s", domains);
    }
    return g_string_free(text, FALSE);
}


/* All queues that could be asked for if nobody had any. */
static ApMatrix
get_region(Planner *planner)
{
    ApMatrix region = { 0 };

    for (guint i = 0; i < G_N_ELEMENTS(all_modes); i++) {
        ApMask adapters = { 0 };

        if (is_allowed(planner, all_modes[i]))
            adapters = find_cards(planner, all_modes[i]);
        region.adapters = ap_mask_or(&region.adapters, &adapters);
    }
    region.domains = ap_mask_and(&planner->request->domains, &planner->host->domains);
    return region;
}


/* How many queues of @region are in the sets that @get returns. */
static guint
count_region(Planner *planner, const ApMatrix *region, ApMask (*get)(ApInventory *, guint))
{
    guint n = 0;

    for (int a = ap_mask_next(&region->adapters, 0); a >= 0;
         a = ap_mask_next(&region->adapters, a + 1)) {
        ApMask domains = get(planner->inventory, a);

        domains = ap_mask_and(&domains, &region->domains);
        n += ap_mask_count(&domains);
    }
    return n;
}


static void
append_mdevs(Planner *planner, const ApMatrix *region, GString *text)
{
    GPtrArray *mdevs = ap_inventory_get_mdevs(planner->inventory);
    ApJudge judge = ap_judge_make(planner->inventory, NULL, AP_PHASE_START, NULL);
    guint n_named = 0;

    for (guint i = 0; i < mdevs->len; i++) {
        const ApMdev *mdev = mdevs->pdata[i];
        const ApMatrix *matrix = mdev->active || !mdev->definition ? &mdev->live
                                                                   : &mdev->definition->matrix;
        ApMatrix shared = ap_matrix_intersection(matrix, region);
        g_autofree char *queues = count_queues(ap_matrix_count_apqns(&shared));
        g_autofree char *who = NULL;

        if (ap_matrix_count_apqns(&shared) == 0)
            continue;
        if (n_named++ == NAMED_MAX) {
            g_string_append(text, "\nand so on: see `virt-ap list`");
            return;
        }
        who = ap_judge_describe_mdev(&judge, mdev);
        g_string_append_printf(text, "\n%s: %s%s", queues, mdev->active ? "" : "defined for ", who);
    }
}


static void
append_needs(Planner *planner, const ApMatrix *region, GString *text)
{
    GPtrArray *needs = ap_inventory_get_needs(planner->inventory);

    for (guint i = 0; i < needs->len; i++) {
        const ApNeed *need = needs->pdata[i];
        g_autofree char *queues = NULL;
        guint n = 0;

        for (int a = ap_mask_next(&region->adapters, 0); a >= 0;
             a = ap_mask_next(&region->adapters, a + 1)) {
            ApMask domains = ap_mask_and(&need->apqns.domains[a], &region->domains);

            n += ap_mask_count(&domains);
        }
        queues = count_queues(n);
        if (n > 0)
            g_string_append_printf(text, "\n%s %s", need->who, queues);
    }
}


/* The queues that nobody has, and that are of no use. */
static void
append_unusable(Planner *planner, const ApMatrix *region, GString *text)
{
    ApApqnSet unusable = { 0 };
    ApApqnSet all = { 0 };
    guint position = 0;
    ApApqn apqn;

    ap_apqn_set_add(&all, &region->adapters, &region->domains);
    while (ap_apqn_set_next(&all, &position, &apqn)) {
        if (!ap_host_get_driver(planner->host, apqn) ||
            ap_host_why_unusable(planner->host, apqn))
            ap_mask_set(&unusable.domains[apqn.adapter], apqn.domain);
    }
    if (!ap_apqn_set_is_empty(&unusable)) {
        g_autofree char *queues = count_queues(ap_apqn_set_count(&unusable));

        g_string_append_printf(text, "\n%s: not there, deconfigured or checkstopped", queues);
    }
}


/* What there is, and who has it. */
static char *
describe_region(Planner *planner)
{
    g_autofree char *bare = ap_host_describe_bare(planner->host);
    ApMatrix region = get_region(planner);
    guint n_free = count_region(planner, &region, ap_free_get_domains);
    guint n_of_host = count_region(planner, &region, ap_free_get_host_domains);
    g_autofree char *all_queues = count_queues(ap_matrix_count_apqns(&region));
    g_autofree char *host_queues = count_queues(n_of_host);
    GString *text = g_string_new(NULL);

    if (bare)
        return g_strdup(bare);
    if (!planner->host->masks_known)
        return g_strdup("the host's masks cannot be read: whose the queues are is unknown");
    g_string_append_printf(text, "%s in all, %u free for guests", all_queues, n_free);
    if (n_of_host > 0)
        g_string_append_printf(text, "\n%s: the host's own drivers%s", host_queues,
                               planner->request->keep_host ? "" : ", which could give them away");
    append_mdevs(planner, &region, text);
    append_needs(planner, &region, text);
    append_unusable(planner, &region, text);
    return g_string_free(text, FALSE);
}


/* How many queues the largest rectangle has. */
static guint
find_largest(Planner *planner, gboolean *ret_is_largest)
{
    const ApPlanRequest *request = planner->request;
    guint largest = 0;

    *ret_is_largest = TRUE;
    for (guint i = 0; i < G_N_ELEMENTS(all_modes); i++) {
        g_autofree ApPlanGrid *grid = NULL;
        gboolean is_largest;
        guint n;

        if (!is_allowed(planner, all_modes[i]))
            continue;
        grid = make_grid(planner, all_modes[i]);
        n = ap_plan_find_largest(grid, request->n_queues, request->spread, &is_largest);
        largest = MAX(largest, n);
        *ret_is_largest &= is_largest;
    }
    return largest;
}


static gboolean
set_none_error(Planner *planner, GError **error)
{
    const ApPlanRequest *request = planner->request;
    g_autofree char *wanted = count_queues(request->n_queues);
    g_autofree char *cards = describe_cards(request);
    g_autofree char *region = describe_region(planner);
    gboolean is_largest;
    guint largest = find_largest(planner, &is_largest);
    g_autofree char *most = count_queues(largest);
    g_autofree char *fits = g_strdup_printf("the largest%s has %s",
                                            is_largest ? "" : " that was found", most);

    g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                "%s %s%s cannot be taken as adapters x domains: %s\n%s", wanted, cards,
                request->spread ? ", on at least two adapters," : "",
                largest > 0 ? fits : "there is no rectangle at all", region);
    return FALSE;
}


static gboolean
set_unknown_error(const ApPlanRequest *request, GError **error)
{
    g_autofree char *wanted = count_queues(request->n_queues);

    g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                "what is taken leaves too many ways to choose %s: the search was given up after %d "
                "steps\nask for fewer, or name adapters and domains with --adapter and --domain",
                wanted, AP_PLAN_WORK_MAX);
    return FALSE;
}


gboolean
ap_plan_for_host(ApInventory *inventory, const ApPlanRequest *request, ApPlanAnswer *ret_answer,
                 GError **error)
{
    Planner planner = {
        .inventory = inventory,
        .host = ap_inventory_get_host(inventory),
        .request = request,
        .kept_domain = -1,
    };
    ApPlanResult result = AP_PLAN_NONE;
    ApPlanAnswer answer;
    guint domain;

    if (!planner.host->has_bus) {
        g_set_error(error, AP_ERROR, AP_ERROR_NO_BUS, "this host has no AP bus");
        return FALSE;
    }
    if (ap_host_read_default_domain(planner.host, &domain)) {
        planner.kept_domain = domain;
        result = find_best(&planner, &answer);
        planner.kept_domain = -1;
    }
    if (result == AP_PLAN_NONE)
        result = find_best(&planner, &answer);
    if (result == AP_PLAN_UNKNOWN)
        return set_unknown_error(request, error);
    if (result == AP_PLAN_NONE)
        return set_none_error(&planner, error);
    complete_answer(&planner, &answer);
    *ret_answer = answer;
    return TRUE;
}


void
ap_plan_answer_clear(ApPlanAnswer *answer)
{
    g_clear_pointer(&answer->how_to_free, g_free);
}
