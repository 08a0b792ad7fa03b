/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A definition in the plain form that mdevctl itself writes, read without json-c; used by
 * ap_mdevctl_json.c alone. */
#pragma once

#include "conf/ap_mdev_def.h"

/**
 * ap_mdevctl_plain_parse:
 * @text: JSON; need not be terminated
 * @length: its length in bytes
 *
 * Returns: (nullable): what ap_mdevctl_json_parse() returns for @text; NULL if it is not of the
 *   plain form, which says nothing about its validity; the caller frees it.
 */
ApMdevDef *
ap_mdevctl_plain_parse(const char *text, gsize length);
