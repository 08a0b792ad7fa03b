/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names of the conflict rules. */
#include "conf/ap_policy.h"

#include <string.h>

static const char *const codes[] = {
    [AP_CODE_IN_USE] = "in-use",
    [AP_CODE_DEFINED_ELSEWHERE] = "defined-elsewhere",
    [AP_CODE_GUEST_OVERLAP] = "guest-overlap",
    [AP_CODE_GUEST_SHARED_MDEV] = "guest-shared-mdev",
    [AP_CODE_HOST_OWNED] = "host-owned",
    [AP_CODE_BEYOND_LIMIT] = "beyond-limit",
    [AP_CODE_NOT_INSTALLED] = "not-installed",
    [AP_CODE_FILTERED] = "filtered",
    [AP_CODE_UNUSABLE] = "unusable",
    [AP_CODE_CONTROL_OVERLAP] = "control-overlap",
    [AP_CODE_NO_USAGE_DOMAIN] = "no-usage-domain",
    [AP_CODE_EMPTY] = "empty",
    [AP_CODE_TOO_BIG] = "too-big",
    [AP_CODE_BAD_STEP] = "bad-step",
    [AP_CODE_BUSY] = "busy",
    [AP_CODE_TOO_MANY] = "too-many",
    [AP_CODE_PREVIOUS_OWNER] = "previous-owner",
    [AP_CODE_HOST_NEEDS] = "host-needs",
    [AP_CODE_MIXED_BINDING] = "mixed-binding",
    [AP_CODE_UNREADABLE] = "unreadable",
    [AP_CODE_CPU_NO_AP] = "cpu-no-ap",
    [AP_CODE_METADATA_MISMATCH] = "metadata-mismatch",
    [AP_CODE_BAD_XML] = "bad-xml",
    [AP_CODE_DIFFERS] = "differs",
    [AP_CODE_NOT_KEPT] = "not-kept",
    [AP_CODE_LOST_AT_BOOT] = "lost-at-boot",
    [AP_CODE_BEYOND_BINDING] = "beyond-binding",
    [AP_CODE_FOREIGN_USER] = "foreign-user",
    [AP_CODE_UUID_TAKEN] = "uuid-taken",
    [AP_CODE_NOT_VISIBLE] = "not-visible",
    [AP_CODE_NOT_BINDABLE] = "not-bindable",
    [AP_CODE_NO_QUEUE_LEFT] = "no-queue-left",
};

static const char *const phases[] = {
    [AP_PHASE_DEFINE] = "define", [AP_PHASE_START] = "start", [AP_PHASE_LIVE] = "live",
    [AP_PHASE_STOP] = "stop",     [AP_PHASE_GUEST] = "guest", [AP_PHASE_FREE] = "free",
    [AP_PHASE_AUDIT] = "audit",
};

static const char *const severities[] = {
    [AP_SEVERITY_ALLOW] = "allow",
    [AP_SEVERITY_WARN] = "warn",
    [AP_SEVERITY_REJECT] = "reject",
};

G_STATIC_ASSERT(G_N_ELEMENTS(codes) == AP_N_CODES);
G_STATIC_ASSERT(G_N_ELEMENTS(phases) == AP_N_PHASES);


/* Returns the index of @text, or -1. */
static int
find_name(const char *const *names, guint n, const char *text)
{
    for (guint i = 0; i < n; i++) {
        if (strcmp(names[i], text) == 0)
            return i;
    }
    return -1;
}


const char *
ap_code_to_string(ApCode code)
{
    return codes[code];
}


gboolean
ap_code_from_string(const char *text, ApCode *ret_code)
{
    int i = find_name(codes, G_N_ELEMENTS(codes), text);

    if (i >= 0)
        *ret_code = i;
    return i >= 0;
}


const char *
ap_phase_to_string(ApPhase phase)
{
    return phases[phase];
}


gboolean
ap_phase_from_string(const char *text, ApPhase *ret_phase)
{
    int i = find_name(phases, G_N_ELEMENTS(phases), text);

    if (i >= 0)
        *ret_phase = i;
    return i >= 0;
}


const char *
ap_severity_to_string(ApSeverity severity)
{
    return severities[severity];
}


gboolean
ap_severity_from_string(const char *text, ApSeverity *ret_severity)
{
    int i = find_name(severities, G_N_ELEMENTS(severities), text);

    if (i >= 0)
        *ret_severity = i;
    return i >= 0;
}
