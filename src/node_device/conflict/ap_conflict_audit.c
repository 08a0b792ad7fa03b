/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The audit: every matrix and every guest, each pair once. A captured host may hold tens of
 * thousands of definitions of one queue, so what is listed has limits; what is beyond is counted,
 * and counts for the verdict. */
#include <string.h>

#include "node_device/conflict/ap_conflict_priv.h"
#include "node_device/inventory/ap_problem.h"

/* How many others are listed with one mdev, how many pairs in all, how many findings of one code
 * and severity, and how many APQNs in all. Each of the first two applies to each PairClass. */
#define OTHERS_MAX 32
#define PAIRS_MAX 1000
#define FINDINGS_MAX 1000
#define APQNS_MAX (1u << 20)

/* What a pair can lead to at most. */
typedef enum {
    PAIR_CONTROL, /* control domains alone */
    PAIR_DEFINED, /* neither of the two is relied upon */
    PAIR_CLAIMED, /* one is active by itself at some time, or named by a guest */
    PAIR_ACTIVE,  /* one is active now */
    N_PAIR_CLASSES,
} PairClass;

typedef struct {
    guint first;
    guint second;
} Pair;

typedef struct {
    ApInventory *inventory;
    GPtrArray *mdevs;
    GPtrArray *findings;
    guint n_findings[AP_N_CODES][AP_SEVERITY_REJECT + 1];
    guint n_left_out[AP_N_CODES][AP_SEVERITY_REJECT + 1];
    guint64 n_apqns;
    GArray *pairs;
    guint8 *classes;       /* of each mdev, PAIR_DEFINED to PAIR_ACTIVE */
    guint n_pairs[N_PAIR_CLASSES];
    guint first;           /* the mdev that is being paired */
    guint n_listed[N_PAIR_CLASSES];
    guint n_more[N_PAIR_CLASSES];
    guint n_beyond[N_PAIR_CLASSES]; /* of mdevs of which none is listed */
} Audit;


static void
swap_strings(char **a, char **b)
{
    char *swap = *a;

    *a = *b;
    *b = swap;
}


/* Both sides of a pair are judged: the smaller uuid, and of two guests on one mdev the smaller
 * name, is the one that is reported. */
static void
normalize(ApFinding *finding)
{
    int order = g_strcmp0(finding->mdev, finding->other_mdev);

    finding->phase = AP_PHASE_AUDIT;
    if (!finding->mdev || !finding->other_mdev)
        return;
    if (order == 0)
        order = g_strcmp0(finding->guest, finding->other_guest);
    if (order <= 0)
        return;
    swap_strings(&finding->mdev, &finding->other_mdev);
    swap_strings(&finding->guest, &finding->other_guest);
    swap_strings(&finding->guest_state, &finding->other_guest_state);
}


static guint
count_apqns(const ApFinding *finding)
{
    guint n = 0;

    for (guint i = 0; i < finding->n_rectangles; i++)
        n += ap_mask_count(&finding->rectangles[i].adapters) *
             ap_mask_count(&finding->rectangles[i].domains);
    return n;
}


static void
take_one(Audit *audit, ApFinding *finding)
{
    guint *n = &audit->n_findings[finding->code][finding->severity];
    guint n_apqns = count_apqns(finding);

    if (*n >= FINDINGS_MAX || audit->n_apqns + n_apqns > APQNS_MAX) {
        audit->n_left_out[finding->code][finding->severity]++;
        ap_finding_free(finding);
        return;
    }
    (*n)++;
    audit->n_apqns += n_apqns;
    g_ptr_array_add(audit->findings, finding);
}


/* Takes what is found of one subject; @found is freed. */
static void
take(Audit *audit, GPtrArray *found)
{
    guint n;
    gpointer *taken;

    for (guint i = 0; i < found->len; i++)
        normalize(found->pdata[i]);
    ap_finding_list_settle(found);
    n = found->len;
    taken = g_ptr_array_steal(found, NULL);
    for (guint i = 0; i < n; i++)
        take_one(audit, taken[i]);
    g_free(taken);
    g_ptr_array_unref(found);
}


