/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The allocator: exact, by branch and bound. A branch decides about one line of the grid, an
 * adapter or a domain: the one that hinders most is left out, or else taken, and then what it lacks
 * goes. Cards of one host have much the same queues free: a branch that leaves a line out also
 * leaves out what is not better. */
#include "node_device/plan/ap_plan.h"

#include <string.h>

#define N_IDS (AP_ID_MAX + 1)

/* Of so few lines all sets can be tried: nothing is decided about those that cross them. */
#define FEW 4

/* Both directions of the grid are treated alike; the lines of the one cross those of the other. */
enum { ADAPTERS, DOMAINS, N_AXES };

typedef struct {
    ApMask lines;          /* those with a queue that may be taken */
    ApMask usable[N_IDS];  /* for each line, the lines that it crosses in such a queue */
    ApMask of_host[N_IDS]; /* of those, the host's */
} Axis;

typedef struct {
    Axis axes[N_AXES];
    gboolean has_of_host;
    guint work;            /* steps that are left */
} Grid;

/* What is decided: the lines that are taken, and, those among them, all that may be taken yet. */
typedef struct {
    ApMask in[N_AXES];
    ApMask may[N_AXES];
} State;

/* One search, for a rectangle of one size. */
typedef struct {
    Grid *grid;
    guint want[N_AXES];    /* how many lines */
    guint limit;           /* only what costs the host less is looked for; the best costs so much */
    gboolean any;          /* whether the first will do */
    gboolean found;
    State best;
} Search;


static inline guint
count(const ApMask *mask)
{
    guint n = 0;

    for (guint i = 0; i < G_N_ELEMENTS(mask->word); i++) {
        /* Most hosts have few ids, and not each machine counts bits in one instruction. */
        if (mask->word[i])
            n += __builtin_popcountll(mask->word[i]);
    }
    return n;
}


static inline guint
count_common(const ApMask *a, const ApMask *b)
{
    guint n = 0;

    for (guint i = 0; i < G_N_ELEMENTS(a->word); i++) {
        guint64 word = a->word[i] & b->word[i];

        if (word)
            n += __builtin_popcountll(word);
    }
    return n;
}


/* How many are in @a and @b, and not in @except. */
static inline guint
count_but(const ApMask *a, const ApMask *b, const ApMask *except)
{
    guint n = 0;

    for (guint i = 0; i < G_N_ELEMENTS(a->word); i++) {
        guint64 word = a->word[i] & b->word[i] & ~except->word[i];

        if (word)
            n += __builtin_popcountll(word);
    }
    return n;
}


static inline gboolean
is_within(const ApMask *a, const ApMask *b)
{
    guint64 rest = 0;

    for (guint i = 0; i < G_N_ELEMENTS(a->word); i++)
        rest |= a->word[i] & ~b->word[i];
    return rest == 0;
}


static void
take_line(const Search *search, State *state, guint axis, guint line)
{
    ApMask *cross = &state->may[!axis];

    ap_mask_set(&state->in[axis], line);
    *cross = ap_mask_and(cross, &search->grid->axes[axis].usable[line]);
}


/* Leaves out a line, and each that it could replace without a disadvantage: what can be done with
 * those can be done with it, and the other branch looks at that. */
static void
leave_out(const Search *search, State *state, guint axis, guint line)
{
    const Axis *a = &search->grid->axes[axis];
    const ApMask *cross = &state->may[!axis];
    ApMask open = ap_mask_minus(&state->may[axis], &state->in[axis]);

    ap_mask_clear(&state->may[axis], line);
    for (int i = ap_mask_next(&open, 0); i >= 0; i = ap_mask_next(&open, i + 1)) {
        ApMask common = ap_mask_and(&a->usable[i], cross);
        ApMask of_host = ap_mask_and(&common, &a->of_host[line]);

        if (is_within(&common, &a->usable[line]) && is_within(&of_host, &a->of_host[i]))
            ap_mask_clear(&state->may[axis], i);
    }
}


/* Leaves out the lines of one direction that cross too little; returns FALSE if nothing can come of
 * it any more. */
static gboolean
narrow_axis(const Search *search, State *state, guint axis, gboolean *changed)
{
    const Axis *a = &search->grid->axes[axis];
    ApMask *may = &state->may[axis];
    const ApMask *cross = &state->may[!axis];
    guint n;

    if (!is_within(&state->in[axis], may))
        return FALSE;
    for (int i = ap_mask_next(may, 0); i >= 0; i = ap_mask_next(may, i + 1)) {
        if (count_common(&a->usable[i], cross) >= search->want[!axis] &&
            is_within(&state->in[!axis], &a->usable[i]))
            continue;
        if (ap_mask_has(&state->in[axis], i))
            return FALSE;
        ap_mask_clear(may, i);
        *changed = TRUE;
    }
    n = count(may);
    if (n < search->want[axis])
        return FALSE;
    if (n > search->want[axis] && count(&state->in[axis]) < search->want[axis])
        return TRUE;
    /* All that may be taken has to be, or all that is wanted is taken. */
    if (ap_mask_equal(may, &state->in[axis]))
        return TRUE;
    if (n > search->want[axis])
        *may = state->in[axis];
    for (int i = ap_mask_next(may, 0); i >= 0; i = ap_mask_next(may, i + 1))
        take_line(search, state, axis, i);
    *changed = TRUE;
    return TRUE;
}


