/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mdevctl's JSON: what was read, is written and read again as the same. */
#include <string.h>

#include "conf/ap_mdevctl_json.h"
#include "fuzz.h"
#include "util/ap_error.h"


static void
check_matrix(const ApMatrix *matrix)
{
    g_autofree char *attrs = ap_mdevctl_json_format_attrs(matrix);
    g_autofree char *text =
        g_strconcat("{\"mdev_type\":\"a\",\"start\":\"auto\",\"attrs\":", attrs, "}", NULL);
    g_autoptr(ApMdevDef) answer = ap_mdevctl_json_parse(text, strlen(text), NULL);
    ApMatrix again;

    g_assert_nonnull(answer);
    g_assert_true(ap_mdev_def_replay(answer, NULL, NULL, &again, NULL));
    g_assert_true(ap_matrix_equal(matrix, &again));
}


/* With a blank behind it json-c reads what else ap_mdevctl_plain_parse() does: no difference. */
static void
check_both_ways(const guint8 *data, gsize size, const ApMdevDef *def)
{
    g_autofree char *text = g_malloc(size + 1);
    g_autoptr(ApMdevDef) other = NULL;
    g_autofree char *a = NULL;
    g_autofree char *b = NULL;

    if (size > 0)
        memcpy(text, data, size);
    text[size] = ' ';
    other = ap_mdevctl_json_parse(text, size + 1, NULL);
    a = def ? ap_mdevctl_json_format(def) : NULL;
    b = other ? ap_mdevctl_json_format(other) : NULL;
    g_assert_cmpstr(a, ==, b);
}


int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ApMdevDef) def = ap_mdevctl_json_parse((const char *)data, size, &error);
    g_autoptr(ApMdevDef) again = NULL;
    g_autofree char *text = NULL;
    g_autofree char *same = NULL;
    ApMatrix matrix;

    check_both_ways(data, size, def);
    if (!def) {
        g_assert_true(g_error_matches(error, AP_ERROR, AP_ERROR_JSON));
        return 0;
    }
    text = ap_mdevctl_json_format(def);
    again = ap_mdevctl_json_parse(text, strlen(text), &error);
    g_assert_no_error(error);
    same = ap_mdevctl_json_format(again);
    g_assert_cmpstr(text, ==, same);
    if (ap_mdev_def_replay(def, NULL, NULL, &matrix, &error))
        check_matrix(&matrix);
    else
        g_assert_true(g_error_matches(error, AP_ERROR, AP_ERROR_STEP));
    return 0;
}