/* What the mdev itself goes through: active, and as it is defined. */
static void
foreach_side(ApInventory *inventory, const ApMdev *mdev,
             void (*func)(ApInventory *, const ApCandidate *, guint, gconstpointer, GPtrArray *),
             gconstpointer data, GPtrArray *found)
{
    const ApHost *host = ap_inventory_get_host(inventory);
    GPtrArray *guests = ap_inventory_get_guests_of(inventory, mdev->uuid);
    ApCandidate candidate = { .uuid = mdev->uuid };
    guint phases = AP_PHASE_BIT(AP_PHASE_DEFINE);

    if (mdev->active) {
        candidate.active = TRUE;
        candidate.matrix = mdev->live;
        func(inventory, &candidate, AP_PHASE_BIT(AP_PHASE_LIVE), data, found);
    } else if (host->has_bus && host->has_vfio_ap) {
        phases |= AP_PHASE_BIT(AP_PHASE_START);
    }
    if (mdev->definition) {
        candidate = (ApCandidate){ .uuid = mdev->uuid, .def = mdev->definition->def };
        func(inventory, &candidate, phases, data, found);
    }
    for (guint i = 0; guests && i < guests->len; i++) {
        ap_judge_named_mdev(inventory, guests->pdata[i], mdev->uuid,
                            AP_PHASE_BIT(AP_PHASE_GUEST), &candidate, &phases);
        func(inventory, &candidate, phases, data, found);
    }
}


static void
judge_alone(ApInventory *inventory, const ApCandidate *candidate, guint phases, gconstpointer data,
            GPtrArray *found)
{
    (void)data;
    ap_judge_phases(inventory, candidate, phases, TRUE, found);
}


static void
judge_against(ApInventory *inventory, const ApCandidate *candidate, guint phases,
              gconstpointer data, GPtrArray *found)
{
    for (guint phase = 0; phase < AP_N_PHASES; phase++) {
        ApJudge judge = ap_judge_make(inventory, candidate, phase, found);

        judge.audit = TRUE;
        if (phases & AP_PHASE_BIT(phase))
            ap_judge_pair(&judge, data);
    }
}


/* A guest's mdevs that are neither active nor defined, and the guest itself. */
static void
audit_guest(Audit *audit, const ApGuest *guest)
{
    GPtrArray *found = ap_finding_list_new();

    for (guint i = 0; i < guest->mdevs->len; i++) {
        const char *uuid = guest->mdevs->pdata[i];
        ApCandidate candidate;
        guint phases;

        if (!ap_inventory_find(audit->inventory, uuid) &&
            ap_judge_named_mdev(audit->inventory, guest, uuid, AP_PHASE_BIT(AP_PHASE_GUEST),
                                &candidate, &phases))
            ap_judge_phases(audit->inventory, &candidate, phases, TRUE, found);
    }
    ap_judge_guest_itself(audit->inventory, guest, TRUE, found);
    take(audit, found);
}


/* At most: whether somebody really relies on it the judge of the pair says. Guests that cannot be
 * read may name it. */
static PairClass
get_class(ApInventory *inventory, const ApMdev *mdev)
{
    if (mdev->active)
        return PAIR_ACTIVE;
    if (mdev->guest || mdev->brought_by || !ap_inventory_get_guests(inventory) ||
        ap_problem_is_hidden(ap_inventory_get_problems(inventory), AP_PROBLEM_HIDES_NAMER) ||
        (mdev->definition && mdev->definition->def->autostart))
        return PAIR_CLAIMED;
    return PAIR_DEFINED;
}


/* What is counted is told whatever the limits. */
static void
report_more(Audit *audit, const ApCandidate *candidate, PairClass class, guint n)
{
    static const ApCode codes[] = {
        [PAIR_CONTROL] = AP_CODE_CONTROL_OVERLAP,
        [PAIR_DEFINED] = AP_CODE_DEFINED_ELSEWHERE,
        [PAIR_CLAIMED] = AP_CODE_DEFINED_ELSEWHERE,
        [PAIR_ACTIVE] = AP_CODE_IN_USE,
    };
    ApJudge judge = ap_judge_make(audit->inventory, candidate, AP_PHASE_DEFINE,
                                  audit->findings);
    const char *what = class == PAIR_CONTROL ? "may control, or be controlled by,"
                                             : "share queues with";
    guint n_before = audit->findings->len;

    judge.audit = TRUE;
    ap_judge_report_other(&judge, codes[class],
                          class >= PAIR_CLAIMED ? AP_WEIGHT_GRAVE : AP_WEIGHT_USUAL, NULL, NULL,
                          NULL,
                          candidate->uuid
                              ? g_strdup_printf("and %u more mdevs %s mdev %s", n, what,
                                                candidate->uuid)
                              : g_strdup_printf("and %u more pairs of mdevs, of which one %s the "
                                                "other",
                                                n,
                                                class == PAIR_CONTROL ? "may control"
                                                                      : "shares queues with"),
                          candidate->uuid
                              ? g_strdup_printf("`virt-ap check %s` names all of them",
                                                candidate->uuid)
                              : g_strdup("`virt-ap check UUID` names all that concern one mdev"));
    if (audit->findings->len > n_before)
        normalize(audit->findings->pdata[n_before]);
}


