/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An AP matrix: what one mdev holds. And sets of APQNs. */
#include "util/ap_matrix.h"

#include "util/ap_error.h"

/* ap_config_store() looks at no more (AP_CONFIG_STRLEN, vfio_ap_ops.c). */
#define AP_CONFIG_LENGTH_MAX 201

/* How many APQNs a message names one by one. */
#define NAMED_MAX 32
#define NAMED_PER_LINE 8


gboolean
ap_matrix_equal(const ApMatrix *a, const ApMatrix *b)
{
    return ap_mask_equal(&a->adapters, &b->adapters) && ap_mask_equal(&a->domains, &b->domains) &&
           ap_mask_equal(&a->control_domains, &b->control_domains);
}


ApMatrix
ap_matrix_intersection(const ApMatrix *a, const ApMatrix *b)
{
    return (ApMatrix){
        .adapters = ap_mask_and(&a->adapters, &b->adapters),
        .domains = ap_mask_and(&a->domains, &b->domains),
        .control_domains = ap_mask_and(&a->control_domains, &b->control_domains),
    };
}


gboolean
ap_matrix_is_subset(const ApMatrix *a, const ApMatrix *b)
{
    ApMatrix common = ap_matrix_intersection(a, b);

    return ap_matrix_equal(&common, a);
}


guint
ap_matrix_count_apqns(const ApMatrix *matrix)
{
    return ap_mask_count(&matrix->adapters) * ap_mask_count(&matrix->domains);
}


gboolean
ap_matrix_overlaps(const ApMatrix *a, const ApMatrix *b)
{
    return ap_mask_intersects(&a->adapters, &b->adapters) &&
           ap_mask_intersects(&a->domains, &b->domains);
}


gboolean
ap_matrix_is_within(const ApMatrix *matrix, const ApMatrix *other)
{
    ApMask adapters = ap_mask_minus(&matrix->adapters, &other->adapters);
    ApMask domains = ap_mask_minus(&matrix->domains, &other->domains);

    return ap_mask_is_empty(&adapters) && ap_mask_is_empty(&domains);
}


char *
ap_matrix_to_ap_config(const ApMatrix *matrix)
{
    char apm[AP_MASK_STRING_SIZE];
    char aqm[AP_MASK_STRING_SIZE];
    char adm[AP_MASK_STRING_SIZE];

    return g_strdup_printf("%s,%s,%s\n", ap_mask_to_string(&matrix->adapters, apm),
                           ap_mask_to_string(&matrix->domains, aqm),
                           ap_mask_to_string(&matrix->control_domains, adm));
}


/* Of the first three of @parts. */
static gboolean
parse_masks(char **parts, gboolean (*parse)(const char *, ApMask *, GError **),
            ApMatrix *ret_matrix, GError **error)
{
    ApMatrix matrix;

    if (!parse(parts[0], &matrix.adapters, error) || !parse(parts[1], &matrix.domains, error) ||
        !parse(parts[2], &matrix.control_domains, error))
        return FALSE;
    *ret_matrix = matrix;
    return TRUE;
}


gboolean
ap_matrix_parse_ap_config(const char *text, ApMatrix *ret_matrix, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);

    if (g_strv_length(parts) != 3) {
        g_set_error(error, AP_ERROR, AP_ERROR_MASK, "not three masks");
        return FALSE;
    }
    return parse_masks(parts, ap_mask_parse_sysfs, ret_matrix, error);
}


gboolean
ap_matrix_parse_written_ap_config(const char *text, ApMatrix *ret_matrix, GError **error)
{
    g_autofree char *seen = g_strndup(text, AP_CONFIG_LENGTH_MAX);
    g_auto(GStrv) parts = g_strsplit_set(seen, ",\n", 4);
    guint n = g_strv_length(parts);

    if (n < 3) {
        g_set_error(error, AP_ERROR, AP_ERROR_MASK,
                    "%u of the three masks (adapters, domains, control domains) are missing",
                    3 - n);
        return FALSE;
    }
    return parse_masks(parts, ap_mask_parse_hex, ret_matrix, error);
}


void
ap_apqn_set_add(ApApqnSet *set, const ApMask *adapters, const ApMask *domains)
{
    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1))
        set->domains[a] = ap_mask_or(&set->domains[a], domains);
}


