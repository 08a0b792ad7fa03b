/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* JSON by serde_json's rules: its tokens. */
#include "conf/ap_json_check.h"

#include <string.h>

#include "util/ap_error.h"

/* So many fit 64 bits with either sign. */
#define INTEGER_DIGITS_MAX 18

/* Where the check is. */
typedef struct {
    const char *p;
    const char *end;
    guint depth;
    gboolean after_comma;
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
    guint n_digits;

    if (*scanner->p == '-')
        scanner->p++;
    leading_zero = peek(scanner, 0) == '0';
    n_digits = skip_digits(scanner);
    if (n_digits == 0 || (n_digits > 1 && leading_zero))
        return fault;
    if (n_digits > INTEGER_DIGITS_MAX && !strchr(".eE", peek(scanner, 0)))
        return "an integer of more than 18 digits";
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


/* Skips true, false or null. */
static const char *
skip_literal(Scanner *scanner)
{
    static const char *const literals[] = { "true", "false", "null" };

    for (guint i = 0; i < G_N_ELEMENTS(literals); i++) {
        gsize length = strlen(literals[i]);

        if ((gsize)(scanner->end - scanner->p) < length ||
            memcmp(scanner->p, literals[i], length) != 0)
            continue;
        scanner->p += length;
        return NULL;
    }
    return "no token of JSON";
}


static const char *
skip_punctuation(Scanner *scanner)
{
    char c = *scanner->p;

    if ((c == '[' || c == '{') && ++scanner->depth > AP_JSON_DEPTH_MAX)
        return "too many levels";
    if (c == ']' || c == '}') {
        if (scanner->depth-- == 0)
            return "a bracket that was not opened";
        if (scanner->after_comma)
            return "a comma at the end";
    }
    scanner->after_comma = c == ',';
    scanner->p++;
    return NULL;
}


static const char *
skip_token(Scanner *scanner)
{
    char c = *scanner->p;

    if (strchr(" \t\r\n", c)) {
        scanner->p++;
        return NULL;
    }
    if (strchr("[]{},:", c))
        return skip_punctuation(scanner);
    scanner->after_comma = FALSE;
    if (c == '"')
        return skip_string(scanner);
    if (c == '-' || g_ascii_isdigit(c))
        return skip_number(scanner);
    return skip_literal(scanner);
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
