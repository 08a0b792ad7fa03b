/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What holds after the next boot, and what is active now but defined otherwise or nowhere. */
#include <string.h>

#include "node_device/conflict/ap_conflict_priv.h"

/* libvirt's name of a node device, but for the UUID. */
#define NODE_DEVICE "mdev_%s_matrix"


static const ApMdev *
get_own(const ApJudge *judge)
{
    const char *uuid = judge->candidate->uuid;

    return uuid ? ap_inventory_find(judge->inventory, uuid) : NULL;
}


/* The guest that brings the matrix up at boot. Who cannot be read may do so. */
static gboolean
has_boot_guest(ApJudge *judge, const ApGuest **ret_guest)
{
    const ApGuest *guest = judge->candidate->guest;
    ApInventory *inventory = judge->inventory;

    *ret_guest = NULL;
    if (guest && judge->phase == AP_PHASE_GUEST) {
        *ret_guest = guest->autostart ? guest : NULL;
        return guest->autostart;
    }
    if (!judge->candidate->uuid ||
        (!ap_inventory_has_guests(inventory) && !ap_inventory_may_start_guests(inventory)))
        return FALSE;
    *ret_guest = ap_inventory_find_boot_guest(inventory, judge->candidate->uuid, NULL);
    return *ret_guest || !ap_inventory_get_guests(inventory);
}


gboolean
ap_judge_starts_at_boot(ApJudge *judge)
{
    const ApMdevDef *def = judge->candidate->def;
    const ApGuest *guest;

    return (def && def->autostart) || has_boot_guest(judge, &guest);
}


/* The matrix that starts at boot if somebody starts it; NULL if this phase is about none. */
static const ApMatrix *
get_boot_matrix(ApJudge *judge)
{
    const ApGuest *guest = judge->candidate->guest;
    const ApMdev *own;

    if (judge->phase == AP_PHASE_DEFINE)
        return &judge->matrix;
    if (judge->phase != AP_PHASE_GUEST && (judge->phase != AP_PHASE_LIVE || judge->candidate->def))
        return NULL;
    own = get_own(judge);
    if (own && own->definition)
        return own->definition->valid ? &own->definition->matrix : NULL;
    /* What is only active is gone then, which is another finding. */
    return guest && guest->has_matrix ? &guest->matrix : NULL;
}


/* Whether the definition that counts at boot starts by itself. */
static gboolean
is_started_by_mdevctl(ApJudge *judge)
{
    const ApMdev *own = get_own(judge);

    if (judge->candidate->def)
        return judge->candidate->def->autostart;
    return own && own->definition && own->definition->def->autostart;
}


/* Asked first, since every udev rule is read to compute the next boot; and it loads no guests. */
static gboolean
may_start_at_boot(ApJudge *judge)
{
    const ApGuest *guest;

    if (is_started_by_mdevctl(judge))
        return TRUE;
    if (judge->candidate->guest || ap_inventory_has_guests(judge->inventory))
        return has_boot_guest(judge, &guest);
    return judge->candidate->uuid && ap_inventory_may_start_guests(judge->inventory);
}


char *
ap_judge_format_away(const char *name, const ApMask *mask)
{
    GString *text = g_string_new(NULL);

    for (int id = ap_mask_next(mask, 0); id >= 0; id = ap_mask_next(mask, id + 1))
        g_string_append_printf(text, "%s-0x%02x", text->len ? "," : "", id);
    g_string_prepend(text, "=");
    g_string_prepend(text, name);
    return g_string_free(text, FALSE);
}


