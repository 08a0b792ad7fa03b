/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The matrix against all other matrices and guests. */
#include <string.h>

#include "node_device/conflict/ap_conflict_priv.h"
#include "node_device/inventory/ap_problem.h"

/* A matrix that no pool gives to its guest cannot start: else whoever may edit a domain could lay
 * claim to every queue of the host. */
static gboolean
may_bring(ApJudge *judge, const ApMdev *mdev)
{
    ApApqnSet denied;
    ApMask control;

    return ap_config_allows(ap_inventory_get_config(judge->inventory), mdev->brought_by->name,
                            &mdev->brought_by->matrix, &denied, &control);
}


/* Whether the mdev may become active by itself, or somebody relies on it. */
static gboolean
is_claimed(ApJudge *judge, const ApMdev *mdev)
{
    /* One that is being made is active in a moment. */
    if (mdev->active ||
        g_ptr_array_find_with_equal_func(judge->host->going, mdev->uuid, g_str_equal, NULL))
        return TRUE;
    if (mdev->brought_by)
        return may_bring(judge, mdev);
    if (mdev->definition && mdev->definition->def->autostart)
        return TRUE;
    /* Guests that cannot be read may name it: fail closed. */
    return !ap_inventory_get_guests(judge->inventory) || mdev->guest ||
           ap_problem_is_hidden(ap_inventory_get_problems(judge->inventory),
                                AP_PROBLEM_HIDES_NAMER);
}


static gboolean
is_autostart(ApJudge *judge)
{
    const ApGuest *guest = judge->candidate->guest;

    if (guest)
        return guest->autostart;
    return ap_inventory_find_boot_guest(judge->inventory, judge->candidate->uuid, NULL) != NULL;
}


/* Whether both matrices are to be there after the next boot. */
static gboolean
meet_at_boot(ApJudge *judge, const ApMdev *mdev)
{
    if (judge->phase != AP_PHASE_DEFINE || !ap_judge_starts_at_boot(judge))
        return FALSE;
    return mdev->definition->def->autostart || !ap_inventory_get_guests(judge->inventory) ||
           ap_inventory_find_boot_guest(judge->inventory, mdev->uuid, NULL);
}


/* An audit looks at a pair from both sides and tells it once: its message must name both. What
 * somebody holds and what somebody is defined for are two things. */
static char *
say_shared(ApJudge *judge, const ApApqnSet *shared, const ApMdev *mdev, gboolean is_held)
{
    g_autofree char *other = ap_judge_describe_mdev(judge, mdev);
    const char *other_way = is_held ? "held by" : "defined for";
    const char *own_way = judge->candidate->active ? "held by" : "defined for";
    g_autofree char *own = NULL;

    if (!judge->audit)
        return ap_judge_say(shared, "%s %s", is_held ? "belongs to" : "is defined for", other);
    own = ap_judge_describe_candidate(judge);
    return strcmp(judge->candidate->uuid, mdev->uuid) < 0
               ? ap_judge_say(shared, "is %s %s, and %s %s", own_way, own, other_way, other)
               : ap_judge_say(shared, "is %s %s, and %s %s", other_way, other, own_way, own);
}


/* @guest: NULL for the mdev's, which is known only when the message has asked for it. */
static void
report_shared(ApJudge *judge, ApCode code, ApWeight weight, const ApApqnSet *shared,
              const ApMdev *mdev, const ApGuest *guest, const char *otherwise)
{
    char *message = say_shared(judge, shared, mdev, code == AP_CODE_IN_USE);

    ap_judge_report_other(judge, code, weight, shared, mdev->uuid, guest ? guest : mdev->guest,
                          message, ap_judge_suggest(judge, otherwise));
}


/* In an audit: two guests that start at boot and bring the queues themselves. No definition tells
 * of that, and one of them will not start. */
