/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An AP matrix: what one mdev holds. */
#include "util/ap_matrix.h"

#include "util/ap_error.h"

/* ap_config_store() looks at no more (AP_CONFIG_STRLEN, vfio_ap_ops.c). */
#define AP_CONFIG_LENGTH_MAX 201


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