/* The two ways in which chzdev frees @lost for the next boot. */
static char *
suggest_chzdev(const ApApqnSet *lost)
{
    ApMask adapters = { 0 };
    ApMask domains = { 0 };
    g_autofree char *ap = NULL;
    g_autofree char *aq = NULL;

    for (guint a = 0; a <= AP_ID_MAX; a++) {
        if (ap_mask_is_empty(&lost->domains[a]))
            continue;
        ap_mask_set(&adapters, a);
        domains = ap_mask_or(&domains, &lost->domains[a]);
    }
    ap = ap_judge_format_away("apmask", &adapters);
    aq = ap_judge_format_away("aqmask", &domains);
    return g_strdup_printf("free it for the next boot: `chzdev --type ap %s --persistent`, which "
                           "gives away whole adapters, or %s, which gives away these domains of "
                           "every adapter",
                           ap, aq);
}


static gboolean
is_owned(const ApMask *apmask, const ApMask *aqmask, const ApApqnSet *set)
{
    for (int a = ap_mask_next(apmask, 0); a >= 0; a = ap_mask_next(apmask, a + 1)) {
        if (ap_mask_intersects(&set->domains[a], aqmask))
            return TRUE;
    }
    return FALSE;
}


static char *
suggest_override(const ApApqnSet *lost)
{
    guint position = 0;
    ApApqn apqn = { 0 };
    g_autofree char *name = NULL;

    ap_apqn_set_next(lost, &position, &apqn);
    name = ap_apqn_to_string(apqn);
    return g_strdup_printf("keep it: `driverctl -b ap set-override %s vfio_ap`%s", name,
                           ap_apqn_set_next(lost, &position, &apqn) ? ", and so for each queue"
                                                                    : "");
}


/* A rule that somebody wrote is not to be overwritten by what happens to be in force. */
static char *
suggest_for_rules(const ApNextBoot *next, const ApApqnSet *lost)
{
    const char *last = next->rules->pdata[next->rules->len - 1];

    for (guint i = 0; i < next->outcomes->len; i++) {
        const ApBootMasks *masks = &g_array_index(next->outcomes, ApBootMasks, i);

        if (is_owned(&masks->apmask, &masks->aqmask, lost) && masks->mend)
            return g_strdup(masks->mend);
        if (is_owned(&masks->apmask, &masks->aqmask, lost))
            break;
    }
    return g_str_has_suffix(last, AP_NEXT_BOOT_CHZDEV_RULE)
               ? suggest_chzdev(lost)
               : g_strdup_printf("change the masks in %s", last);
}


static char *
suggest_for_boot(ApJudge *judge, const ApNextBoot *next, const ApApqnSet *lost)
{
    const ApHost *host = judge->host;
    g_autofree char *command = NULL;

    if (ap_next_boot_is_mixed(next))
        return g_strdup("use one of the two ways to give queues to guests");
    if (next->rules->len > 0)
        return suggest_for_rules(next, lost);
    if (next->no_restorer && ap_next_boot_has_overrides(next))
        return g_strdup("install driverctl, whose udev rule restores what it keeps");
    if (ap_host_has_overrides(judge->host) || ap_next_boot_has_overrides(next))
        return suggest_override(lost);
    if (!host->masks_known || next->cmdline_sets ||
        is_owned(&host->apmask, &host->aqmask, lost))
        return suggest_chzdev(lost);
    command = ap_next_boot_format_masks(&host->apmask, &host->aqmask, "--persistent");
    return g_strdup_printf("keep the masks that are in force now: `%s`", command);
}


static char *
say_lost(ApJudge *judge, const ApApqnSet *lost, const ApGuest *guest, const char *why)
{
    const char *uuid = judge->candidate->uuid;
    g_autofree char *mdev = uuid ? g_strconcat("mdev ", uuid, NULL) : g_strdup("this matrix");
    const ApGuest *own = guest ? guest : ap_judge_get_guest(judge);
    g_autofree char *who = own ? g_strdup_printf("guest '%s'", own->name) : NULL;
    g_autofree char *said = NULL;

    if (guest && !is_started_by_mdevctl(judge))
        said = ap_judge_say(lost, "is the host's after the next boot, when %s is to start with %s",
                            who, mdev);
    else
        said = ap_judge_say(lost, "is the host's after the next boot, when %s%s%s is to start",
                            mdev, who ? " of " : "", who ? who : "");
    return g_strconcat(said, "\n  ", why, NULL);
}