static gboolean
brings_both(ApJudge *judge, const ApMdev *mdev)
{
    const ApMdev *own =
        judge->audit ? ap_inventory_find(judge->inventory, judge->candidate->uuid) : NULL;

    return own && own->brought_by && mdev->brought_by;
}


/* The other's guest holds its matrix though sysfs does not show it (any more), or both guests start
 * at boot. */
static void
share_with_guest(ApJudge *judge, const ApApqnSet *shared, const ApMdev *mdev)
{
    const ApGuest *own = ap_judge_get_guest(judge);
    gboolean held = mdev->guest && ap_guest_holds(mdev->guest, mdev->uuid) &&
                    (!own || !ap_guest_is_same(mdev->guest, own));
    const ApGuest *other =
        held ? mdev->guest : ap_inventory_find_boot_guest(judge->inventory, mdev->uuid, own);

    if (!other || (!held && !is_autostart(judge)))
        return;
    report_shared(judge, AP_CODE_GUEST_OVERLAP,
                  held || brings_both(judge, mdev) ? AP_WEIGHT_GRAVE : AP_WEIGHT_USUAL,
                  shared, mdev, other,
                  mdev->brought_by ? "or change that guest's metadata first"
                                    : "or change that guest's matrix first");
}


/* Every code that applies is reported: the configuration can change each, and of those that are
 * left the strongest stays. */
static void
share_with(const ApMdev *mdev, gpointer data)
{
    ApJudge *judge = data;
    const ApDefinition *definition = mdev->definition;
    gboolean live = mdev->active && ap_matrix_overlaps(&judge->matrix, &mdev->live);
    gboolean defined = definition && ap_matrix_overlaps(&judge->matrix, &definition->matrix);
    ApApqnSet shared = { 0 };
    ApMatrix common;

    if (!live && !defined)
        return;
    if (live) {
        common = ap_matrix_intersection(&judge->matrix, &mdev->live);
        ap_apqn_set_add(&shared, &common.adapters, &common.domains);
        ap_apqn_set_add_all(&judge->said, &shared);
    }
    if (defined) {
        common = ap_matrix_intersection(&judge->matrix, &definition->matrix);
        ap_apqn_set_add(&shared, &common.adapters, &common.domains);
    }
    judge->at_boot = defined && meet_at_boot(judge, mdev);
    if (live) {
        report_shared(judge, AP_CODE_IN_USE, AP_WEIGHT_USUAL, &shared, mdev, NULL,
                      ap_inventory_get_foreign_user(judge->inventory, mdev)
                          ? "or wait until whoever has that mdev open is done with it"
                          : "or stop that mdev first");
    } else {
        report_shared(judge, AP_CODE_DEFINED_ELSEWHERE,
                      is_claimed(judge, mdev) ? AP_WEIGHT_GRAVE : AP_WEIGHT_USUAL, &shared,
                      mdev, NULL,
                      mdev->brought_by ? "or change that guest's metadata first"
                                        : "or change that definition first");
        share_with_guest(judge, &shared, mdev);
    }
    judge->at_boot = FALSE;
}


/* Whether the queues themselves say that no matrix has them. That is asked as long as the matrices
 * have not been read: of a thousand of them a start need not read one. */
static gboolean
is_answered_by_queues(ApJudge *judge)
{
    return judge->phase == AP_PHASE_START && !ap_inventory_has_matrices(judge->inventory) &&
           ap_matrix_count_apqns(&judge->matrix) <= AP_HOST_LISTED_MAX &&
           ap_host_is_unassigned(judge->host, &judge->matrix.adapters, &judge->matrix.domains);
}


/* What others hold of the matrix, without asking each of them. */
static void
note_held(ApJudge *judge, const ApMdev *own)
{
    const ApHeld *held = ap_inventory_get_held(judge->inventory);
    const ApMask *adapters = &judge->matrix.adapters;

    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1)) {
        ApMask row = ap_mask_and(&judge->matrix.domains, &held->once.domains[a]);
        ApMask alone;

        if (ap_mask_has(&own->live.adapters, a)) {
            alone = ap_mask_minus(&own->live.domains, &held->twice.domains[a]);
            row = ap_mask_minus(&row, &alone);
        }
        judge->said.domains[a] = ap_mask_or(&judge->said.domains[a], &row);
    }
}


