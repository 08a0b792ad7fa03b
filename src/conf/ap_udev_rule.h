/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The udev rule that chzdev writes, 41-ap.rules: the masks that the host has after a boot. */
#pragma once

#include "util/ap_mask.h"

#define AP_UDEV_RULE_PATH "/etc/udev/rules.d/41-ap.rules"

/**
 * ap_udev_rule_parse:
 * @text: the file's content
 * @apmask: (inout): the mask that the kernel boots with, and what the rule makes of it
 * @aqmask: (inout): likewise
 * @ret_found: (out): whether the rule sets at least one of them
 * @error: return location
 *
 * Looks for assignments to an attribute whose path ends in apmask or aqmask, as libap does; what
 * the rule matches is not evaluated.
 *
 * Errors: AP_ERROR_MASK; then neither mask is changed.
 *
 * Returns: whether the values are masks.
 */
gboolean
ap_udev_rule_parse(const char *text, ApMask *apmask, ApMask *aqmask, gboolean *ret_found,
                   GError **error);
