/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of the rules: what each code leads to unless the configuration says otherwise. */
#pragma once

#include "conf/ap_policy.h"

/**
 * ApWeight:
 * @AP_WEIGHT_USUAL: the case as such
 * @AP_WEIGHT_GRAVE: with the condition that ApRule.grave_if names
 */
typedef enum {
    AP_WEIGHT_USUAL,
    AP_WEIGHT_GRAVE,
    AP_N_WEIGHTS,
} ApWeight;

/**
 * ApRule:
 * @judge: name of the function that finds it; more than one where two sides look for it
 * @has_apqns: whether a finding can name APQNs
 * @severities: by weight, then for the phases define; start and live; all others
 * @grave_if: (nullable): what makes a case grave; NULL if nothing does
 */
typedef struct {
    const char *judge;
    gboolean has_apqns;
    ApSeverity severities[AP_N_WEIGHTS][3];
    const char *grave_if;
} ApRule;

/**
 * ap_rule_get:
 * @code: a code
 *
 * Returns: its rule; static.
 */
const ApRule *
ap_rule_get(ApCode code);

/**
 * ap_rule_get_severity:
 * @code: a code
 * @phase: the phase that it is found in
 * @weight: how grave the case is
 *
 * Returns: the default severity; AP_SEVERITY_ALLOW where the code means nothing in that phase.
 */
ApSeverity
ap_rule_get_severity(ApCode code, ApPhase phase, ApWeight weight);