static gboolean
narrow(const Search *search, State *state)
{
    gboolean changed = TRUE;

    while (changed) {
        changed = FALSE;
        if (!narrow_axis(search, state, ADAPTERS, &changed) ||
            !narrow_axis(search, state, DOMAINS, &changed))
            return FALSE;
    }
    return TRUE;
}


/* A table of how many lines have which number. */
typedef struct {
    guint16 n[N_IDS + 1];
} Tally;


/* The sum of the n smallest. */
static guint
sum_smallest(const Tally *tally, guint n)
{
    guint sum = 0;

    for (guint i = 0; n > 0 && i <= N_IDS; i++) {
        guint taken = MIN(n, tally->n[i]);

        sum += taken * i;
        n -= taken;
    }
    return sum;
}


/* What the host has to give at least: on the lines that are taken, and on as many others as are
 * still wanted, whichever they are. */
static guint
get_least_cost_along(const Search *search, const State *state, guint axis)
{
    const Axis *a = &search->grid->axes[axis];
    const Axis *c = &search->grid->axes[!axis];
    guint want_cross = search->want[!axis];
    ApMask open = ap_mask_minus(&state->may[axis], &state->in[axis]);
    ApMask open_cross = ap_mask_minus(&state->may[!axis], &state->in[!axis]);
    Tally crossing = { 0 };
    Tally others = { 0 };
    guint cost = 0;

    for (int i = ap_mask_next(&state->in[!axis], 0); i >= 0;
         i = ap_mask_next(&state->in[!axis], i + 1))
        cost += count_common(&c->of_host[i], &state->in[axis]);
    for (int i = ap_mask_next(&open_cross, 0); i >= 0; i = ap_mask_next(&open_cross, i + 1))
        crossing.n[count_common(&c->of_host[i], &state->in[axis])]++;
    for (int i = ap_mask_next(&open, 0); i >= 0; i = ap_mask_next(&open, i + 1)) {
        guint n_free = count_but(&a->usable[i], &state->may[!axis], &a->of_host[i]);
        guint n_taken = count_common(&a->of_host[i], &state->in[!axis]);

        others.n[MAX(n_taken, want_cross - MIN(want_cross, n_free))]++;
    }
    return cost + sum_smallest(&crossing, want_cross - count(&state->in[!axis])) +
           sum_smallest(&others, search->want[axis] - count(&state->in[axis]));
}


static gboolean
costs_too_much(const Search *search, const State *state)
{
    if (search->limit == 0)
        return TRUE;
    if (!search->grid->has_of_host || search->limit > search->want[0] * search->want[1])
        return FALSE;
    return get_least_cost_along(search, state, ADAPTERS) >= search->limit ||
           get_least_cost_along(search, state, DOMAINS) >= search->limit;
}


/* Pairs an adapter with a domain that it has no usable queue of, and changes the other pairs where
 * that domain has a partner already. */
static gboolean
pair_up(const Grid *grid, int adapter, int *partners, ApMask *unseen)
{
    ApMask lacking = ap_mask_minus(unseen, &grid->axes[ADAPTERS].usable[adapter]);

    for (int d = ap_mask_next(&lacking, 0); d >= 0; d = ap_mask_next(&lacking, d + 1)) {
        if (!ap_mask_has(unseen, d))
            continue;
        ap_mask_clear(unseen, d);
        if (partners[d] >= 0 && !pair_up(grid, partners[d], partners, unseen))
            continue;
        partners[d] = adapter;
        return TRUE;
    }
    return FALSE;
}


/* One line of each such pair has to go: the most pairs tell how many at least (Koenig). */
static gboolean
lacks_too_much(const Search *search, const State *state)
{
    const ApMask *adapters = &state->may[ADAPTERS];
    guint n_adapters = count(adapters);
    guint n_domains = count(&state->may[DOMAINS]);
    guint want = search->want[ADAPTERS] + search->want[DOMAINS];
    guint n_pairs = 0;
    int partners[N_IDS];

    if (MAX(n_adapters, n_domains) >= want)
        return FALSE;
    memset(partners, -1, sizeof(partners));
    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1)) {
        ApMask unseen = state->may[DOMAINS];

        n_pairs += pair_up(search->grid, a, partners, &unseen);
    }
    return n_adapters + n_domains - n_pairs < want;
}


