/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A set of 256 adapter or domain ids. */
#include "util/ap_mask.h"

#include <string.h>

#include "util/ap_error.h"
#include "util/ap_id.h"

#define DIGITS 64


static guint64
bit(guint id)
{
    return G_GUINT64_CONSTANT(1) << (63 - id % 64);
}


void
ap_mask_set(ApMask *mask, guint id)
{
    g_return_if_fail(id <= AP_ID_MAX);
    mask->word[id / 64] |= bit(id);
}


void
ap_mask_clear(ApMask *mask, guint id)
{
    g_return_if_fail(id <= AP_ID_MAX);
    mask->word[id / 64] &= ~bit(id);
}


gboolean
ap_mask_has(const ApMask *mask, guint id)
{
    g_return_val_if_fail(id <= AP_ID_MAX, FALSE);
    return (mask->word[id / 64] & bit(id)) != 0;
}


gboolean
ap_mask_equal(const ApMask *a, const ApMask *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}


guint
ap_mask_count(const ApMask *mask)
{
    guint n = 0;

    for (guint i = 0; i < 4; i++)
        n += __builtin_popcountll(mask->word[i]);
    return n;
}


ApMask
ap_mask_and(const ApMask *a, const ApMask *b)
{
    ApMask result;

    for (guint i = 0; i < 4; i++)
        result.word[i] = a->word[i] & b->word[i];
    return result;
}


ApMask
ap_mask_or(const ApMask *a, const ApMask *b)
{
    ApMask result;

    for (guint i = 0; i < 4; i++)
        result.word[i] = a->word[i] | b->word[i];
    return result;
}


ApMask
ap_mask_minus(const ApMask *a, const ApMask *b)
{
    ApMask result;

    for (guint i = 0; i < 4; i++)
        result.word[i] = a->word[i] & ~b->word[i];
    return result;
}


ApMask
ap_mask_range(guint first, guint last)
{
    ApMask result = { 0 };

    for (guint id = first; id <= last; id++)
        ap_mask_set(&result, id);
    return result;
}


int
ap_mask_next(const ApMask *mask, guint from)
{
    while (from <= AP_ID_MAX) {
        guint64 rest = mask->word[from / 64] << (from % 64);

        if (rest)
            return from + __builtin_clzll(rest);
        from = (from / 64 + 1) * 64;
    }
    return -1;
}


const char *
ap_mask_to_string(const ApMask *mask, char buffer[AP_MASK_STRING_SIZE])
{
    g_snprintf(buffer, AP_MASK_STRING_SIZE,
               "0x%016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER
               "x%016" G_GINT64_MODIFIER "x",
               mask->word[0], mask->word[1], mask->word[2], mask->word[3]);
    return buffer;
}


/* -1 for what is none. GLib's are two calls for each of the 192 digits of every active matrix. */
static inline int
get_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 'a' - 'A';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


/* Reads up to 64 digits from bit 0 on; returns what follows them. */
static const char *
read_hex(const char *text, ApMask *ret_mask)
{
    memset(ret_mask, 0, sizeof(*ret_mask));
    for (guint i = 0; i < DIGITS; i++, text++) {
        int digit = get_digit(*text);

        if (digit < 0)
            break;
        ret_mask->word[i / 16] |= (guint64)digit << (60 - i % 16 * 4);
    }
    return text;
}


static gboolean
set_mask_error(GError **error, const char *text, const char *wanted)
{
    g_autofree char *printable = ap_text_printable(text);

    g_set_error(error, AP_ERROR, AP_ERROR_MASK, "'%s' is not a mask: wanted %s", printable,
                wanted);
    return FALSE;
}


gboolean
ap_mask_parse_sysfs(const char *text, ApMask *ret_mask, GError **error)
{
    ApMask mask;
    const char *rest;

    rest = g_str_has_prefix(text, "0x") ? read_hex(text + 2, &mask) : text;
    if (rest != text + 2 + DIGITS || (strcmp(rest, "") != 0 && strcmp(rest, "\n") != 0))
        return set_mask_error(error, text, "0x and 64 hexadecimal digits");
    *ret_mask = mask;
    return TRUE;
}


gboolean
ap_mask_parse_hex(const char *text, ApMask *ret_mask, GError **error)
{
    const char *p = text;
    ApMask mask;

    if (p[0] == '0' && p[1] == 'x')
        p++;
    if (*p == 'x')
        p++;
    p = read_hex(p, &mask);
    if (*p == '\n')
        p++;
    if (*p != '\0')
        return set_mask_error(error, text, "0x and up to 64 hexadecimal digits");
    *ret_mask = mask;
    return TRUE;
}


