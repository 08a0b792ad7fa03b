/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON by serde_json's rules, for mdevctl's files: its tokens. json-c, the parser, is laxer. */
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
 * Checks that @text is UTF-8 and made of JSON's tokens, with no comma at the end of an object or
 * array and no more levels than serde_json takes. Each version of json-c has other ideas of that,
 * in its strict mode, too (0.18 takes no letter beyond ASCII where char is signed). A NUL in a
 * string serde_json takes; it is refused, because json-c ends a key there and "attrs" could stand
 * for another key. So is an integer of more than 18 digits, which json-c may take for too large
 * (0.18 does, 0.16 does not).
 *
 * Errors: AP_ERROR_JSON, and the message gives the byte.
 *
 * Returns: whether json-c may decide about the rest.
 */
gboolean
ap_json_check(const char *text, gsize length, GError **error);
