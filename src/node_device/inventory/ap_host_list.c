/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel writes into the attributes of an AP matrix. */
#include "node_device/inventory/ap_host_list.h"

#include <string.h>

#include "util/ap_apqn_set.h"
#include "util/ap_error.h"
#include "util/ap_text.h"

/* A list while it is read. */
typedef struct {
    ApMatrix matrix;
    ApApqnSet apqns;
    guint n_lines;
    gboolean one_sided; /* has a line without adapter or without domain */
} List;


static gboolean
set_line_error(GError **error, const char *line, const char *what)
{
    g_autofree char *printable = ap_text_printable(line);

    g_set_error(error, AP_ERROR, AP_ERROR_NUMBER, "'%s' is not %s", printable, what);
    return FALSE;
}


/* The lines of a list, without its last newline; NULL if that is missing. */
static char **
split_lines(const char *text, GError **error)
{
    char **lines;

    if (text[0] != '\0' && !g_str_has_suffix(text, "\n")) {
        g_set_error(error, AP_ERROR, AP_ERROR_NUMBER,
                    "the list is cut: no newline at its end");
        return NULL;
    }
    lines = g_strsplit(text, "\n", -1);
    if (lines[0])
        g_clear_pointer(&lines[g_strv_length(lines) - 1], g_free);
    return lines;
}


static gboolean
take_apqn(List *list, const char *line)
{
    gsize length = strlen(line);
    gboolean no_domain = length == 3 && line[2] == '.';
    gboolean no_adapter = length == 5 && line[0] == '.';
    g_autofree char *padded = no_domain    ? g_strconcat(line, "0000", NULL)
                            : no_adapter ? g_strconcat("00", line, NULL)
                                           : g_strdup(line);
    ApApqn apqn;

    if (!ap_apqn_parse(padded, &apqn))
        return FALSE;
    if (!no_adapter)
        ap_mask_set(&list->matrix.adapters, apqn.adapter);
    if (!no_domain)
        ap_mask_set(&list->matrix.domains, apqn.domain);
    if (no_adapter || no_domain)
        list->one_sided = TRUE;
    else
        ap_mask_set(&list->apqns.domains[apqn.adapter], apqn.domain);
    list->n_lines++;
    return TRUE;
}


/* Whether the lines are what the kernel prints of that matrix: each cell once, or each id of the
 * one side that is not empty. */
static gboolean
is_whole(const List *list)
{
    guint n_adapters = ap_mask_count(&list->matrix.adapters);
    guint n_domains = ap_mask_count(&list->matrix.domains);

    if (list->one_sided)
        return (n_adapters == 0 || n_domains == 0) && list->n_lines == n_adapters + n_domains;
    return list->n_lines == n_adapters * n_domains &&
           ap_apqn_set_count(&list->apqns) == list->n_lines;
}


gboolean
ap_host_parse_apqns(const char *text, ApMatrix *ret_matrix, GError **error)
{
    g_auto(GStrv) lines = split_lines(text, error);
    List list = { 0 };

    for (char **line = lines; line && *line; line++) {
        if (!take_apqn(&list, *line))
            return set_line_error(error, *line, "an APQN");
    }
    if (!lines)
        return FALSE;
    if (list.n_lines > AP_HOST_LISTED_MAX || !is_whole(&list)) {
        g_set_error(error, AP_ERROR, AP_ERROR_NUMBER,
                    "the list is cut: %u lines, for %u adapters and %u domains", list.n_lines,
                    ap_mask_count(&list.matrix.adapters), ap_mask_count(&list.matrix.domains));
        return FALSE;
    }
    ret_matrix->adapters = list.matrix.adapters;
    ret_matrix->domains = list.matrix.domains;
    return TRUE;
}


gboolean
ap_host_parse_control_domains(const char *text, ApMask *ret_mask, GError **error)
{
    g_auto(GStrv) lines = split_lines(text, error);
    ApMask mask = { 0 };

    if (!lines)
        return FALSE;
    for (char **line = lines; *line; line++) {
        g_autofree char *padded = g_strconcat("00.", *line, NULL);
        ApApqn apqn;

        if (!ap_apqn_parse(padded, &apqn) || ap_mask_next(&mask, apqn.domain) >= 0)
            return set_line_error(error, *line, "the next control domain");
        ap_mask_set(&mask, apqn.domain);
    }
    *ret_mask = mask;
    return TRUE;
}
