/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules: a candidate against the inventory. */
#include "node_device/conflict/ap_conflict.h"

#include <stdarg.h>
#include <string.h>

#include "node_device/conflict/ap_conflict_priv.h"
#include "node_device/conflict/ap_free.h"


const ApGuest *
ap_judge_find_guest_of(ApInventory *inventory, const char *uuid)
{
    GPtrArray *guests = ap_inventory_get_guests_of(inventory, uuid);

    for (guint i = 0; guests && i < guests->len; i++) {
        if (ap_guest_holds(guests->pdata[i], uuid))
            return guests->pdata[i];
    }
    return guests ? guests->pdata[0] : NULL;
}


const ApGuest *
ap_judge_get_guest(ApJudge *judge)
{
    const ApCandidate *candidate = judge->candidate;

    if (candidate->guest)
        return candidate->guest;
    return candidate->uuid ? ap_judge_find_guest_of(judge->inventory, candidate->uuid) : NULL;
}


/* Takes over @message and @hint. */
static void
add_finding(ApJudge *judge, ApCode code, ApSeverity severity, const ApApqnSet *apqns,
            const ApGuest *guest, const char *other_mdev, const ApGuest *other_guest,
            char *message, char *hint)
{
    ApFinding *finding = g_new0(ApFinding, 1);

    finding->code = code;
    finding->severity = severity;
    finding->phase = judge->phase;
    if (apqns)
        ap_finding_set_apqns(finding, apqns);
    finding->ids = judge->ids;
    finding->at_boot = judge->at_boot;
    finding->mdev = g_strdup(judge->candidate->uuid);
    finding->guest = g_strdup(guest ? guest->name : NULL);
    finding->guest_state = g_strdup(guest ? guest->state : NULL);
    finding->other_mdev = g_strdup(other_mdev);
    finding->other_guest = g_strdup(other_guest ? other_guest->name : NULL);
    finding->other_guest_state = g_strdup(other_guest ? other_guest->state : NULL);
    finding->message = message;
    finding->hint = hint ? hint : g_strdup("");
    g_ptr_array_add(judge->findings, finding);
}


void
ap_judge_refuse(ApJudge *judge, ApCode code, char *message, char *hint)
{
    add_finding(judge, code, AP_SEVERITY_REJECT, NULL, ap_judge_get_guest(judge), NULL, NULL,
                message, hint);
}


void
ap_judge_refuse_other(ApJudge *judge, ApCode code, const ApApqnSet *apqns, const ApMdev *other,
                      char *message, char *hint)
{
    add_finding(judge, code, AP_SEVERITY_REJECT, apqns, ap_judge_get_guest(judge),
                other ? other->uuid : NULL, other ? other->guest : NULL, message, hint);
}


void
ap_judge_report_other(ApJudge *judge, ApCode code, ApWeight weight, const ApApqnSet *apqns,
                      const char *other_mdev, const ApGuest *other_guest, char *message,
                      char *hint)
{
    /* What cannot be read concerns the host: no guest need be looked for to say so. */
    gboolean may_ask =
        code != AP_CODE_UNREADABLE || ap_inventory_has_guests(judge->inventory);
    const ApGuest *guest = may_ask ? ap_judge_get_guest(judge) : judge->candidate->guest;
    const char *mdevs[] = { judge->candidate->uuid, other_mdev };
    const char *guests[] = { guest ? guest->name : NULL, other_guest ? other_guest->name : NULL };
    ApSeverity severity;

    severity = ap_rule_get_severity(code, judge->phase, weight);
    severity = ap_config_get_severity(ap_inventory_get_config(judge->inventory), code,
                                      judge->phase, severity, mdevs, guests, 2);
    if (severity != AP_SEVERITY_ALLOW) {
        add_finding(judge, code, severity, apqns, guest, other_mdev, other_guest, message, hint);
        return;
    }
    g_free(message);
    g_free(hint);
}