/* Whether some line is still to be decided about: that which hinders most, by the queues that may
 * not be taken, then by the host's. */
static gboolean
choose_line(const Search *search, const State *state, guint *ret_axis, guint *ret_line)
{
    guint most = 0;

    for (guint axis = 0; axis < N_AXES; axis++) {
        const Axis *a = &search->grid->axes[axis];
        const ApMask *cross = &state->may[!axis];
        guint n_cross = count(cross);
        guint spare = n_cross - search->want[!axis];
        ApMask open = ap_mask_minus(&state->may[axis], &state->in[axis]);

        if (search->want[!axis] <= FEW && search->want[!axis] < search->want[axis])
            continue;
        for (int i = ap_mask_next(&open, 0); i >= 0; i = ap_mask_next(&open, i + 1)) {
            guint n_lacking = n_cross - count_common(&a->usable[i], cross);
            guint n_of_host = count_common(&a->of_host[i], cross);
            guint weight = n_lacking > 0 ? N_IDS + n_lacking * N_IDS * 4 / (spare + 1) : n_of_host;

            if (weight <= most)
                continue;
            most = weight;
            *ret_axis = axis;
            *ret_line = i;
        }
    }
    return most > 0;
}


/* Takes as many lines as are still wanted: those that cost the host least, of these the lowest. */
static void
fill(const Search *search, State *state, guint axis)
{
    const Axis *a = &search->grid->axes[axis];
    guint left = search->want[axis] - count(&state->in[axis]);
    ApMask open = ap_mask_minus(&state->may[axis], &state->in[axis]);

    for (guint cost = 0; left > 0 && cost <= search->want[!axis]; cost++) {
        for (int i = ap_mask_next(&open, 0); left > 0 && i >= 0; i = ap_mask_next(&open, i + 1)) {
            if (count_common(&a->of_host[i], &state->in[!axis]) != cost)
                continue;
            ap_mask_set(&state->in[axis], i);
            left--;
        }
    }
}


/* One direction is decided, or it matters no more which lines are taken. */
static void
take(Search *search, State *state)
{
    guint first = count(&state->in[DOMAINS]) == search->want[DOMAINS] ? ADAPTERS : DOMAINS;
    guint cost = 0;

    fill(search, state, !first);
    fill(search, state, first);
    for (int i = ap_mask_next(&state->in[ADAPTERS], 0); i >= 0;
         i = ap_mask_next(&state->in[ADAPTERS], i + 1))
        cost += count_common(&search->grid->axes[ADAPTERS].of_host[i], &state->in[DOMAINS]);
    if (cost >= search->limit)
        return;
    search->found = TRUE;
    search->best = *state;
    search->limit = cost;
}


static void
descend(Search *search, State state)
{
    guint axis;
    guint line;
    State without;

    if (search->grid->work == 0 || (search->any && search->found))
        return;
    search->grid->work--;
    if (!narrow(search, &state) || costs_too_much(search, &state) ||
        lacks_too_much(search, &state))
        return;
    if (count(&state.in[ADAPTERS]) == search->want[ADAPTERS] ||
        count(&state.in[DOMAINS]) == search->want[DOMAINS] ||
        !choose_line(search, &state, &axis, &line)) {
        take(search, &state);
        return;
    }
    without = state;
    leave_out(search, &without, axis, line);
    descend(search, without);
    take_line(search, &state, axis, line);
    descend(search, state);
}


/* Whether there is one with all that @state has taken, and at most @cost queues of the host. */
static gboolean
exists_for(Search *search, const State *state, guint cost)
{
    search->found = FALSE;
    search->any = TRUE;
    search->limit = cost + 1;
    descend(search, *state);
    return search->found;
}


/* Makes the best the one with the lowest ids of those that cost the host as little. */
static void
choose_lowest(Search *search, const State *root)
{
    State best = search->best;
    State fixed = *root;
    guint cost = search->limit;

    for (guint axis = 0; axis < N_AXES; axis++) {
        int i = ap_mask_next(&fixed.may[axis], 0);

        while (i >= 0 && count(&fixed.in[axis]) < search->want[axis]) {
            State trial = fixed;

            take_line(search, &trial, axis, i);
            if (!ap_mask_has(&best.in[axis], i) && exists_for(search, &trial, cost))
                best = search->best;
            if (ap_mask_has(&best.in[axis], i))
                fixed = trial;
            else
                leave_out(search, &fixed, axis, i);
            i = ap_mask_next(&fixed.may[axis], i + 1);
        }
        fixed.may[axis] = fixed.in[axis];
    }
    search->found = TRUE;
    search->best = best;
    search->limit = cost;
}