void
ap_apqn_set_add_all(ApApqnSet *set, const ApApqnSet *other)
{
    for (guint a = 0; a <= AP_ID_MAX; a++)
        set->domains[a] = ap_mask_or(&set->domains[a], &other->domains[a]);
}


void
ap_apqn_set_remove_all(ApApqnSet *set, const ApApqnSet *other)
{
    for (guint a = 0; a <= AP_ID_MAX; a++)
        set->domains[a] = ap_mask_minus(&set->domains[a], &other->domains[a]);
}


gboolean
ap_apqn_set_is_subset(const ApApqnSet *set, const ApApqnSet *other)
{
    for (guint a = 0; a <= AP_ID_MAX; a++) {
        ApMask outside = ap_mask_minus(&set->domains[a], &other->domains[a]);

        if (!ap_mask_is_empty(&outside))
            return FALSE;
    }
    return TRUE;
}


gboolean
ap_apqn_set_has(const ApApqnSet *set, ApApqn apqn)
{
    return ap_mask_has(&set->domains[apqn.adapter], apqn.domain);
}


gboolean
ap_apqn_set_is_empty(const ApApqnSet *set)
{
    for (guint a = 0; a <= AP_ID_MAX; a++) {
        if (!ap_mask_is_empty(&set->domains[a]))
            return FALSE;
    }
    return TRUE;
}


guint
ap_apqn_set_count(const ApApqnSet *set)
{
    guint n = 0;

    for (guint a = 0; a <= AP_ID_MAX; a++)
        n += ap_mask_count(&set->domains[a]);
    return n;
}


gboolean
ap_apqn_set_next(const ApApqnSet *set, guint *position, ApApqn *ret_apqn)
{
    for (guint a = *position / 256; a <= AP_ID_MAX; a++) {
        guint from = a == *position / 256 ? *position % 256 : 0;
        int d = ap_mask_next(&set->domains[a], from);

        if (d >= 0) {
            *ret_apqn = (ApApqn){ a, d };
            *position = a * 256 + d + 1;
            return TRUE;
        }
    }
    return FALSE;
}


/* The smallest rectangle around @set. */
static void
get_bounds(const ApApqnSet *set, ApMask *ret_adapters, ApMask *ret_domains)
{
    *ret_adapters = *ret_domains = (ApMask){ 0 };
    for (guint a = 0; a <= AP_ID_MAX; a++) {
        if (ap_mask_is_empty(&set->domains[a]))
            continue;
        ap_mask_set(ret_adapters, a);
        *ret_domains = ap_mask_or(ret_domains, &set->domains[a]);
    }
}


/* "5,068": groups of three digits. */
static char *
format_count(guint n)
{
    if (n < 1000)
        return g_strdup_printf("%u", n);
    return g_strdup_printf("%u,%03u", n / 1000, n % 1000);
}


static void
append_rectangle(const ApApqnSet *set, guint n_more, GString *text)
{
    g_autofree char *count = format_count(n_more);
    g_autofree char *adapters_text = NULL;
    g_autofree char *domains_text = NULL;
    ApMask adapters;
    ApMask domains;
    gboolean whole;

    get_bounds(set, &adapters, &domains);
    adapters_text = ap_mask_describe(&adapters);
    domains_text = ap_mask_describe(&domains);
    whole = ap_mask_count(&adapters) * ap_mask_count(&domains) == ap_apqn_set_count(set);
    g_string_append_printf(text, "\n  and %s more: %sadapters %s × domains %s", count,
                           whole ? "" : "within ", adapters_text, domains_text);
}


void
ap_apqn_set_append_rest(const ApApqnSet *set, GString *text)
{
    guint total = ap_apqn_set_count(set);
    guint position = 0;
    ApApqn apqn;

    for (guint i = 0; i < NAMED_MAX && ap_apqn_set_next(set, &position, &apqn); i++) {
        g_autofree char *name = ap_apqn_to_string(apqn);

        if (i == 0)
            continue;
        if (i % NAMED_PER_LINE == 1)
            g_string_append(text, i == 1 ? "\n  also " : ",\n       ");
        g_string_append_printf(text, "%s%s", i % NAMED_PER_LINE == 1 ? "" : ", ", name);
    }
    if (total > NAMED_MAX)
        append_rectangle(set, total - NAMED_MAX, text);
}
