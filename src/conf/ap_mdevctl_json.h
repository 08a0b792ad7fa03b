/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mdevctl's JSON: the definition files in /etc/mdevctl.d, what a callout reads from its standard
 * input, and the attributes that it reports. */
#pragma once

#include "conf/ap_mdev_def.h"

/**
 * ap_mdevctl_json_parse:
 * @text: JSON; need not be terminated
 * @length: its length in bytes
 * @error: return location
 *
 * Reads {"mdev_type": T, "start": "auto"|"manual", "attrs": [{NAME: VALUE}, ...]} as mdevctl does
 * (serde_json, then MDev::load_from_json()): "attrs" may be absent or null, any other "start" than
 * "auto" means manual, unknown keys are ignored, the last of a repeated key counts. Refused
 * although mdevctl takes it: a NUL in a string. Taken although mdevctl refuses it: a number beyond
 * a double.
 *
 * Errors: AP_ERROR_JSON.
 *
 * Returns: (nullable): the definition, without uuid and parent; the caller frees it.
 */
ApMdevDef *
ap_mdevctl_json_parse(const char *text, gsize length, GError **error);

/**
 * ap_mdevctl_json_format:
 * @def: a definition
 *
 * Returns: the text of its definition file, byte for byte as mdevctl writes it (serde_json's
 *   to_string_pretty(), keys in mdevctl's order, no newline at the end); the caller frees it.
 */
char *
ap_mdevctl_json_format(const ApMdevDef *def);

/**
 * ap_mdevctl_json_format_attrs:
 * @matrix: a matrix
 *
 * Returns: the answer to "get attributes": an array of objects with one key each, the ids decimal
 *   and sorted, as s390-tools' ap-check gives it; the caller frees it.
 */
char *
ap_mdevctl_json_format_attrs(const ApMatrix *matrix);
