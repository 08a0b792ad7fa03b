/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What GKeyFile silently accepts in the configuration file, and a policy must not. */
#pragma once

#include <glib.h>

/**
 * ap_config_text_check:
 * @text: the file's content, which GKeyFile can read
 * @length: its length in bytes
 * @path: name of the file for messages
 * @error: return location
 *
 * Refuses a group that stands there twice and a key that stands twice in its group: GKeyFile puts
 * such groups together and takes the last such key. Also refuses the translation of a key, which
 * GKeyFile drops.
 *
 * Errors: AP_ERROR_CONFIG; the message names file, group, key and lines.
 *
 * Returns: whether each line counts.
 */
gboolean
ap_config_text_check(const char *text, gsize length, const char *path, GError **error);

/**
 * ap_config_text_split_names:
 * @value: names with semicolons between them
 * @error: return location
 *
 * Blanks around a name do not count. A semicolon, a comma, a number sign, a quote or a backslash
 * that belongs to a name has a backslash in front of it: without one they are taken for another
 * separator, a comment or quotes, that is for a mistake.
 *
 * Errors: AP_ERROR_CONFIG; the message says what was meant.
 *
 * Returns: (nullable) (array zero-terminated=1): the names; the caller frees it.
 */
char **
ap_config_text_split_names(const char *value, GError **error);