static ApPlanResult
find_sized(Grid *grid, guint n_adapters, guint n_domains, ApPlan *ret_plan)
{
    State root = { .may = { grid->axes[ADAPTERS].lines, grid->axes[DOMAINS].lines } };
    Search search = {
        .grid = grid,
        .want = { n_adapters, n_domains },
        .limit = n_adapters * n_domains + 1,
    };

    descend(&search, root);
    if (search.found && grid->work > 0)
        choose_lowest(&search, &root);
    if (grid->work == 0)
        return AP_PLAN_UNKNOWN;
    if (!search.found)
        return AP_PLAN_NONE;
    *ret_plan = (ApPlan){ search.best.in[ADAPTERS], search.best.in[DOMAINS], search.limit };
    return AP_PLAN_FOUND;
}


static Grid *
make_grid(const ApPlanGrid *plan_grid)
{
    Grid *grid = g_new0(Grid, 1);
    Axis *adapters = &grid->axes[ADAPTERS];
    Axis *domains = &grid->axes[DOMAINS];

    grid->work = AP_PLAN_WORK_MAX;
    for (guint a = 0; a < N_IDS; a++) {
        const ApMask *usable = &plan_grid->usable[a];

        for (int d = ap_mask_next(usable, 0); d >= 0; d = ap_mask_next(usable, d + 1)) {
            ap_mask_set(&adapters->lines, a);
            ap_mask_set(&domains->lines, d);
            ap_mask_set(&adapters->usable[a], d);
            ap_mask_set(&domains->usable[d], a);
            if (!ap_mask_has(&plan_grid->of_host[a], d))
                continue;
            ap_mask_set(&adapters->of_host[a], d);
            ap_mask_set(&domains->of_host[d], a);
            grid->has_of_host = TRUE;
        }
    }
    return grid;
}


ApPlanResult
ap_plan_find(const ApPlanGrid *plan_grid, guint n_queues, gboolean spread, ApPlan *ret_plan)
{
    g_autofree Grid *grid = make_grid(plan_grid);
    guint most = MIN(n_queues, count(&grid->axes[ADAPTERS].lines));

    for (guint i = 1; i <= most; i++) {
        guint n_adapters = spread ? most + 1 - i : i;
        ApPlanResult result;

        if (n_queues % n_adapters != 0 || n_queues / n_adapters > N_IDS ||
            (spread && n_adapters < 2))
            continue;
        result = find_sized(grid, n_adapters, n_queues / n_adapters, ret_plan);
        if (result != AP_PLAN_NONE)
            return result;
    }
    return AP_PLAN_NONE;
}


static gboolean
exists_sized(Grid *grid, guint n_adapters, guint n_domains)
{
    State root = { .may = { grid->axes[ADAPTERS].lines, grid->axes[DOMAINS].lines } };
    Search search = { .grid = grid, .want = { n_adapters, n_domains } };

    return exists_for(&search, &root, n_adapters * n_domains);
}


guint
ap_plan_find_largest(const ApPlanGrid *plan_grid, guint n_queues, gboolean spread,
                     gboolean *ret_is_largest)
{
    g_autofree Grid *grid = make_grid(plan_grid);
    guint n_lines = count(&grid->axes[ADAPTERS].lines);
    guint common = count(&grid->axes[DOMAINS].lines); /* more than so many no n adapters have */
    guint largest = 0;

    for (guint n = spread ? 2 : 1; n <= MIN(n_lines, n_queues); n++) {
        guint most = MIN(common, n_queues / n);
        guint m = most;

        while (n * m > largest && !exists_sized(grid, n, m))
            m--;
        largest = MAX(largest, n * m);
        if (m < most)
            common = m;
        if (grid->work == 0)
            break;
    }
    *ret_is_largest = grid->work > 0;
    return largest;
}


/* Which of two sets of one size comes first: that with the lowest id that is not in both. */
static int
compare_ids(const ApMask *a, const ApMask *b)
{
    ApMask only_a = ap_mask_minus(a, b);
    ApMask only_b = ap_mask_minus(b, a);

    return ap_mask_next(&only_a, 0) - ap_mask_next(&only_b, 0);
}


gboolean
ap_plan_is_better(const ApPlan *plan, const ApPlan *other, gboolean spread)
{
    int n = count(&plan->adapters);
    int n_other = count(&other->adapters);
    int order;

    if (n != n_other)
        return spread ? n > n_other : n < n_other;
    if (plan->n_of_host != other->n_of_host)
        return plan->n_of_host < other->n_of_host;
    order = compare_ids(&plan->adapters, &other->adapters);
    return order != 0 ? order < 0 : compare_ids(&plan->domains, &other->domains) < 0;
}