void
ap_judge_report(ApJudge *judge, ApCode code, ApWeight weight, const ApApqnSet *apqns,
                const ApMdev *other, char *message, char *hint)
{
    ap_inventory_get_guests(judge->inventory);
    ap_judge_report_other(judge, code, weight, apqns, other ? other->uuid : NULL,
                          other ? other->guest : NULL, message, hint);
}


char *
ap_judge_say(const ApApqnSet *apqns, const char *rest, ...)
{
    GString *text = g_string_new("APQN ");
    g_autofree char *first = NULL;
    guint position = 0;
    ApApqn apqn = { 0 };
    va_list args;

    ap_apqn_set_next(apqns, &position, &apqn);
    first = ap_apqn_describe(apqn);
    g_string_append_printf(text, "%s ", first);
    va_start(args, rest);
    g_string_append_vprintf(text, rest, args);
    va_end(args);
    ap_apqn_set_append_rest(apqns, text);
    return g_string_free(text, FALSE);
}


/* Adds a line for each adapter of @adapters with something free; returns how many. */
static guint
append_free(ApJudge *judge, const ApMask *adapters, GString *text)
{
    guint n = 0;

    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1)) {
        ApMask free_domains = ap_free_get_domains(judge->inventory, a);
        g_autofree char *domains = NULL;

        if (ap_mask_is_empty(&free_domains))
            continue;
        domains = ap_mask_describe(&free_domains);
        g_string_append_printf(text, "free on adapter %d: domains %s\n", a, domains);
        n++;
    }
    return n;
}


char *
ap_judge_suggest(ApJudge *judge, const char *otherwise)
{
    g_autofree char *bare = ap_host_describe_bare(judge->host);
    GString *text = g_string_new(bare);
    ApMask elsewhere =
        ap_mask_minus(&judge->host->adapters, &judge->matrix.adapters);

    /* What is missing then is not for the host to give. */
    if (bare)
        return g_string_free(text, FALSE);
    if (judge->host->has_bus && judge->host->masks_known) {
        if (append_free(judge, &judge->matrix.adapters, text) == 0) {
            g_string_append(text, "nothing is free on its adapters\n");
            append_free(judge, &elsewhere, text);
        }
        g_string_append(text, otherwise);
        return g_strchomp(g_string_free(text, FALSE));
    }
    /* Nothing to offer: then the other way is the only one. */
    g_string_append(text, g_str_has_prefix(otherwise, "or ") ? otherwise + 3 : otherwise);
    return g_string_free(text, FALSE);
}


char *
ap_judge_describe_uuid(ApJudge *judge, const char *uuid)
{
    const ApGuest *guest = ap_judge_find_guest_of(judge->inventory, uuid);

    return guest ? g_strdup_printf("mdev %s of guest '%s' (%s)", uuid, guest->name, guest->state)
                 : g_strdup_printf("mdev %s", uuid);
}


char *
ap_judge_describe_mdev(ApJudge *judge, const ApMdev *mdev)
{
    gboolean known = ap_inventory_knows_guest_of(judge->inventory, mdev);
    const char *user = ap_inventory_get_foreign_user(judge->inventory, mdev);

    if (user)
        return g_strdup_printf("mdev %s (active, %s has it open, which the system's libvirt does "
                               "not know)",
                               mdev->uuid, user);
    if (mdev->guest)
        return g_strdup_printf("mdev %s of guest '%s' (%s)", mdev->uuid, mdev->guest->name,
                               mdev->guest->state);
    return g_strdup_printf("mdev %s (%s%s)", mdev->uuid, mdev->active ? "active" : "defined",
                           known ? ", no guest" : ", its guest could not be found out");
}


/* A guest may bring a second mdev that nobody has. */
char *
ap_judge_describe_candidate(ApJudge *judge)
{
    const ApMdev *own = ap_inventory_find(judge->inventory, judge->candidate->uuid);

    return own ? ap_judge_describe_mdev(judge, own)
               : ap_judge_describe_uuid(judge, judge->candidate->uuid);
}


