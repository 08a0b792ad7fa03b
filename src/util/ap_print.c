/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one printer. */
#include "util/ap_print.h"

#include <stdarg.h>

#include "util/ap_text.h"

/* Terminal escape sequences. */
static const char *const colours[] = { "\033[32m", "\033[33m", "\033[34m", "\033[35m",
                                       "\033[36m", "\033[31m" };


static void
print_va(FILE *stream, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(format, args);
    g_autofree char *escaped = ap_text_escape_lines(text);

    fputs(escaped, stream);
}


void
ap_print(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_va(stdout, format, args);
    va_end(args);
}


void
ap_print_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_va(stderr, format, args);
    va_end(args);
}


void
ap_print_to(FILE *stream, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_va(stream, format, args);
    va_end(args);
}


void
ap_print_json(const char *json)
{
    g_autofree char *escaped = ap_text_escape_json(json);

    fputs(escaped, stdout);
    putchar('\n');
}


void
ap_print_coloured(guint colour, char c)
{
    printf("%s%c\033[0m", colours[colour % G_N_ELEMENTS(colours)], c);
}