/* The mdev of the candidate if an audit judges it against the others pair by pair. */
static const ApMdev *
find_audited(ApJudge *judge)
{
    const char *uuid = judge->audit ? judge->candidate->uuid : NULL;

    return uuid ? ap_inventory_find(judge->inventory, uuid) : NULL;
}


void
ap_judge_sharing(ApJudge *judge)
{
    const ApMdev *audited = find_audited(judge);

    if (audited) {
        note_held(judge, audited);
        return;
    }
    if (is_answered_by_queues(judge))
        return;
    ap_inventory_foreach_overlap(judge->inventory, &judge->matrix.adapters,
                                 &judge->matrix.domains, judge->candidate->uuid, share_with,
                                 judge);
}


/* By name; one that is called like the other by UUID as well. */
static char *
name_beside(const ApGuest *guest, const ApGuest *other)
{
    if (strcmp(guest->name, other->name) != 0 || !guest->uuid)
        return g_strdup_printf("'%s'", guest->name);
    return g_strdup_printf("'%s' with UUID %s", guest->name, guest->uuid);
}


/* Of an mdev that is neither active nor defined no queues are known. */
static char *
say_shared_mdev(const char *mdev, const ApApqnSet *apqns, const ApGuest *guest,
                const ApGuest *other)
{
    g_autofree char *own = name_beside(guest, other);

    if (ap_apqn_set_is_empty(apqns))
        return g_strdup_printf("guests %s and '%s' (%s) name the same mdev %s", own, other->name,
                               other->state, mdev);
    return ap_judge_say(apqns, "belongs to mdev %s of guest '%s' (%s), which guest %s names too",
                        mdev, other->name, other->state, own);
}


static void
report_shared_mdev(ApJudge *judge, const ApGuest *guest, const ApGuest *other)
{
    gboolean holds = ap_guest_holds(other, judge->candidate->uuid);
    ApApqnSet apqns = { 0 };

    ap_apqn_set_add(&apqns, &judge->matrix.adapters, &judge->matrix.domains);
    ap_judge_report_other(
        judge, AP_CODE_GUEST_SHARED_MDEV,
        holds ? AP_WEIGHT_GRAVE : AP_WEIGHT_USUAL,
        &apqns, judge->candidate->uuid, other,
        say_shared_mdev(judge->candidate->uuid, &apqns, guest, other),
        g_strdup(holds ? "only one of them can run: stop the other, or give this one an mdev of "
                         "its own"
                       : "only one of them can run at a time"));
}


/* The guests of an mdev that an audit names: the one that has it, and the first by name. */
static gboolean
is_named(const GPtrArray *guests, const ApGuest *holder, const ApGuest *guest)
{
    guint index = 0;
    guint holder_index = 0;

    if (guests->len <= AP_JUDGE_GUESTS_MAX || guest == holder)
        return TRUE;
    g_ptr_array_find((GPtrArray *)guests, guest, &index);
    g_ptr_array_find((GPtrArray *)guests, holder, &holder_index);
    return index < AP_JUDGE_GUESTS_MAX - (holder_index >= AP_JUDGE_GUESTS_MAX);
}


/* The rest of them, once: with the guest that has the mdev. */
static void
report_more_guests(ApJudge *judge, const GPtrArray *guests, const ApGuest *holder)
{
    const char *uuid = judge->candidate->uuid;
    guint n = guests->len - AP_JUDGE_GUESTS_MAX;

    ap_judge_report_other(judge, AP_CODE_GUEST_SHARED_MDEV,
                          ap_guest_holds(holder, uuid) ? AP_WEIGHT_GRAVE : AP_WEIGHT_USUAL, NULL,
                          uuid, NULL,
                          g_strdup_printf("and %u more guests name mdev %s", n, uuid),
                          g_strdup("only one of them can run at a time"));
}


