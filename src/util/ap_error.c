/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one error domain of the project. */
#include "util/ap_error.h"

#include <string.h>

#define PRINTABLE_MAX 64

/* Indexed by ApErrorCode. */
static const struct {
    const char *name;
    int exit_code;
} codes[] = {
    [AP_ERROR_NUMBER] = { "number", 4 },       [AP_ERROR_RANGE] = { "range", 4 },
    [AP_ERROR_MASK] = { "mask", 4 },           [AP_ERROR_STEP] = { "step", 1 },
    [AP_ERROR_JSON] = { "json", 4 },           [AP_ERROR_XML] = { "xml", 4 },
    [AP_ERROR_CONFIG] = { "config", 4 },       [AP_ERROR_NOT_FOUND] = { "not-found", 3 },
    [AP_ERROR_IO] = { "io", 4 },               [AP_ERROR_NO_BUS] = { "no-bus", 4 },
    [AP_ERROR_LOCKED] = { "locked", 1 },       [AP_ERROR_REFUSED] = { "refused", 1 },
    [AP_ERROR_USAGE] = { "usage", 2 },
};

G_STATIC_ASSERT(G_N_ELEMENTS(codes) == AP_ERROR_USAGE + 1);

G_DEFINE_QUARK(ap-error-quark, ap_error)


const char *
ap_error_name(const GError *error)
{
    if (error->domain != AP_ERROR)
        return "internal";
    return codes[error->code].name;
}


int
ap_error_exit_code(const GError *error)
{
    if (error->domain != AP_ERROR)
        return 4;
    return codes[error->code].exit_code;
}


char *
ap_error_message(const GError *error)
{
    return g_strndup(error->message, strcspn(error->message, "\n"));
}


const char *
ap_error_hint(const GError *error)
{
    const char *newline = strchr(error->message, '\n');

    return newline ? newline + 1 : "";
}


char *
ap_text_printable(const char *text)
{
    g_autofree char *utf8 = g_utf8_make_valid(text, strnlen(text, 4 * PRINTABLE_MAX));
    GString *result = g_string_new(NULL);
    guint n = 0;

    for (const char *p = utf8; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        if (n++ == PRINTABLE_MAX) {
            g_string_append(result, "...");
            break;
        }
        g_string_append_unichar(result, g_unichar_isprint(c) && c != 0xfffd ? c : '?');
    }
    return g_string_free(result, FALSE);
}