static void
end_first(Audit *audit)
{
    const ApMdev *mdev = audit->mdevs->len > 0 ? audit->mdevs->pdata[audit->first] : NULL;

    for (PairClass class = 0; class < N_PAIR_CLASSES; class++) {
        ApCandidate candidate = { .uuid = mdev ? mdev->uuid : NULL };

        if (audit->n_more[class] > 0 && audit->n_listed[class] > 0)
            report_more(audit, &candidate, class, audit->n_more[class]);
        else
            audit->n_beyond[class] += audit->n_more[class];
        audit->n_more[class] = audit->n_listed[class] = 0;
    }
}


static void
note_pair(guint first, guint second, gboolean shares, gpointer data)
{
    Audit *audit = data;
    Pair pair = { first, second };
    PairClass class = shares ? MAX(audit->classes[first], audit->classes[second]) : PAIR_CONTROL;

    if (first != audit->first)
        end_first(audit);
    audit->first = first;
    if (audit->n_listed[class] == OTHERS_MAX || audit->n_pairs[class] == PAIRS_MAX) {
        audit->n_more[class]++;
        return;
    }
    audit->n_listed[class]++;
    audit->n_pairs[class]++;
    g_array_append_val(audit->pairs, pair);
}


static void
audit_pairs(Audit *audit)
{
    const ApCandidate nobody = { 0 };

    ap_inventory_foreach_pair(audit->inventory, note_pair, audit);
    end_first(audit);
    for (guint i = 0; i < audit->pairs->len; i++) {
        const Pair *pair = &g_array_index(audit->pairs, Pair, i);
        const ApMdev *first = audit->mdevs->pdata[pair->first];
        const ApMdev *second = audit->mdevs->pdata[pair->second];
        GPtrArray *found = ap_finding_list_new();

        foreach_side(audit->inventory, first, judge_against, second, found);
        foreach_side(audit->inventory, second, judge_against, first, found);
        take(audit, found);
    }
    for (PairClass class = 0; class < N_PAIR_CLASSES; class++) {
        if (audit->n_beyond[class] > 0)
            report_more(audit, &nobody, class, audit->n_beyond[class]);
    }
}


/* They have passed the configuration already. */
static void
add_left_out(Audit *audit, ApCode code, ApSeverity severity)
{
    ApFinding *finding = g_new0(ApFinding, 1);

    finding->code = code;
    finding->severity = severity;
    finding->phase = AP_PHASE_AUDIT;
    finding->message =
        g_strdup_printf("and %u more such findings", audit->n_left_out[code][severity]);
    finding->hint = g_strdup("`virt-ap check UUID` tells all of one mdev");
    g_ptr_array_add(audit->findings, finding);
}


GPtrArray *
ap_conflict_audit(ApInventory *inventory)
{
    GPtrArray *guests = ap_inventory_get_guests(inventory);
    GPtrArray *mdevs = ap_inventory_get_mdevs(inventory);
    g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(Pair));
    g_autofree guint8 *classes = g_new0(guint8, mdevs->len + 1);
    Audit audit = { .inventory = inventory, .mdevs = mdevs, .pairs = pairs, .classes = classes,
                    .findings = ap_finding_list_new() };
    const ApCandidate nobody = { 0 };
    GPtrArray *found = ap_finding_list_new();
    ApJudge surroundings = ap_judge_make(inventory, &nobody, AP_PHASE_DEFINE, found);

    surroundings.audit = TRUE;
    /* What cannot be read of it is told, too. */
    ap_inventory_get_next_boot(inventory);
    for (guint i = 0; i < mdevs->len; i++) {
        GPtrArray *of_mdev = ap_finding_list_new();

        foreach_side(inventory, mdevs->pdata[i], judge_alone, NULL, of_mdev);
        take(&audit, of_mdev);
        classes[i] = get_class(inventory, mdevs->pdata[i]);
    }
    for (guint i = 0; guests && i < guests->len; i++)
        audit_guest(&audit, guests->pdata[i]);
    audit_pairs(&audit);
    take(&audit, ap_conflict_check_needs(inventory));
    /* By now everything has been read that could not be. */
    ap_judge_surroundings(&surroundings);
    take(&audit, found);
    ap_finding_list_settle(audit.findings);
    for (guint code = 0; code < AP_N_CODES; code++) {
        for (ApSeverity severity = AP_SEVERITY_WARN; severity <= AP_SEVERITY_REJECT; severity++) {
            if (audit.n_left_out[code][severity] > 0)
                add_left_out(&audit, code, severity);
        }
    }
    return audit.findings;
}