void
ap_judge_shared_mdev(ApJudge *judge)
{
    const char *uuid = judge->candidate->uuid;
    const ApGuest *holder = NULL;
    const ApGuest *guest;
    GPtrArray *guests;

    if (!uuid || (judge->phase != AP_PHASE_DEFINE && judge->phase != AP_PHASE_GUEST))
        return;
    /* Only a warning here: the callout does not read all guests for it, virt-ap has read them. */
    if (judge->phase == AP_PHASE_DEFINE && !ap_inventory_has_guests(judge->inventory))
        return;
    guest = ap_judge_get_guest(judge);
    guests = ap_inventory_get_guests_of(judge->inventory, uuid);
    if (judge->audit && guests) {
        holder = ap_judge_find_guest_of(judge->inventory, uuid);
        if (!is_named(guests, holder, guest))
            return;
        if (guest == holder && guests->len > AP_JUDGE_GUESTS_MAX)
            report_more_guests(judge, guests, holder);
    }
    for (guint i = 0; guests && i < guests->len; i++) {
        const ApGuest *other = guests->pdata[i];

        if (!ap_guest_is_same(other, guest) &&
            (!judge->audit || is_named(guests, holder, other)))
            report_shared_mdev(judge, guest, other);
    }
}


/* Removes the adapters that have no master keys. */
static ApMask
without_accelerators(ApHost *host, const ApMask *adapters)
{
    ApMask result = *adapters;

    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1)) {
        const ApCard *card = ap_host_get_card(host, a);

        if (card && g_strcmp0(card->mode, "accel") == 0)
            ap_mask_clear(&result, a);
    }
    return result;
}


/* Adds the queues of @victim that the control domains of @master reach to @set. */
static void
add_controlled(ApHost *host, const ApMatrix *master, const ApMatrix *victim, ApApqnSet *set)
{
    ApMask adapters = ap_mask_and(&master->adapters, &victim->adapters);
    ApMask control = ap_mask_and(&master->control_domains, &host->control_domains);
    ApMask domains = ap_mask_and(&control, &victim->domains);

    if (ap_mask_is_empty(&adapters) || ap_mask_is_empty(&domains))
        return;
    adapters = without_accelerators(host, &adapters);
    ap_apqn_set_add(set, &adapters, &domains);
}


/* @controller and @victim are how messages call the two sides. */
static void
report_control(ApJudge *judge, const ApApqnSet *set, const ApMdev *other, const char *victim,
               const char *controller)
{
    ap_judge_report(judge, AP_CODE_CONTROL_OVERLAP, AP_WEIGHT_USUAL, set, other,
                    ap_judge_say(set, "belongs to %s, and the control domains of %s could change "
                                      "its master keys",
                                 victim, controller),
                    g_strdup("leave those control domains out, unless one administrator is meant "
                             "to set the keys of both"));
}


static void
add_both_ways(ApJudge *judge, const ApMatrix *other, ApApqnSet *forward, ApApqnSet *reverse)
{
    add_controlled(judge->host, &judge->matrix, other, forward);
    add_controlled(judge->host, other, &judge->matrix, reverse);
}


/* Another mdev is judged by what it holds and by what it is defined to hold. */
static void
control_with(const ApMdev *mdev, gpointer data)
{
    ApJudge *judge = data;
    g_autofree char *own_name = NULL;
    g_autofree char *name = NULL;
    ApApqnSet forward = { 0 };
    ApApqnSet reverse = { 0 };
    gboolean is_reverse;

    if (mdev->active)
        add_both_ways(judge, &mdev->live, &forward, &reverse);
    if (mdev->definition)
        add_both_ways(judge, &mdev->definition->matrix, &forward, &reverse);
    is_reverse = ap_apqn_set_is_empty(&forward);
    if (is_reverse && ap_apqn_set_is_empty(&reverse))
        return;
    own_name = judge->audit ? ap_judge_describe_candidate(judge) : g_strdup("this matrix");
    name = ap_judge_describe_mdev(judge, mdev);
    if (is_reverse)
        report_control(judge, &reverse, mdev, own_name, name);
    else
        report_control(judge, &forward, mdev, name, own_name);
}


