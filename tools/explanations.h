/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What docs/codes.rst says of each code, as make_explanations.py takes it from there. */
#pragma once

#include <stddef.h>

/**
 * Explanation:
 * @code: a code, as ap_code_to_string() has it
 * @text: what it means, with a newline at its end
 */
typedef struct {
    const char *code;
    const char *text;
} Explanation;

/* In the document's order; a code of NULL ends it. */
extern const Explanation explanations[];
