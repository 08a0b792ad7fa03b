/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON by serde_json's rules: what json-c is too lax about. */
#include "conf/ap_json_check.h"

#include "util/ap_error.h"

/* Where the check is. */
typedef struct {
    const char *p;
    const char *end;
    guint depth;
} Scanner;


/* The byte @offset bytes on, NUL beyond the end. */
static char
peek(const Scanner *scanner, gsize offset)
{
    return (gsize)(scanner->end - scanner->p) > offset ? scanner->p[offset] : '\0';
}


/* Reads the four digits that start @offset bytes on; -1 if they are not there. */
static int
peek_code_unit(const Scanner *scanner, gsize offset)
{
    int unit = 0;

    for (guint i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(peek(scanner, offset + i));

        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}


/* Skips an escape; the scanner stands on its backslash. */
static const char *
skip_escape(Scanner *scanner)
{
    int unit;
    int low;

    if (peek(scanner, 1) != 'u') {
        scanner->p += 2;
        return NULL;
    }
    unit = peek_code_unit(scanner, 2);
    if (unit < 0)
        return "no four digits behind \\u";
    if (unit == 0)
        return "a NUL";
    if (unit < 0xd800 || unit > 0xdfff) {
        scanner->p += 6;
        return NULL;
    }
    low = peek(scanner, 6) == '\\' && peek(scanner, 7) == 'u' ? peek_code_unit(scanner, 8) : -1;
    if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff)
        return "half of a surrogate pair";
    scanner->p += 12;
    return NULL;
}


/* Skips a string; the scanner stands on its first quote. */
static const char *
skip_string(Scanner *scanner)
{
    const char *fault = NULL;

    scanner->p++;
    while (scanner->p < scanner->end && *scanner->p != '"' && !fault) {
        if ((guchar)*scanner->p < 0x20)
            fault = "a control character in a string";
        else if (*scanner->p == '\\')
            fault = skip_escape(scanner);
        else
            scanner->p++;
    }
    if (fault)
        return fault;
    if (scanner->p >= scanner->end)
        return "a string does not end";
    scanner->p++;
    return NULL;
}


static guint
skip_digits(Scanner *scanner)
{
    const char *start = scanner->p;

    while (g_ascii_isdigit(peek(scanner, 0)))
        scanner->p++;
    return scanner->p - start;
}


/* Skips a number (RFC 8259, section 6). */
static const char *
skip_number(Scanner *scanner)
{
    const char *fault = "no number of JSON";
    gboolean leading_zero;

    if (*scanner->p == '-')
        scanner->p++;
    leading_zero = peek(scanner, 0) == '0';
    switch (skip_digits(scanner)) {
    case 0:
        return fault;
    case 1:
        break;
    default:
        if (leading_zero)
            return fault;
    }
    if (peek(scanner, 0) == '.') {
        scanner->p++;
        if (skip_digits(scanner) == 0)
            return fault;
    }
    if (peek(scanner, 0) == 'e' || peek(scanner, 0) == 'E') {
        scanner->p++;
        if (peek(scanner, 0) == '+' || peek(scanner, 0) == '-')
            scanner->p++;
        if (skip_digits(scanner) == 0)
            return fault;
    }
    return NULL;
}


/* Skips a token, or one byte of it. */
static const char *
skip_token(Scanner *scanner)
{
    char c = *scanner->p;

    if (c == '"')
        return skip_string(scanner);
    if (c == '-' || g_ascii_isdigit(c))
        return skip_number(scanner);
    if (c == '\'')
        return "a single quote";
    if (c == 'N' || c == 'I')
        return "no number of JSON";
    if ((c == '[' || c == '{') && ++scanner->depth > AP_JSON_DEPTH_MAX)
        return "too many levels";
    if ((c == ']' || c == '}') && scanner->depth-- == 0)
        return "a bracket that was not opened";
    scanner->p++;
    return NULL;
}


gboolean
ap_json_check(const char *text, gsize length, GError **error)
{
    Scanner scanner = { .p = text, .end = text + length };
    const char *fault = NULL;
    const char *invalid;

    if (!g_utf8_validate_len(text, length, &invalid)) {
        fault = *invalid == '\0' ? "a NUL" : "no UTF-8";
        scanner.p = invalid;
    }
    while (!fault && scanner.p < scanner.end)
        fault = skip_token(&scanner);
    if (fault)
        g_set_error(error, AP_ERROR, AP_ERROR_JSON, "not JSON: %s at byte %zu", fault,
                    (gsize)(scanner.p - text));
    return !fault;
}