/* Whatever is newly made to start at boot must be able to. */
static void
judge_masks_at_boot(ApJudge *judge, const ApMatrix *matrix, ApNextBoot *next)
{
    gboolean is_new = judge->phase == AP_PHASE_DEFINE && !judge->audit;
    const ApGuest *guest;
    gboolean has_guest;
    g_autofree char *why = NULL;
    ApApqnSet lost;

    if (!ap_next_boot_owns_any(next, matrix, &lost, &why))
        return;
    has_guest = has_boot_guest(judge, &guest);
    if (!has_guest && !is_started_by_mdevctl(judge))
        return;
    judge->at_boot = TRUE;
    ap_judge_report(judge, AP_CODE_LOST_AT_BOOT, is_new ? AP_WEIGHT_GRAVE : AP_WEIGHT_USUAL,
                    &lost, NULL, say_lost(judge, &lost, guest, why),
                    suggest_for_boot(judge, next, &lost));
    judge->at_boot = FALSE;
}


void
ap_judge_boot(ApJudge *judge)
{
    const ApMatrix *matrix = judge->host->has_bus ? get_boot_matrix(judge) : NULL;
    const ApGuest *guest;
    ApNextBoot *next;

    if (!matrix || ap_matrix_count_apqns(matrix) == 0 || !may_start_at_boot(judge))
        return;
    next = ap_inventory_get_next_boot(judge->inventory);
    if (next->known) {
        judge_masks_at_boot(judge, matrix, next);
        return;
    }
    if (judge->phase != AP_PHASE_DEFINE || judge->audit ||
        (!is_started_by_mdevctl(judge) && !has_boot_guest(judge, &guest)))
        return;
    judge->at_boot = TRUE;
    ap_judge_report(judge, AP_CODE_UNREADABLE, AP_WEIGHT_GRAVE, NULL, NULL,
                    g_strdup(next->why_unknown),
                    g_strdup("the matrix is to start at boot: what the host has then must be "
                             "known"));
    judge->at_boot = FALSE;
}


static char *
describe_matrix(const ApMatrix *matrix)
{
    g_autofree char *adapters = ap_mask_describe(&matrix->adapters);
    g_autofree char *domains = ap_mask_describe(&matrix->domains);
    g_autofree char *control = ap_mask_describe(&matrix->control_domains);

    return g_strdup_printf("adapters %s, domains %s, control domains %s", adapters, domains,
                           control);
}


static void
judge_differs(ApJudge *judge, const ApMdev *own)
{
    g_autofree char *live = describe_matrix(&own->live);
    g_autofree char *defined = describe_matrix(&own->definition->matrix);
    g_autofree char *name = ap_judge_describe_mdev(judge, own);
    g_autofree char *node = g_strdup_printf(NODE_DEVICE, own->uuid);

    g_strdelimit(node, "-", '_');
    ap_judge_report(judge, AP_CODE_DIFFERS, AP_WEIGHT_USUAL, NULL, NULL,
                    g_strdup_printf("%s holds something else than it is defined for: the one "
                                    "counts until it is stopped, the other from its next start on\n"
                                    "  holds: %s\n"
                                    "  is defined for: %s",
                                    name, live, defined),
                    g_strdup_printf("to use what is defined now: `virsh nodedev-dumpxml --inactive "
                                    "%s | virt-ap update %s - --live`\n"
                                    "to keep what it holds: `virsh nodedev-dumpxml %s | virt-ap "
                                    "update %s - --config`",
                                    node, own->uuid, node, own->uuid));
}


