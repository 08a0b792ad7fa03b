/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matrices. */
#include "util/ap_matrix.h"

#include "ap_test.h"


static void
test_rectangles_overlap_when_both_sides_do(void)
{
    static const struct {
        const char *a[2];
        const char *b[2];
        const char *shared;
    } cases[] = {
        { { "", "" }, { "", "" }, "" },
        { { "5", "4" }, { "5", "" }, "" },
        { { "5", "4" }, { "6", "4" }, "" },
        { { "5", "4" }, { "5", "5" }, "" },
        { { "5", "4" }, { "5", "4" }, "05.0004" },
        { { "5,6", "4,71" }, { "6,7", "71,72" }, "06.0047" },
        { { "0,255", "0,255" }, { "255", "255" }, "ff.00ff" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        ApMatrix a = make_matrix(cases[i].a[0], cases[i].a[1], "1");
        ApMatrix b = make_matrix(cases[i].b[0], cases[i].b[1], "1");
        ApMatrix common = ap_matrix_intersection(&a, &b);
        ApApqnSet set = { 0 };

        g_assert_cmpint(ap_matrix_overlaps(&a, &b), ==, cases[i].shared[0] != '\0');
        g_assert_cmpint(ap_matrix_overlaps(&b, &a), ==, cases[i].shared[0] != '\0');
        ap_apqn_set_add(&set, &common.adapters, &common.domains);
        assert_apqns(&set, cases[i].shared);
        g_assert_true(ap_matrix_is_subset(&common, &a));
        g_assert_true(ap_matrix_is_subset(&common, &b));
        g_assert_cmpint(ap_matrix_is_subset(&a, &common), ==, ap_matrix_equal(&a, &common));
    }
}


static void
test_the_largest_matrix_has_65536_queues(void)
{
    ApMask full = ap_mask_range(0, 255);
    ApMatrix matrix = { full, full, full };
    ApApqnSet set = { 0 };

    g_assert_cmpuint(ap_matrix_count_apqns(&matrix), ==, 65536);
    g_assert_true(ap_apqn_set_is_empty(&set));
    ap_apqn_set_add(&set, &full, &full);
    g_assert_cmpuint(ap_apqn_set_count(&set), ==, 65536);
    g_assert_true(ap_apqn_set_has(&set, (ApApqn){ 255, 255 }));
}


static void
test_ap_config_is_three_full_masks(void)
{
    ApMatrix whole = make_matrix("5,6", "4,0x47", "4");
    g_autofree char *text = ap_matrix_to_ap_config(&whole);
    g_autoptr(GError) error = NULL;
    ApMatrix matrix = { noise, noise, noise };

    g_assert_true(ap_matrix_parse_ap_config(text, &matrix, &error));
    g_assert_true(ap_matrix_equal(&matrix, &whole));
    /* Without its newline it is whole as well. */
    for (gsize length = 0; length + 1 < strlen(text); length++) {
        g_autofree char *cut = g_strndup(text, length);

        g_assert_false(ap_matrix_parse_ap_config(cut, &matrix, &error));
        assert_error(&error, AP_ERROR_MASK);
        g_assert_true(ap_matrix_equal(&matrix, &whole));
    }
}


static void
test_what_is_written_to_ap_config_is_read_as_the_kernel_does(void)
{
    static const struct {
        const char *text;
        const char *adapters; /* NULL: refused */
    } cases[] = {
        { "", NULL },
        { "0x04", NULL },
        { "0x04,0x08", NULL },
        { "0x04,0x08,", "5" },
        { "0x04,0x08,nonsense", NULL },
        { "0x04\n0x08\n0x08", "5" },
        { "0x04,0x08,0x08,nonsense", "5" },
        { "04,08,08\n", "5" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        ApMatrix matrix = { noise, noise, noise };
        ApMask adapters = cases[i].adapters ? make_mask(cases[i].adapters) : noise;

        g_test_message("%s", cases[i].text);
        g_assert_cmpint(ap_matrix_parse_written_ap_config(cases[i].text, &matrix, &error), ==,
                        cases[i].adapters != NULL);
        g_assert_true(ap_mask_equal(&matrix.adapters, &adapters));
        if (!cases[i].adapters)
            assert_error(&error, AP_ERROR_MASK);
    }
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/matrix/rectangles-overlap-when-both-sides-do",
                    test_rectangles_overlap_when_both_sides_do);
    g_test_add_func("/matrix/the-largest-has-65536-queues",
                    test_the_largest_matrix_has_65536_queues);
    g_test_add_func("/matrix/ap_config", test_ap_config_is_three_full_masks);
    g_test_add_func("/matrix/written-ap_config",
                    test_what_is_written_to_ap_config_is_read_as_the_kernel_does);
    return g_test_run();
}
