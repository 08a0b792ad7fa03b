/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Masks: bit 0 is the most significant, whatever the host's byte order. */
#include "util/ap_mask.h"

#include "ap_test.h"

#define ZEROS16 "0000000000000000"
#define ONES16 "ffffffffffffffff"

typedef struct {
    const char *text;
    const char *mask; /* as ap_mask_to_string(); NULL: refused */
} TextCase;

static const TextCase sysfs_cases[] = {
    { "", NULL },
    { "0x", NULL },
    { "0x12", NULL },
    { "not supported", NULL },
    { ZEROS16 ZEROS16 ZEROS16 ZEROS16, NULL },
    { "0X" ZEROS16 ZEROS16 ZEROS16 ZEROS16, NULL },
    { "0x" ZEROS16 ZEROS16 ZEROS16 "000000000000000", NULL },
    { "0x" ZEROS16 ZEROS16 ZEROS16 ZEROS16 "0", NULL },
    { "0x" ZEROS16 ZEROS16 ZEROS16 ZEROS16 "\n\n", NULL },
    { "0x" ZEROS16 ZEROS16 ZEROS16 "000000000000000g", NULL },
    { "0x" ZEROS16 ZEROS16 ZEROS16 "0000000000000001", "0x" ZEROS16 ZEROS16 ZEROS16
                                                       "0000000000000001" },
    { "0x8000000000000000" ZEROS16 ZEROS16 "000000000000000A\n",
      "0x8000000000000000" ZEROS16 ZEROS16 "000000000000000a" },
};

/* ap_hex2bitmap() */
static const TextCase hex_cases[] = {
    { "0X80", NULL },
    { "0x80 ", NULL },
    { "g", NULL },
    { "0x" ONES16 ONES16 ONES16 ONES16 "f", NULL },
    { "", "0x" ZEROS16 ZEROS16 ZEROS16 ZEROS16 },
    { "0x", "0x" ZEROS16 ZEROS16 ZEROS16 ZEROS16 },
    { "5", "0x5000000000000000" ZEROS16 ZEROS16 ZEROS16 },
    { "ff\n", "0xff00000000000000" ZEROS16 ZEROS16 ZEROS16 },
    { "x8", "0x8000000000000000" ZEROS16 ZEROS16 ZEROS16 },
    { "0x00000000000000008", "0x" ZEROS16 "8000000000000000" ZEROS16 ZEROS16 },
};

/* modify_bitmap() on a mask that is full */
static const TextCase term_cases[] = {
    { "+300", NULL },   { "+5-3", NULL },   { "+1 +2", NULL },  { "+1,2", NULL },
    { "-", NULL },      { "+-1", NULL },    { "+08", NULL },    { "+1-", NULL },
    { "-256", NULL },   { "-1;", NULL },
    { "-0", "0x7fffffffffffffff" ONES16 ONES16 ONES16 },
    { "-1,-3-4", "0xa7ffffffffffffff" ONES16 ONES16 ONES16 },
    { "-0-0xff,+0x10-0x1f,", "0x0000ffff00000000" ZEROS16 ZEROS16 ZEROS16 },
    { "-255\n", "0x" ONES16 ONES16 ONES16 "fffffffffffffffe" },
    { "-1,+1,-2", "0xdfffffffffffffff" ONES16 ONES16 ONES16 },
    { "-1-2\n-3", "0x8fffffffffffffff" ONES16 ONES16 ONES16 },
    { "-1,,-2", "0x9fffffffffffffff" ONES16 ONES16 ONES16 },
    { "-010", "0xff7fffffffffffff" ONES16 ONES16 ONES16 },
    { "0x80", "0x8000000000000000" ZEROS16 ZEROS16 ZEROS16 },
};


static void
check_cases(const TextCase *cases, gsize n, gboolean (*parse)(const char *, ApMask *, GError **))
{
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GError) error = NULL;
        char text[AP_MASK_STRING_SIZE];
        ApMask mask = noise;
        gboolean ok = parse(cases[i].text, &mask, &error);

        g_test_message("'%s'", cases[i].text);
        g_assert_cmpint(ok, ==, cases[i].mask != NULL);
        if (ok) {
            g_assert_cmpstr(ap_mask_to_string(&mask, text), ==, cases[i].mask);
            continue;
        }
        g_assert_true(ap_mask_equal(&mask, &noise));
        assert_error(&error, AP_ERROR_MASK);
    }
}


static void
test_what_sysfs_prints_is_read_strictly(void)
{
    check_cases(sysfs_cases, G_N_ELEMENTS(sysfs_cases), ap_mask_parse_sysfs);
}


static void
test_absolute_masks_are_left_justified(void)
{
    check_cases(hex_cases, G_N_ELEMENTS(hex_cases), ap_mask_parse_hex);
}


static gboolean
apply_to_full(const char *text, ApMask *ret_mask, GError **error)
{
    ApMask full = ap_mask_range(0, 255);

    if (!ap_mask_apply(&full, text, error)) {
        ApMask untouched = ap_mask_range(0, 255);

        g_assert_true(ap_mask_equal(&full, &untouched));
        return FALSE;
    }
    *ret_mask = full;
    return TRUE;
}


