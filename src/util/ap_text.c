/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text from outside, made fit to be seen. */
#include "util/ap_text.h"

#include <string.h>

#define PRINTABLE_MAX 64
/* Longer words are not compared letter by letter. */
#define NEAR_MAX 40


/* Whether the character can be seen. g_unichar_isprint() lacks only the separators of lines. */
static gboolean
is_visible(gunichar c)
{
    return c >= 0x20 && c != 0x2028 && c != 0x2029 && g_unichar_isprint(c);
}


static gboolean
is_plain(const char *text)
{
    for (const guchar *p = (const guchar *)text; *p; p++) {
        if ((*p < 0x20 && *p != '\n') || *p >= 0x7f)
            return FALSE;
    }
    return TRUE;
}


/* The character at @p and the byte behind it; (gunichar)-1 for one byte that is not UTF-8. */
static gunichar
next_char(const char *p, const char **ret_next)
{
    gunichar c = g_utf8_get_char_validated(p, -1);

    *ret_next = p + 1;
    if (c == (gunichar)-1 || c == (gunichar)-2)
        return (gunichar)-1;
    *ret_next = g_utf8_next_char(p);
    return c;
}


static void
append_escaped(GString *text, gunichar c, char byte)
{
    const char *letters = "\nn\tt\rr";
    const char *found = c < 0x80 ? strchr(letters, (char)c) : NULL;

    if (c == (gunichar)-1)
        g_string_append_printf(text, "\\x%02x", (guchar)byte);
    else if (found)
        g_string_append_printf(text, "\\%c", found[1]);
    else if (c < 0x80)
        g_string_append_printf(text, "\\x%02x", c);
    else
        g_string_append_printf(text, c > 0xffff ? "\\U%08x" : "\\u%04x", c);
}


/* @max characters, all for 0; @keep stays whatever it is. */
static char *
escape(const char *text, guint max, gunichar keep)
{
    GString *result = g_string_sized_new(strlen(text));
    const char *next;
    guint n = 0;

    for (const char *p = text; *p; p = next) {
        gunichar c = next_char(p, &next);

        if (max && n++ == max) {
            g_string_append(result, "...");
            break;
        }
        if (c == keep || (c != (gunichar)-1 && is_visible(c)))
            g_string_append_len(result, p, next - p);
        else
            append_escaped(result, c, *p);
    }
    return g_string_free(result, FALSE);
}


char *
ap_text_printable(const char *text)
{
    return escape(text, PRINTABLE_MAX, 0);
}


char *
ap_text_escape(const char *text)
{
    return escape(text, 0, 0);
}


char *
ap_text_escape_lines(const char *text)
{
    return is_plain(text) ? g_strdup(text) : escape(text, 0, '\n');
}


/* As JSON does it: in UTF-16. */
static void
append_json_escaped(GString *text, gunichar c)
{
    if (c > 0xffff)
        g_string_append_printf(text, "\\u%04x\\u%04x", 0xd7c0 + (c >> 10), 0xdc00 + (c & 0x3ff));
    else
        g_string_append_printf(text, "\\u%04x", c);
}


char *
ap_text_escape_json(const char *json)
{
    GString *result;
    const char *next;

    if (is_plain(json))
        return g_strdup(json);
    result = g_string_sized_new(strlen(json));
    for (const char *p = json; *p; p = next) {
        gunichar c = next_char(p, &next);

        if (c == '\n' || (c != (gunichar)-1 && is_visible(c)))
            g_string_append_len(result, p, next - p);
        else
            append_json_escaped(result, c == (gunichar)-1 ? 0xfffd : c);
    }
    return g_string_free(result, FALSE);
}


/* Levenshtein's distance; @word and @other have at most NEAR_MAX bytes. */
static guint
get_distance(const char *word, const char *other)
{
    guint row[NEAR_MAX + 1];
    gsize length = strlen(other);

    for (gsize k = 0; k <= length; k++)
        row[k] = k;
    for (gsize i = 1; word[i - 1]; i++) {
        guint diagonal = row[0];

        row[0] = i;
        for (gsize k = 1; k <= length; k++) {
            guint replaced = diagonal + (word[i - 1] != other[k - 1]);

            diagonal = row[k];
            row[k] = MIN(replaced, MIN(row[k], row[k - 1]) + 1);
        }
    }
    return row[length];
}


const char *
ap_text_find_nearest(const char *word, const char *const *known, guint n_known)
{
    gsize length = strlen(word);
    /* Half of a short word is not a slip of the finger; two letters in the wrong order are two. */
    guint best = length < 3 ? 1 : length == 3 ? 2 : 3;
    const char *nearest = NULL;

    if (length == 0 || length > NEAR_MAX)
        return NULL;
    for (guint i = 0; i < n_known; i++) {
        guint distance = g_str_has_prefix(known[i], word) ? 0
                         : strlen(known[i]) > NEAR_MAX    ? G_MAXUINT
                                                          : get_distance(word, known[i]);

        if (distance < best) {
            best = distance;
            nearest = known[i];
        }
    }
    return nearest;
}
