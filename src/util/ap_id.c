/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Adapter ids, domain ids and APQNs: text to number and back. */
#include "util/ap_id.h"

#include <string.h>

#include "util/ap_error.h"


/* Reads digits of @base from *@text on, as the kernel's _parse_integer() does: all of them, also
 * after an overflow. Returns how many there were. */
static guint
read_digits(const char **text, guint base, guint64 *ret_value, gboolean *ret_overflow)
{
    guint64 value = 0;
    guint n = 0;

    *ret_overflow = FALSE;
    for (;; (*text)++, n++) {
        int digit = g_ascii_xdigit_value(**text);

        if (digit < 0 || (guint)digit >= base)
            break;
        if (!g_uint64_checked_mul(&value, value, base) ||
            !g_uint64_checked_add(&value, value, digit))
            *ret_overflow = TRUE;
    }
    *ret_value = value;
    return n;
}


static gboolean
set_number_error(GError **error, ApErrorCode code, const char *format, const char *text)
{
    g_autofree char *printable = ap_text_printable(text);

    g_set_error(error, AP_ERROR, code, format, printable);
    return FALSE;
}


gboolean
ap_id_parse(const char *text, guint *ret_id, GError **error)
{
    const char *p = text;
    gboolean overflow;
    guint64 value;
    guint base = 10;

    if (g_str_has_prefix(p, "0x")) {
        base = 16;
        p += 2;
    }
    if (read_digits(&p, base, &value, &overflow) == 0 || *p != '\0')
        return set_number_error(error, AP_ERROR_NUMBER,
                                "'%s' is not an id: wanted decimal or 0x hexadecimal, 0..255",
                                text);
    if (base == 10 && text[0] == '0' && text[1] != '\0')
        return set_number_error(error, AP_ERROR_NUMBER,
                                "'%s' has a leading 0, which reads as octal, decimal or "
                                "hexadecimal: wanted decimal or 0x hexadecimal, 0..255",
                                text);
    if (overflow || value > AP_ID_MAX)
        return set_number_error(error, AP_ERROR_RANGE, "id '%s' is outside 0..255", text);
    *ret_id = value;
    return TRUE;
}


gboolean
ap_attr_parse(const char *text, guint64 *ret_value, GError **error)
{
    const char *p = text;
    gboolean overflow;
    guint64 value;
    guint base = 10;

    if (*p == '+')
        p++;
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X') && g_ascii_isxdigit(p[2])) {
        base = 16;
        p += 2;
    } else if (p[0] == '0') {
        base = 8;
    }
    if (read_digits(&p, base, &value, &overflow) == 0)
        return set_number_error(error, AP_ERROR_NUMBER, "'%s' is not a number", text);
    if (overflow)
        return set_number_error(error, AP_ERROR_RANGE, "number '%s' is too large", text);
    if (*p == '\n')
        p++;
    if (*p != '\0')
        return set_number_error(error, AP_ERROR_NUMBER, "'%s' is not a number", text);
    *ret_value = value;
    return TRUE;
}


/* Reads exactly @n hexadecimal digits of lower case, as the kernel names its devices. */
static gboolean
read_fixed_hex(const char *text, guint n, guint *ret_value)
{
    guint value = 0;

    for (guint i = 0; i < n; i++) {
        if (!g_ascii_isxdigit(text[i]) || g_ascii_isupper(text[i]))
            return FALSE;
        value = value * 16 + g_ascii_xdigit_value(text[i]);
    }
    *ret_value = value;
    return TRUE;
}


gboolean
ap_apqn_parse(const char *text, ApApqn *ret_apqn)
{
    guint adapter;
    guint domain;

    if (!read_fixed_hex(text, 2, &adapter) || text[2] != '.' ||
        !read_fixed_hex(text + 3, 4, &domain) || text[7] != '\0' || domain > AP_ID_MAX)
        return FALSE;
    *ret_apqn = (ApApqn){ adapter, domain };
    return TRUE;
}


gboolean
ap_card_parse(const char *text, guint *ret_adapter)
{
    guint adapter;

    if (!g_str_has_prefix(text, "card") || !read_fixed_hex(text + 4, 2, &adapter) ||
        text[6] != '\0')
        return FALSE;
    *ret_adapter = adapter;
    return TRUE;
}


char *
ap_apqn_to_string(ApApqn apqn)
{
    return g_strdup_printf("%02x.%04x", apqn.adapter, apqn.domain);
}


char *
ap_apqn_describe(ApApqn apqn)
{
    return g_strdup_printf("%02x.%04x (adapter %u, domain %u)", apqn.adapter, apqn.domain,
                           apqn.adapter, apqn.domain);
}


char *
ap_uuid_normalize(const char *text)
{
    if (!g_uuid_string_is_valid(text))
        return NULL;
    return g_ascii_strdown(text, -1);
}


char *
ap_uuid_from_name(const char *name)
{
    gsize length = strlen(name);
    g_autofree char *text = NULL;

    if (length == 32)
        text = g_strdup_printf("%.8s-%.4s-%.4s-%.4s-%s", name, name + 8, name + 12, name + 16,
                               name + 20);
    else if (length == 38 && name[0] == '{' && name[length - 1] == '}')
        text = g_strndup(name + 1, length - 2);
    else if (g_str_has_prefix(name, "urn:uuid:"))
        text = g_strdup(name + strlen("urn:uuid:"));
    return ap_uuid_normalize(text ? text : name);
}