static const char *
get_problem_hint(const ApProblem *problem)
{
    if (problem->denied)
        return ap_problem_get_denied_hint();
    if (problem->is_live)
        return "an active matrix that cannot be read may hold any queue";
    if (problem->hides == AP_PROBLEM_HIDES_GOING)
        return "look again in a moment: virt-ap list\nif it stays, its guest has to end first";
    if (problem->hides == AP_PROBLEM_HIDES_MASKS)
        return "which queues are the host's cannot be told: nothing starts until the masks can be "
               "read";
    if (problem->hides == AP_PROBLEM_HIDES_NEED)
        return "it may say that the host itself needs a queue: mend it, or remove the file";
    if (problem->hides == AP_PROBLEM_HIDES_HOLDER)
        return "it may say that a guest has the queue: mend it, or remove the file if its guest "
               "does not run";
    if (problem->hides == AP_PROBLEM_HIDES_DEFINED)
        return "mdevctl may be able to read it and to start what it defines: mend or remove it";
    return "mend or remove the file";
}


/* Whether the configuration refuses a queue that another guest had. */
static gboolean
refuses_former_guests(ApJudge *judge)
{
    const ApGuest *guest = judge->candidate->guest;
    const char *mdevs[] = { judge->candidate->uuid };
    const char *guests[] = { guest ? guest->name : NULL };

    return judge->phase == AP_PHASE_GUEST &&
           ap_config_get_severity(ap_inventory_get_config(judge->inventory),
                                  AP_CODE_PREVIOUS_OWNER, judge->phase, AP_SEVERITY_WARN, mdevs,
                                  guests, 1) == AP_SEVERITY_REJECT;
}


/* Whether the masks say whose the queues of this candidate are, now or when it starts. */
static gboolean
depends_on_masks(const ApJudge *judge, ApProblemHides hides)
{
    const ApMdevDef *def = judge->candidate->def;

    if (hides == AP_PROBLEM_HIDES_MASKS)
        return judge->phase != AP_PHASE_DEFINE;
    return hides == AP_PROBLEM_HIDES_BOOT && judge->phase == AP_PHASE_DEFINE && def &&
           def->autostart;
}


/* Nobody knows what is in it; what it can hide is what it weighs. */
static ApWeight
get_problem_weight(ApJudge *judge, const ApProblem *problem)
{
    gboolean own = problem->mdev && g_strcmp0(problem->mdev, judge->candidate->uuid) == 0;
    gboolean is_grave = problem->is_live || own || problem->hides == AP_PROBLEM_HIDES_HOLDER ||
                        problem->hides == AP_PROBLEM_HIDES_DEFINED ||
                        depends_on_masks(judge, problem->hides) ||
                        (problem->hides == AP_PROBLEM_HIDES_NEED &&
                         judge->phase == AP_PHASE_FREE) ||
                        (problem->hides == AP_PROBLEM_HIDES_LAST_GUEST &&
                         refuses_former_guests(judge));

    return is_grave ? AP_WEIGHT_GRAVE : AP_WEIGHT_USUAL;
}


static void
judge_problem(ApJudge *judge, const ApProblem *problem)
{
    gboolean own = problem->mdev && g_strcmp0(problem->mdev, judge->candidate->uuid) == 0;

    ap_judge_report_other(judge, AP_CODE_UNREADABLE, get_problem_weight(judge, problem), NULL,
                          own ? NULL : problem->mdev, NULL, g_strdup(problem->message),
                          g_strdup(get_problem_hint(problem)));
}


/* A matrix is not taken from a guest that nobody can see. */
void
ap_judge_hidden_holders(ApJudge *judge)
{
    GPtrArray *guests = ap_inventory_get_guests(judge->inventory);
    GPtrArray *problems = ap_inventory_get_problems(judge->inventory);

    if (!guests)
        ap_judge_report_other(judge, AP_CODE_UNREADABLE, AP_WEIGHT_GRAVE, NULL, NULL, NULL,
                              g_strdup("the guests cannot be read: libvirt-ap-guests does not "
                                       "answer"),
                              g_strdup("one of them may have the mdev; see `virt-ap doctor`"));
    for (guint i = 0; i < problems->len; i++) {
        const ApProblem *problem = problems->pdata[i];

        if (problem->hides == AP_PROBLEM_HIDES_HOLDER)
            judge_problem(judge, problem);
    }
}