/* libvirt keeps the guest over a boot, and nobody the matrix that it names. */
static void
judge_not_kept(ApJudge *judge, const ApMdev *own)
{
    const ApGuest *guest = ap_judge_get_guest(judge);
    const ApGuest *known = guest ? ap_inventory_find_guest(judge->inventory, guest->name) : NULL;

    if (!known || !known->persistent || known->has_matrix || guest->has_matrix ||
        known->asks_pool || guest->asks_pool ||
        ap_problem_find(ap_inventory_get_problems(judge->inventory), own->uuid) ||
        !ap_inventory_knows_definition(judge->inventory, own->uuid))
        return;
    ap_judge_report(judge, AP_CODE_NOT_KEPT, AP_WEIGHT_USUAL, NULL, NULL,
                    g_strdup_printf("mdev %s of guest '%s' (%s) is active, and defined nowhere: "
                                    "after the next boot it is gone, and the guest %s",
                                    own->uuid, known->name, known->state,
                                    known->autostart ? "is to start then" : "cannot start"),
                    g_strdup_printf("define what it holds: `mdevctl define --uuid %s`",
                                    own->uuid));
}


void
ap_judge_kept(ApJudge *judge)
{
    const ApMdev *own;

    /* A start must not look through all that is active for this. */
    if (!judge->candidate->active || judge->candidate->def ||
        (judge->phase != AP_PHASE_LIVE && judge->phase != AP_PHASE_GUEST))
        return;
    own = get_own(judge);
    if (!own)
        return;
    /* That metadata and matrix are not the same is metadata-mismatch. */
    if (!own->definition)
        judge_not_kept(judge, own);
    else if (!own->brought_by && own->definition->valid &&
             !ap_matrix_equal(&own->live, &own->definition->matrix))
        judge_differs(judge, own);
}


/* What a guest keeps of an mdev whose definition goes, and what it loses. */
static void
report_undefined(ApJudge *judge, const ApMdev *own, const ApGuest *guest)
{
    const char *later = guest->autostart ? "is to start then" : "cannot start then";
    gboolean holds = ap_guest_holds(guest, own->uuid);

    if (!own->active) {
        ap_judge_report(judge, AP_CODE_NOT_KEPT, AP_WEIGHT_USUAL, NULL, NULL,
                        g_strdup_printf("guest '%s' (%s) names mdev %s, which is then neither "
                                        "active nor defined: it cannot start",
                                        guest->name, guest->state, own->uuid),
                        g_strdup("define it again, or take it out of the guest: virsh edit"));
        return;
    }
    ap_judge_report(judge, AP_CODE_NOT_KEPT, AP_WEIGHT_USUAL, NULL, NULL,
                    g_strdup_printf("mdev %s stays active%s until the next boot: it is gone then, "
                                    "and guest '%s' (%s) %s",
                                    own->uuid, holds ? ", and the guest keeps its queues," : "",
                                    guest->name, guest->state, later),
                    g_strdup_printf("to define what it holds: `mdevctl define --uuid %s`",
                                    own->uuid));
}


GPtrArray *
ap_conflict_check_undefine(ApInventory *inventory, const char *uuid)
{
    GPtrArray *findings = ap_finding_list_new();
    const ApMdev *own = ap_inventory_find(inventory, uuid);
    GPtrArray *guests = ap_inventory_get_guests(inventory);

    for (guint i = 0; own && guests && i < guests->len; i++) {
        const ApGuest *guest = guests->pdata[i];
        const ApCandidate candidate = { .uuid = uuid, .guest = guest, .active = own->active };
        ApJudge judge = ap_judge_make(inventory, &candidate, AP_PHASE_STOP, findings);

        if (guest->persistent && !guest->has_matrix && !guest->asks_pool &&
            g_ptr_array_find_with_equal_func(guest->mdevs, uuid, g_str_equal, NULL))
            report_undefined(&judge, own, guest);
    }
    ap_finding_list_settle(findings);
    /* A definition can always be removed. */
    for (guint i = 0; i < findings->len; i++)
        ((ApFinding *)findings->pdata[i])->severity = AP_SEVERITY_WARN;
    return findings;
}