static void
test_relative_terms_are_applied_as_the_kernel_does(void)
{
    check_cases(term_cases, G_N_ELEMENTS(term_cases), apply_to_full);
}


static void
test_every_bit_has_its_place(void)
{
    for (guint id = 0; id < 256; id++) {
        char text[AP_MASK_STRING_SIZE];
        ApMask mask = { 0 };
        ApMask again;

        ap_mask_set(&mask, id);
        ap_mask_to_string(&mask, text);
        for (guint digit = 0; digit < 64; digit++)
            g_assert_cmpint(text[2 + digit], ==, digit == id / 4 ? "8421"[id % 4] : '0');
        g_assert_true(ap_mask_parse_sysfs(text, &again, NULL));
        g_assert_true(ap_mask_equal(&mask, &again));
        g_assert_true(ap_mask_has(&mask, id));
        g_assert_cmpuint(ap_mask_count(&mask), ==, 1);
        g_assert_cmpint(ap_mask_next(&mask, 0), ==, id);
        g_assert_cmpint(ap_mask_next(&mask, id), ==, id);
        g_assert_cmpint(ap_mask_next(&mask, id + 1), ==, -1);
        ap_mask_clear(&mask, id);
        g_assert_true(ap_mask_is_empty(&mask));
    }
}


static void
test_masks_are_sets(void)
{
    ApMask a = make_mask("0,63,64,255");
    ApMask b = make_mask("63,128,255");
    ApMask both = ap_mask_and(&a, &b);
    ApMask either = ap_mask_or(&a, &b);
    ApMask rest = ap_mask_minus(&a, &b);
    ApMask wanted_both = make_mask("63,255");
    ApMask wanted_either = make_mask("0,63,64,128,255");
    ApMask wanted_rest = make_mask("0,64");

    g_assert_true(ap_mask_equal(&both, &wanted_both));
    g_assert_true(ap_mask_equal(&either, &wanted_either));
    g_assert_true(ap_mask_equal(&rest, &wanted_rest));
    g_assert_true(ap_mask_intersects(&a, &b));
    g_assert_false(ap_mask_intersects(&rest, &b));
    g_assert_cmpuint(ap_mask_count(&either), ==, 5);
}


static void
test_descriptions_are_ranges(void)
{
    static const struct {
        const char *ids;
        const char *text;
    } cases[] = {
        { "", "none" },
        { "4", "0x04" },
        { "4,5", "0x04-0x05" },
        { "0,73,74,75,255", "0x00, 0x49-0x4b, 0xff" },
    };
    ApMask full = ap_mask_range(0, 255);
    g_autofree char *all = ap_mask_describe(&full);

    g_assert_cmpstr(all, ==, "0x00-0xff");
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        ApMask mask = make_mask(cases[i].ids);
        g_autofree char *text = ap_mask_describe(&mask);

        g_assert_cmpstr(text, ==, cases[i].text);
    }
}


static void
test_lists_are_what_people_type(void)
{
    static const struct {
        const char *text;
        const char *ids; /* NULL: no list */
    } cases[] = {
        { "5", "5" },
        { "0x47,72", "71,72" },
        { "5, 0x08-0x0a ,255", "5,8,9,10,255" },
        { "3-3,3", "3" },
        { "", NULL },
        { ",", NULL },
        { "5,", NULL },
        { "5 6", NULL },
        { "05", NULL },
        { "47h", NULL },
        { "256", NULL },
        { "-5", NULL },
        { "5-", NULL },
        { "5-6-7", NULL },
        { "9-4", NULL },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        ApMask wanted = make_mask(cases[i].ids ? cases[i].ids : "77");
        ApMask mask = make_mask("77");
        g_autoptr(GError) error = NULL;

        g_test_message("'%s'", cases[i].text);
        g_assert_cmpint(ap_mask_parse_list(cases[i].text, &mask, &error), ==,
                        cases[i].ids != NULL);
        g_assert_true((error == NULL) == (cases[i].ids != NULL));
        g_assert_true(ap_mask_equal(&mask, &wanted));
        g_assert_true(!error || error->domain == AP_ERROR);
    }
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mask/what-sysfs-prints-is-read-strictly",
                    test_what_sysfs_prints_is_read_strictly);
    g_test_add_func("/mask/absolute-masks-are-left-justified",
                    test_absolute_masks_are_left_justified);
    g_test_add_func("/mask/relative-terms-are-applied-as-the-kernel-does",
                    test_relative_terms_are_applied_as_the_kernel_does);
    g_test_add_func("/mask/every-bit-has-its-place", test_every_bit_has_its_place);
    g_test_add_func("/mask/masks-are-sets", test_masks_are_sets);
    g_test_add_func("/mask/descriptions-are-ranges", test_descriptions_are_ranges);
    g_test_add_func("/mask/lists-are-what-people-type", test_lists_are_what_people_type);
    return g_test_run();
}