/* Somebody has it now: removing it would take it from under a running guest. */
static void
judge_busy(ApJudge *judge)
{
    const char *uuid = judge->candidate->uuid;
    const ApGuest *guest = ap_judge_get_guest(judge);
    const ApGuest *holder = guest && uuid && ap_guest_holds(guest, uuid) ? guest : NULL;
    const char *user = holder || !uuid ? NULL : ap_inventory_get_user(judge->inventory, uuid);

    ap_judge_hidden_holders(judge);
    if (!holder && !user && (!uuid || !ap_host_is_in_use(judge->host, uuid)))
        return;
    if (holder) {
        ap_judge_report(judge, AP_CODE_BUSY, AP_WEIGHT_USUAL, NULL, NULL,
                        g_strdup_printf("mdev %s is in use by guest '%s' (%s)", uuid,
                                        holder->name, holder->state),
                        g_strdup("stop the guest, or detach the device from it"));
        return;
    }
    ap_judge_report(judge, AP_CODE_BUSY, AP_WEIGHT_USUAL, NULL, NULL,
                    g_strdup_printf("mdev %s is in use by %s, which the system's libvirt does not "
                                    "know",
                                    uuid, user ? user : "somebody"),
                    g_strdup("KubeVirt, Kata or a QEMU of its own may run a guest with it: see "
                             "there"));
}


/* A live matrix that cannot be read may hold any queue; whatever else cannot be read is told. */
void
ap_judge_problems(ApJudge *judge)
{
    GPtrArray *problems = ap_inventory_get_problems(judge->inventory);

    for (guint i = 0; i < problems->len; i++)
        judge_problem(judge, problems->pdata[i]);
}


static void
judge_bus(ApJudge *judge)
{
    const char *what = !judge->host->has_bus       ? "AP bus (/sys/bus/ap)"
                     : !judge->host->has_vfio_ap   ? "vfio_ap (" AP_HOST_MATRIX_DIR ")"
                                                   : NULL;

    if (!what)
        return;
    ap_judge_report_other(judge, AP_CODE_UNREADABLE,
                          judge->phase == AP_PHASE_DEFINE ? AP_WEIGHT_USUAL : AP_WEIGHT_GRAVE,
                          NULL, NULL, NULL,
                          g_strdup_printf("this host has no %s now: nothing can start, and "
                                          "definitions are judged against each other alone",
                                          what),
                          g_strdup("modprobe vfio_ap"));
}


void
ap_judge_surroundings(ApJudge *judge)
{
    judge_bus(judge);
    ap_judge_binding(judge);
    ap_judge_problems(judge);
}


ApJudge
ap_judge_make(ApInventory *inventory, const ApCandidate *candidate, ApPhase phase,
              GPtrArray *findings)
{
    return (ApJudge){
        .inventory = inventory,
        .host = ap_inventory_get_host(inventory),
        .candidate = candidate,
        .phase = phase,
        .findings = findings,
    };
}


static void
judge_matrix(ApJudge *judge)
{
    ap_judge_uuid(judge);
    if (!ap_judge_steps(judge))
        return;
    ap_judge_sharing(judge);
    ap_judge_going(judge);
    ap_judge_shared_mdev(judge);
    ap_judge_host(judge);
    ap_judge_beyond_binding(judge);
    ap_judge_foreign_user(judge);
    ap_judge_control(judge);
    ap_judge_boot(judge);
    ap_judge_kept(judge);
    ap_judge_previous_owner(judge);
    ap_judge_view(judge);
    ap_judge_left(judge);
}


/* What the host is about to give to guests. */
static void
judge_gift(ApJudge *judge)
{
    if (!ap_judge_steps(judge))
        return;
    ap_judge_needs(judge);
    ap_judge_view(judge);
}


