/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The udev rule that chzdev writes. */
#include "conf/ap_udev_rule.h"

#include <string.h>

#include "util/ap_error.h"

/* One KEY=VALUE of a rule, pointing into its line. */
typedef struct {
    const char *key;
    gsize key_length;
    gboolean assigns;
    char *value;
} Term;


/* Reads the term at *@p; returns FALSE at the end of the line or where it is no rule. */
static gboolean
next_term(const char **p, Term *term)
{
    const char *operators = "=!+-:";
    const char *operator;
    const char *quote;
    const char *end;

    *p += strspn(*p, ", \t");
    term->key = *p;
    term->key_length = strcspn(*p, "{=!+:,\"");
    if ((*p)[term->key_length] == '{')
        term->key_length = strcspn(*p, "}") + 1;
    if (strlen(*p) <= term->key_length)
        return FALSE;
    operator = *p + term->key_length;
    operator += strspn(operator, " \t");
    quote = operator + strspn(operator, operators);
    term->assigns = (quote - operator == 1 && *operator == '=') || g_str_has_prefix(operator, ":=");
    quote += strspn(quote, " \t");
    if (*quote != '"')
        return FALSE;
    end = strchr(quote + 1, '"');
    if (!end)
        return FALSE;
    term->value = g_strndup(quote + 1, end - quote - 1);
    *p = end + 1;
    return TRUE;
}


static gboolean
key_ends_in(const Term *term, const char *name)
{
    g_autofree char *key = g_strndup(term->key, term->key_length);
    g_autofree char *end = g_strconcat(name, "}", NULL);

    return g_str_has_prefix(key, "ATTR{") && g_str_has_suffix(key, end);
}


gboolean
ap_udev_rule_parse(const char *text, ApMask *apmask, ApMask *aqmask, gboolean *ret_found,
                   GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, "\\\n", -1);
    g_autofree char *joined = g_strjoinv("", parts);
    g_auto(GStrv) lines = g_strsplit(joined, "\n", -1);
    ApMask new_apmask = *apmask;
    ApMask new_aqmask = *aqmask;
    gboolean found = FALSE;

    for (char **line = lines; *line; line++) {
        const char *p = *line + strspn(*line, " \t");
        Term term;

        while (*p != '#' && next_term(&p, &term)) {
            g_autofree char *value = term.value;
            ApMask *mask = key_ends_in(&term, "apmask") ? &new_apmask
                         : key_ends_in(&term, "aqmask") ? &new_aqmask
                                                        : NULL;

            if (!mask || !term.assigns)
                continue;
            if (!ap_mask_apply(mask, value, error))
                return FALSE;
            found = TRUE;
        }
    }
    *apmask = new_apmask;
    *aqmask = new_aqmask;
    *ret_found = found;
    return TRUE;
}
