/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text from outside: names of guests, files and drivers, words of other people's configuration. A
 * terminal or a journal that it reaches must see nothing but letters. */
#pragma once

#include <glib.h>

/**
 * ap_text_printable:
 * @text: text from outside
 *
 * Makes foreign text fit for a message: what cannot be seen is escaped as ap_text_escape() does,
 * and after 64 characters it is cut with "...".
 *
 * Returns: the text; the caller frees it.
 */
char *
ap_text_printable(const char *text);

/**
 * ap_text_escape:
 * @text: text from outside
 *
 * Control characters (ESC and C1 among them), line separators, what changes the direction of
 * writing, other characters of no width and bytes that are not UTF-8 become "\n", "\x1b",
 * "\u202e". All else stays, a backslash too.
 *
 * Returns: the text in one line; the caller frees it.
 */
char *
ap_text_escape(const char *text);

/**
 * ap_text_escape_lines:
 * @text: a message that may have several lines
 *
 * Returns: the same as ap_text_escape(), but newlines stay; the caller frees it.
 */
char *
ap_text_escape_lines(const char *text);

/**
 * ap_text_escape_json:
 * @json: JSON as a library wrote it
 *
 * Returns: the same value, with what cannot be seen as "\u202e", and U+FFFD for bytes that are not
 *   UTF-8; newlines stay; the caller frees it.
 */
char *
ap_text_escape_json(const char *json);

/**
 * ap_text_find_nearest:
 * @word: what somebody typed
 * @known: what there is
 * @n_known: how many
 *
 * Returns: (nullable): the first of @known that begins with @word, or else differs from it least,
 *   by one or two letters that are missing, superfluous or wrong; borrowed. NULL if none is.
 */
const char *
ap_text_find_nearest(const char *word, const char *const *known, guint n_known);