GPtrArray *
ap_conflict_check_needs(ApInventory *inventory)
{
    GPtrArray *findings = ap_finding_list_new();
    const ApCandidate nobody = { 0 };
    ApJudge judge = ap_judge_make(inventory, &nobody, AP_PHASE_FREE, findings);

    ap_judge_kept_needs(&judge);
    ap_finding_list_settle(findings);
    return findings;
}


void
ap_judge_phases(ApInventory *inventory, const ApCandidate *candidate, guint phases,
                gboolean audit, GPtrArray *findings)
{
    for (guint phase = 0; phase < AP_N_PHASES; phase++) {
        ApJudge judge = ap_judge_make(inventory, candidate, phase, findings);

        judge.audit = audit;
        if (!(phases & AP_PHASE_BIT(phase)))
            continue;
        if (phase == AP_PHASE_STOP) {
            judge_busy(&judge);
            continue;
        }
        if (phase != AP_PHASE_FREE)
            judge_matrix(&judge);
        else
            judge_gift(&judge);
        if (!audit)
            ap_judge_surroundings(&judge);
    }
}


GPtrArray *
ap_conflict_check(ApInventory *inventory, const ApCandidate *candidate, guint phases)
{
    GPtrArray *findings = ap_finding_list_new();

    ap_judge_phases(inventory, candidate, phases, FALSE, findings);
    ap_finding_list_settle(findings);
    return findings;
}


ApCandidate
ap_candidate_of_mdev(const ApMdev *mdev, guint phases, guint *ret_natural)
{
    const guint of_definition = AP_PHASE_BIT(AP_PHASE_DEFINE) | AP_PHASE_BIT(AP_PHASE_START);
    gboolean only_definition = phases && !(phases & ~of_definition);
    ApCandidate candidate = { .uuid = mdev->uuid };

    candidate.active = mdev->active && !(mdev->definition && only_definition);
    if (candidate.active)
        candidate.matrix = mdev->live;
    else
        candidate.def = mdev->definition->def;
    *ret_natural = candidate.active ? AP_PHASE_BIT(AP_PHASE_LIVE) : of_definition;
    return candidate;
}


gboolean
ap_judge_named_mdev(ApInventory *inventory, const ApGuest *guest, const char *uuid, guint phases,
                    ApCandidate *ret_candidate, guint *ret_phases)
{
    const ApMdev *mdev = ap_inventory_find(inventory, uuid);
    /* What the guest itself brings now counts, not what its definition brought. */
    gboolean is_own = guest->has_matrix &&
                      (!mdev || (mdev->brought_by && !mdev->active &&
                                 strcmp(mdev->brought_by->name, guest->name) == 0));

    if (!mdev && !is_own)
        return FALSE;
    if (!is_own) {
        *ret_candidate = ap_candidate_of_mdev(mdev, phases, ret_phases);
    } else {
        *ret_candidate = (ApCandidate){ .uuid = uuid, .matrix = guest->matrix };
        *ret_phases = AP_PHASE_BIT(AP_PHASE_START);
    }
    ret_candidate->guest = guest;
    *ret_phases = phases ? phases : *ret_phases | AP_PHASE_BIT(AP_PHASE_GUEST);
    return TRUE;
}


/* A guest names an mdev of which nothing is known. */
static void
judge_unknown_mdev(ApJudge *judge)
{
    const char *uuid = judge->candidate->uuid;

    ap_judge_shared_mdev(judge);
    /* What would tell what the mdev holds cannot be read. */
    if (ap_problem_find(ap_inventory_get_problems(judge->inventory), uuid) ||
        !ap_inventory_knows_definition(judge->inventory, uuid)) {
        if (!judge->audit)
            ap_judge_problems(judge);
        return;
    }
    ap_judge_report(judge, AP_CODE_EMPTY, AP_WEIGHT_USUAL, NULL, NULL,
                    g_strdup_printf("guest '%s' names mdev %s, which is neither active nor "
                                    "defined",
                                    judge->candidate->guest->name, uuid),
                    g_strdup("define it, or name another: virsh nodedev-list --all --cap mdev"));
}


