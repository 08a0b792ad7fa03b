/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The names of the conflict rules: codes, phases and severities. */
#pragma once

#include <glib.h>

/**
 * ApCode:
 *
 * What can be wrong with a matrix; docs/codes.rst describes each. The first four are the sharing
 * codes: of them a candidate and one other owner give one finding.
 */
typedef enum {
    AP_CODE_IN_USE,
    AP_CODE_DEFINED_ELSEWHERE,
    AP_CODE_GUEST_OVERLAP,
    AP_CODE_GUEST_SHARED_MDEV,
    AP_CODE_HOST_OWNED,
    AP_CODE_BEYOND_LIMIT,
    AP_CODE_NOT_INSTALLED,
    AP_CODE_FILTERED,
    AP_CODE_UNUSABLE,
    AP_CODE_CONTROL_OVERLAP,
    AP_CODE_NO_USAGE_DOMAIN,
    AP_CODE_EMPTY,
    AP_CODE_TOO_BIG,
    AP_CODE_BAD_STEP,
    AP_CODE_BUSY,
    AP_CODE_TOO_MANY,
    AP_CODE_PREVIOUS_OWNER,
    AP_CODE_HOST_NEEDS,
    AP_CODE_MIXED_BINDING,
    AP_CODE_UNREADABLE,
    AP_CODE_CPU_NO_AP,
    AP_CODE_METADATA_MISMATCH,
    AP_CODE_BAD_XML,
    AP_CODE_DIFFERS,
    AP_CODE_NOT_KEPT,
    AP_CODE_LOST_AT_BOOT,
    AP_CODE_BEYOND_BINDING,
    AP_CODE_FOREIGN_USER,
    AP_CODE_UUID_TAKEN,
    AP_CODE_NOT_VISIBLE,
    AP_CODE_NOT_BINDABLE,
    AP_CODE_NO_QUEUE_LEFT,
    AP_N_CODES,
} ApCode;

/**
 * ApPhase:
 * @AP_PHASE_DEFINE: the persistent configuration is made or changed
 * @AP_PHASE_START: the mdev is created
 * @AP_PHASE_LIVE: an active matrix is changed, or looked at
 * @AP_PHASE_STOP: the mdev is removed
 * @AP_PHASE_GUEST: a guest starts
 * @AP_PHASE_FREE: the host gives queues away
 * @AP_PHASE_AUDIT: everything is looked at, nothing changes
 */
typedef enum {
    AP_PHASE_DEFINE,
    AP_PHASE_START,
    AP_PHASE_LIVE,
    AP_PHASE_STOP,
    AP_PHASE_GUEST,
    AP_PHASE_FREE,
    AP_PHASE_AUDIT,
    AP_N_PHASES,
} ApPhase;

/**
 * ApSeverity:
 * @AP_SEVERITY_ALLOW: not worth a word
 * @AP_SEVERITY_WARN: said, and let through
 * @AP_SEVERITY_REJECT: refused
 */
typedef enum {
    AP_SEVERITY_ALLOW,
    AP_SEVERITY_WARN,
    AP_SEVERITY_REJECT,
} ApSeverity;

/**
 * ap_code_to_string:
 * @code: a code
 *
 * Returns: its name, "in-use"; static.
 */
const char *
ap_code_to_string(ApCode code);

/**
 * ap_code_from_string:
 * @text: a name
 * @ret_code: (out): the code; untouched on failure
 *
 * Returns: whether there is such a code.
 */
gboolean
ap_code_from_string(const char *text, ApCode *ret_code);

/**
 * ap_phase_to_string:
 * @phase: a phase
 *
 * Returns: its name, "define"; static.
 */
const char *
ap_phase_to_string(ApPhase phase);

/**
 * ap_phase_from_string:
 * @text: a name
 * @ret_phase: (out): the phase; untouched on failure
 *
 * Returns: whether there is such a phase.
 */
gboolean
ap_phase_from_string(const char *text, ApPhase *ret_phase);

/**
 * ap_severity_to_string:
 * @severity: a severity
 *
 * Returns: its name, "reject"; static.
 */
const char *
ap_severity_to_string(ApSeverity severity);

/**
 * ap_severity_from_string:
 * @text: a name
 * @ret_severity: (out): the severity; untouched on failure
 *
 * Returns: whether there is such a severity.
 */
gboolean
ap_severity_from_string(const char *text, ApSeverity *ret_severity);
