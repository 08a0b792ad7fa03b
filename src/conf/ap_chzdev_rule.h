/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The udev rule with the persistent masks of the AP bus, as chzdev writes and reads it. */
#pragma once

#include "util/ap_mask.h"

/**
 * ApChzdevRule:
 * @has_apmask: whether it sets apmask
 * @has_aqmask: whether it sets aqmask
 * @looks_at_count: whether it also acts where the queues were bound before udev has read it, as
 *   s390-tools 2.41 and later do
 * @apmask: adapters of the host's own drivers; empty if it does not say
 * @aqmask: their domains; empty if it does not say
 */
typedef struct {
    gboolean has_apmask;
    gboolean has_aqmask;
    gboolean looks_at_count;
    ApMask apmask;
    ApMask aqmask;
} ApChzdevRule;

/**
 * ap_chzdev_rule_format:
 * @rule: a rule
 *
 * Returns: the file, byte for byte as chzdev writes it (ap_write_type_udev(), zdev/src/ap.c); the
 *   caller frees it.
 */
char *
ap_chzdev_rule_format(const ApChzdevRule *rule);

/**
 * ap_chzdev_rule_parse:
 * @text: content of 41-ap.rules
 * @ret_rule: (out): the rule; untouched on failure
 * @error: return location
 *
 * Takes what chzdev has written, an older or a newer one, and nothing else: who writes the file
 * again would lose what somebody has added to it.
 *
 * Errors: AP_ERROR_MASK, with the first line that is not chzdev's.
 *
 * Returns: whether @text is chzdev's.
 */
gboolean
ap_chzdev_rule_parse(const char *text, ApChzdevRule *ret_rule, GError **error);