void
ap_judge_guest_itself(ApInventory *inventory, const ApGuest *guest, gboolean audit,
                      GPtrArray *findings)
{
    for (guint i = 0; i < guest->mdevs->len; i++) {
        const char *uuid = guest->mdevs->pdata[i];
        ApCandidate candidate = { .uuid = uuid, .guest = guest };
        ApJudge judge = ap_judge_make(inventory, &candidate, AP_PHASE_GUEST, findings);

        judge.audit = audit;
        if (i == 1)
            ap_judge_report(&judge, AP_CODE_TOO_MANY, AP_WEIGHT_USUAL, NULL, NULL,
                            g_strdup_printf("guest '%s' has %u vfio-ap hostdevs; it can have one",
                                            guest->name, guest->mdevs->len),
                            g_strdup("put all its queues into one matrix"));
        if (!ap_inventory_find(inventory, uuid) && !guest->has_matrix && !guest->asks_pool)
            judge_unknown_mdev(&judge);
    }
}


static void
judge_guest(ApInventory *inventory, const ApGuest *guest, guint phases, GPtrArray *findings)
{
    for (guint i = 0; i < guest->mdevs->len; i++) {
        ApCandidate candidate;
        guint applying;

        if (ap_judge_named_mdev(inventory, guest, guest->mdevs->pdata[i], phases, &candidate,
                                &applying))
            ap_judge_phases(inventory, &candidate, applying, FALSE, findings);
    }
    if (phases == 0 || phases & AP_PHASE_BIT(AP_PHASE_GUEST))
        ap_judge_guest_itself(inventory, guest, FALSE, findings);
}


GPtrArray *
ap_conflict_check_guest(ApInventory *inventory, const ApGuest *guest, guint phases)
{
    GPtrArray *findings = ap_finding_list_new();

    judge_guest(inventory, guest, phases, findings);
    ap_finding_list_settle(findings);
    return findings;
}


/* A guest that starts at boot: the matrix that it brings, and the one that nobody keeps for it. */
static void
check_boot_of_guest(ApInventory *inventory, const ApGuest *guest, GPtrArray *findings)
{
    for (guint i = 0; guest->autostart && i < guest->mdevs->len; i++) {
        const ApMdev *mdev = ap_inventory_find(inventory, guest->mdevs->pdata[i]);
        ApCandidate candidate = {
            .uuid = guest->mdevs->pdata[i],
            .guest = guest,
            .active = mdev && mdev->active,
        };
        ApJudge judge = ap_judge_make(inventory, &candidate, AP_PHASE_GUEST, findings);

        if (guest->has_matrix)
            ap_judge_boot(&judge);
        if (mdev && !mdev->definition && !guest->asks_pool)
            ap_judge_kept(&judge);
    }
}


GPtrArray *
ap_conflict_check_boot(ApInventory *inventory)
{
    GPtrArray *findings = ap_finding_list_new();
    GPtrArray *guests = ap_inventory_get_guests(inventory);
    GPtrArray *mdevs = ap_inventory_get_mdevs(inventory);

    for (guint i = 0; i < mdevs->len; i++) {
        const ApMdev *mdev = mdevs->pdata[i];
        ApCandidate candidate = { .uuid = mdev->uuid };
        ApJudge judge = ap_judge_make(inventory, &candidate, AP_PHASE_DEFINE, findings);

        if (!mdev->definition || !mdev->definition->valid)
            continue;
        candidate.def = mdev->definition->def;
        judge.matrix = mdev->definition->matrix;
        judge.audit = TRUE;
        ap_judge_boot(&judge);
    }
    for (guint i = 0; guests && i < guests->len; i++)
        check_boot_of_guest(inventory, guests->pdata[i], findings);
    ap_finding_list_settle(findings);
    return findings;
}
