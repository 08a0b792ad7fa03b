/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON by serde_json's rules, for mdevctl's files: what json-c, our parser, is too lax about. */
#pragma once

#include <glib.h>

/* serde_json's limit: remaining_depth in src/de.rs. */
#define AP_JSON_DEPTH_MAX 127

/**
 * ap_json_check:
 * @text: what should be JSON
 * @length: its length in bytes
 * @error: return location
 *
 * Looks for what json-c takes in its strict mode, in one version or the other, and serde_json does
 * not: bytes that are not UTF-8, control characters and halves of surrogate pairs in strings,
 * single quotes, numbers such as 00, 1. and -Infinity, and too many levels. A NUL in a string
 * serde_json takes; it is refused, because json-c ends a key there and "attrs" could stand for
 * another key.
 *
 * Errors: AP_ERROR_JSON, and the message gives the byte.
 *
 * Returns: whether json-c's strict mode may decide about the rest.
 */
gboolean
ap_json_check(const char *text, gsize length, GError **error);
