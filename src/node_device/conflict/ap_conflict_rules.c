/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of the rules. docs/codes.rst shows it; the lint compares the two, and checks that each
 * judge is where the table says. */
#include "node_device/conflict/ap_conflict_rules.h"

#define ALLOW  AP_SEVERITY_ALLOW
#define WARN   AP_SEVERITY_WARN
#define REJECT AP_SEVERITY_REJECT

#define CONFLICT "src/node_device/conflict/ap_conflict"
#define QEMU     "src/qemu/qemu_ap"

/* Where it is judged; whether it names APQNs; severities for define, for start and live, and for
 * the other phases; the same for a grave case, and what makes it one. */
static const ApRule rules[AP_N_CODES] = {
    [AP_CODE_IN_USE] = {
        CONFLICT "_share.c:share_with" " "
        CONFLICT "_live.c:ap_judge_going" " "
        CONFLICT "_handover.c:refuse_held" " "
        CONFLICT "_handover.c:refuse_unseen", TRUE,
        { { REJECT, REJECT, REJECT }, { REJECT, REJECT, REJECT } },
    },
    [AP_CODE_DEFINED_ELSEWHERE] = {
        CONFLICT "_share.c:share_with" " "
        CONFLICT "_handover.c:refuse_defined", TRUE,
        { { WARN, WARN, WARN }, { REJECT, WARN, WARN } },
        "the other is active, autostart, or named by a guest",
    },
    [AP_CODE_GUEST_OVERLAP] = {
        CONFLICT "_share.c:share_with_guest", TRUE,
        { { WARN, ALLOW, WARN }, { WARN, ALLOW, REJECT } },
        "the other guest runs, is paused or is starting",
    },
    [AP_CODE_GUEST_SHARED_MDEV] = {
        CONFLICT "_share.c:report_shared_mdev", TRUE,
        { { WARN, WARN, WARN }, { WARN, WARN, REJECT } },
        "the other guest runs",
    },
    [AP_CODE_HOST_OWNED] = {
        CONFLICT "_owned.c:ap_judge_owned", TRUE,
        { { WARN, REJECT, REJECT }, { WARN, REJECT, REJECT } },
    },
    [AP_CODE_BEYOND_LIMIT] = {
        CONFLICT "_host.c:judge_limits", TRUE,
        { { WARN, REJECT, REJECT }, { WARN, REJECT, REJECT } },
    },
    [AP_CODE_NOT_INSTALLED] = {
        CONFLICT "_host.c:judge_installed", TRUE,
        { { WARN, WARN, WARN }, { WARN, WARN, WARN } },
    },
    [AP_CODE_FILTERED] = {
        CONFLICT "_host.c:judge_filtered", TRUE,
        { { WARN, WARN, WARN }, { WARN, WARN, REJECT } },
        "the guest would see nothing",
    },
    [AP_CODE_UNUSABLE] = {
        CONFLICT "_host.c:judge_usable", TRUE,
        { { WARN, WARN, WARN }, { WARN, WARN, WARN } },
    },
    [AP_CODE_CONTROL_OVERLAP] = {
        CONFLICT "_share.c:report_control", TRUE,
        { { WARN, WARN, WARN }, { WARN, WARN, WARN } },
    },
    [AP_CODE_NO_USAGE_DOMAIN] = {
        CONFLICT "_host.c:judge_size", FALSE,
        { { WARN, REJECT, REJECT }, { WARN, REJECT, REJECT } },
    },
    [AP_CODE_EMPTY] = {
        CONFLICT "_host.c:judge_size" " "
        CONFLICT ".c:judge_unknown_mdev", FALSE,
        { { ALLOW, ALLOW, REJECT }, { ALLOW, ALLOW, REJECT } },
    },
    [AP_CODE_TOO_BIG] = {
        CONFLICT "_host.c:judge_size", FALSE,
        { { WARN, REJECT, REJECT }, { WARN, REJECT, REJECT } },
    },
    [AP_CODE_BAD_STEP] = {
        CONFLICT "_step.c:judge_order" " "
        CONFLICT "_step.c:ap_judge_steps", FALSE,
        { { REJECT, REJECT, ALLOW }, { REJECT, REJECT, ALLOW } },
    },
    [AP_CODE_BUSY] = {
        CONFLICT ".c:judge_busy", FALSE,
        { { ALLOW, ALLOW, REJECT }, { ALLOW, ALLOW, REJECT } },
    },
    [AP_CODE_TOO_MANY] = {
        CONFLICT ".c:ap_judge_guest_itself", FALSE,
        { { ALLOW, ALLOW, REJECT }, { ALLOW, ALLOW, REJECT } },
    },
    [AP_CODE_PREVIOUS_OWNER] = {
        CONFLICT "_keys.c:report_former" " "
        CONFLICT "_keys.c:report_counted", TRUE,
        { { ALLOW, ALLOW, WARN }, { ALLOW, ALLOW, WARN } },
    },
    [AP_CODE_HOST_NEEDS] = {
        CONFLICT "_needs.c:report_needs" " "
        CONFLICT "_needs.c:judge_kept_default", TRUE,
        { { ALLOW, ALLOW, WARN }, { ALLOW, ALLOW, REJECT } },
        "the queue is in this LPAR",
    },
    [AP_CODE_MIXED_BINDING] = {
        CONFLICT "_host.c:ap_judge_binding", FALSE,
        { { WARN, WARN, WARN }, { WARN, WARN, WARN } },
    },
    [AP_CODE_UNREADABLE] = {
        CONFLICT ".c:judge_problem" " "
        CONFLICT ".c:ap_judge_hidden_holders" " "
        CONFLICT ".c:judge_bus" " "
        CONFLICT "_boot.c:ap_judge_boot" " "
        CONFLICT "_live.c:report_unread", FALSE,
        { { WARN, WARN, WARN }, { REJECT, REJECT, REJECT } },
        "an active matrix, the candidate or a holder is concerned",
    },
    [AP_CODE_CPU_NO_AP] = {
        QEMU "_validate_cpu.c:validate_ap", FALSE,
        { { ALLOW, ALLOW, REJECT }, { ALLOW, ALLOW, REJECT } },
    },
    [AP_CODE_METADATA_MISMATCH] = {
        QEMU "_guest.c:check_metadata", FALSE,
        { { ALLOW, ALLOW, REJECT }, { ALLOW, ALLOW, REJECT } },
    },
    [AP_CODE_BAD_XML] = {
        QEMU "_validate.c:qemu_ap_validate", FALSE,
        { { ALLOW, ALLOW, WARN }, { ALLOW, ALLOW, REJECT } },
        "it has an effect",
    },
    [AP_CODE_DIFFERS] = {
        CONFLICT "_boot.c:judge_differs", FALSE,
        { { WARN, WARN, WARN }, { WARN, WARN, WARN } },
    },
    [AP_CODE_NOT_KEPT] = {
        CONFLICT "_boot.c:judge_not_kept" " "
        CONFLICT "_boot.c:report_undefined", FALSE,
        { { ALLOW, WARN, WARN }, { ALLOW, WARN, WARN } },
    },
    [AP_CODE_LOST_AT_BOOT] = {
        CONFLICT "_boot.c:judge_masks_at_boot", TRUE,
        { { WARN, WARN, WARN }, { REJECT, WARN, WARN } },
        "it is newly made to start at boot",
    },
    [AP_CODE_BEYOND_BINDING] = {
        CONFLICT "_live.c:report_beyond", TRUE,
        { { REJECT, REJECT, REJECT }, { REJECT, REJECT, REJECT } },
    },
    [AP_CODE_FOREIGN_USER] = {
        CONFLICT "_live.c:ap_judge_foreign_user", FALSE,
        { { WARN, WARN, WARN }, { WARN, WARN, REJECT } },
        "another guest would get its matrix",
    },
    [AP_CODE_UUID_TAKEN] = {
        CONFLICT "_uuid.c:ap_judge_uuid", FALSE,
        { { WARN, WARN, WARN }, { REJECT, REJECT, REJECT } },
        "the UUID is active as another type",
    },
    [AP_CODE_NOT_VISIBLE] = {
        CONFLICT "_view.c:judge_visible", TRUE,
        { { ALLOW, ALLOW, WARN }, { ALLOW, ALLOW, REJECT } },
        "the guest would see nothing",
    },
    [AP_CODE_NOT_BINDABLE] = {
        CONFLICT "_view.c:judge_bindable", TRUE,
        { { WARN, WARN, WARN }, { WARN, WARN, REJECT } },
        "the guest could use nothing",
    },
    [AP_CODE_NO_QUEUE_LEFT] = {
        CONFLICT "_view.c:ap_judge_left", FALSE,
        { { ALLOW, WARN, REJECT }, { ALLOW, WARN, REJECT } },
    },
};


const ApRule *
ap_rule_get(ApCode code)
{
    return &rules[code];
}


ApSeverity
ap_rule_get_severity(ApCode code, ApPhase phase, ApWeight weight)
{
    const ApSeverity *severities = rules[code].severities[weight];

    switch (phase) {
    case AP_PHASE_DEFINE:
        return severities[0];
    case AP_PHASE_START:
    case AP_PHASE_LIVE:
        return severities[1];
    default:
        return severities[2];
    }
}
