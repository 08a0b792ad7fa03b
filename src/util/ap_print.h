/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one printer. Whatever a program says goes through here, so that no text from outside, of
 * whatever file, moves a cursor, hides a word or forges a line. tests/lint/lint.py checks it. */
#pragma once

#include <stdio.h>

#include <glib.h>

/**
 * ap_print:
 * @format: as for printf(3)
 * @...: as for printf(3)
 *
 * Prints text on standard output, as ap_text_escape_lines() leaves it. A newline in text from
 * outside is to be escaped before: here it cannot be told from ours.
 */
void
ap_print(const char *format, ...) G_GNUC_PRINTF(1, 2);

/**
 * ap_print_error:
 * @format: as for printf(3)
 * @...: as for printf(3)
 *
 * The same on standard error.
 */
void
ap_print_error(const char *format, ...) G_GNUC_PRINTF(1, 2);

/**
 * ap_print_to:
 * @stream: where to
 * @format: as for printf(3)
 * @...: as for printf(3)
 *
 * The same on either.
 */
void
ap_print_to(FILE *stream, const char *format, ...) G_GNUC_PRINTF(2, 3);

/**
 * ap_print_json:
 * @json: JSON as a library wrote it
 *
 * Prints it and a newline on standard output, as ap_text_escape_json() leaves it.
 */
void
ap_print_json(const char *json);

/**
 * ap_print_coloured:
 * @colour: any number: equal ones have one colour, of six
 * @c: a letter
 *
 * Prints a letter on a terminal.
 */
void
ap_print_coloured(guint colour, char c);