/* One number of a term: simple_strtoul() with base 0, so decimal, 0x or octal, ended by what is
 * no digit. */
static gboolean
read_term_number(const char **text, guint *ret_id)
{
    g_autofree char *number = NULL;
    const char *end = *text;
    guint64 value;

    while (g_ascii_isalnum(*end))
        end++;
    number = g_strndup(*text, end - *text);
    if (!ap_attr_parse(number, &value, NULL) || value > AP_ID_MAX)
        return FALSE;
    *text = end;
    *ret_id = value;
    return TRUE;
}


/* modify_bitmap(), ap_bus.c: terms with any number of commas and newlines behind each. */
gboolean
ap_mask_apply(ApMask *mask, const char *text, GError **error)
{
    const char *wanted = "an absolute mask or terms such as +5,-0x10-0x1f";
    const char *p = text;
    ApMask result = *mask;

    if (*p != '+' && *p != '-')
        return ap_mask_parse_hex(text, mask, error);
    while (*p != '\0') {
        gboolean add = *p == '+';
        ApMask range;
        guint first;
        guint last;

        if ((*p != '+' && *p != '-') || (p++, !read_term_number(&p, &first)))
            return set_mask_error(error, text, wanted);
        last = first;
        if (*p == '-' && (p++, !read_term_number(&p, &last)))
            return set_mask_error(error, text, wanted);
        if (last < first)
            return set_mask_error(error, text, wanted);
        range = ap_mask_range(first, last);
        result = add ? ap_mask_or(&result, &range) : ap_mask_minus(&result, &range);
        p += strspn(p, ",\n");
    }
    *mask = result;
    return TRUE;
}


static gboolean
parse_range(const char *text, ApMask *ret_range, GError **error)
{
    g_auto(GStrv) ends = g_strsplit(text, "-", 2);
    g_autoptr(GError) local = NULL;
    guint first = 0;
    guint last = 0;

    if (!ap_id_parse(ends[0] ? ends[0] : "", &first, &local) ||
        (ends[0] && ends[1] && !ap_id_parse(ends[1], &last, &local))) {
        g_set_error(error, AP_ERROR, local->code,
                    "%s\nids are separated by commas, such as 5,0x08-0x0a", local->message);
        return FALSE;
    }
    last = ends[1] ? last : first;
    if (last < first) {
        g_set_error(error, AP_ERROR, AP_ERROR_RANGE, "range '%s' is reversed", text);
        return FALSE;
    }
    *ret_range = ap_mask_range(first, last);
    return TRUE;
}


gboolean
ap_mask_parse_list(const char *text, ApMask *ret_mask, GError **error)
{
    g_auto(GStrv) terms = g_strsplit(text, ",", -1);
    ApMask mask = { 0 };

    if (!terms[0]) {
        g_set_error(error, AP_ERROR, AP_ERROR_NUMBER, "no ids: wanted such as 5,0x08-0x0a");
        return FALSE;
    }
    for (char **term = terms; *term; term++) {
        ApMask range;

        if (!parse_range(g_strstrip(*term), &range, error))
            return FALSE;
        mask = ap_mask_or(&mask, &range);
    }
    *ret_mask = mask;
    return TRUE;
}


/* The ids as ranges, each with @prefix, @separator between them. */
static char *
format_ranges(const ApMask *mask, const char *prefix, const char *separator)
{
    GString *text = g_string_new(NULL);
    int first = ap_mask_next(mask, 0);

    while (first >= 0) {
        int last = first;

        while (last < AP_ID_MAX && ap_mask_has(mask, last + 1))
            last++;
        g_string_append_printf(text, "%s%s0x%02x", text->len ? separator : "", prefix, first);
        if (last > first)
            g_string_append_printf(text, "-0x%02x", last);
        first = ap_mask_next(mask, last + 1);
    }
    return g_string_free(text, FALSE);
}


char *
ap_mask_describe(const ApMask *mask)
{
    return ap_mask_is_empty(mask) ? g_strdup("none") : format_ranges(mask, "", ", ");
}


char *
ap_mask_to_terms(const ApMask *mask, char sign)
{
    const char prefix[] = { sign, '\0' };

    return format_ranges(mask, prefix, ",");
}