static void
control_against_host(ApJudge *judge)
{
    const ApMatrix host = {
        .adapters = ap_mask_and(&judge->host->apmask, &judge->host->adapters),
        .domains = ap_mask_and(&judge->host->aqmask, &judge->host->domains),
    };
    g_autofree char *own_name = NULL;
    ApApqnSet controlled = { 0 };
    ApApqnSet owned;
    ApMatrix reach = { .adapters = host.adapters, .domains = host.domains };

    if (!judge->host->masks_known || ap_mask_is_empty(&judge->matrix.control_domains))
        return;
    add_controlled(judge->host, &judge->matrix, &host, &controlled);
    /* With driver_override the masks alone do not say what is the host's. */
    reach.adapters = ap_mask_and(&reach.adapters, &judge->matrix.adapters);
    reach.domains = ap_mask_and(&reach.domains, &judge->matrix.control_domains);
    if (ap_apqn_set_is_empty(&controlled) ||
        !ap_host_owns_any(judge->host, &reach, &owned))
        return;
    for (guint a = 0; a <= AP_ID_MAX; a++)
        controlled.domains[a] = ap_mask_and(&controlled.domains[a], &owned.domains[a]);
    if (ap_apqn_set_is_empty(&controlled))
        return;
    own_name = judge->audit ? ap_judge_describe_candidate(judge) : g_strdup("this matrix");
    report_control(judge, &controlled, NULL, "the host", own_name);
}


/* Whether no matrix that is active can be reached by the control domains. Whose control domains
 * reach the candidate's queues the queues do not say: that only warns, and was said when the later
 * of the two was defined; so it is looked for only where the configuration refuses it. */
static gboolean
is_control_answered_by_queues(ApJudge *judge)
{
    ApMask adapters = ap_mask_and(&judge->matrix.adapters, &judge->host->adapters);
    ApMask control =
        ap_mask_and(&judge->matrix.control_domains, &judge->host->control_domains);
    ApMask domains = ap_mask_and(&control, &judge->host->domains);

    return judge->phase == AP_PHASE_START && !ap_inventory_has_matrices(judge->inventory) &&
           !ap_config_may_reject(ap_inventory_get_config(judge->inventory),
                                 AP_CODE_CONTROL_OVERLAP, AP_PHASE_START) &&
           ap_host_is_unassigned(judge->host, &adapters, &domains);
}


static void
control_against_others(ApJudge *judge)
{
    const ApMatrix *matrix = &judge->matrix;
    const char *uuid = judge->candidate->uuid;

    ap_inventory_foreach_overlap(judge->inventory, &matrix->adapters, &matrix->control_domains,
                                 uuid, control_with, judge);
    ap_inventory_foreach_control(judge->inventory, &matrix->adapters, &matrix->domains, uuid,
                                 control_with, judge);
}


void
ap_judge_control(ApJudge *judge)
{
    if (!find_audited(judge) && !is_control_answered_by_queues(judge))
        control_against_others(judge);
    control_against_host(judge);
}


void
ap_judge_pair(ApJudge *judge, const ApMdev *other)
{
    const ApCandidate *candidate = judge->candidate;

    /* What is wrong with its steps is told where it is judged alone. */
    if (candidate->def && !ap_mdev_def_replay(candidate->def, NULL, NULL, &judge->matrix, NULL))
        return;
    if (!candidate->def)
        judge->matrix = candidate->matrix;
    share_with(other, judge);
    control_with(other, judge);
}
