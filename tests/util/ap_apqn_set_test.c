/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of APQNs. */
#include "util/ap_apqn_set.h"

#include "ap_test.h"


static void
test_sets_need_not_be_rectangles(void)
{
    ApMatrix a = make_matrix("5,6", "4,71", "");
    ApMatrix b = make_matrix("6", "71", "");
    ApApqnSet set = { 0 };
    ApApqnSet other = { 0 };

    ap_apqn_set_add(&set, &a.adapters, &a.domains);
    ap_apqn_set_add(&other, &b.adapters, &b.domains);
    g_assert_true(ap_apqn_set_is_subset(&other, &set));
    g_assert_false(ap_apqn_set_is_subset(&set, &other));
    ap_apqn_set_remove_all(&set, &other);
    assert_apqns(&set, "05.0004 05.0047 06.0004");
    g_assert_false(ap_apqn_set_is_subset(&other, &set));
    ap_apqn_set_add_all(&set, &other);
    assert_apqns(&set, "05.0004 05.0047 06.0004 06.0047");
}


static char *
describe_rest(guint n_adapters, guint n_domains, gboolean with_hole)
{
    ApMask adapters = ap_mask_range(0, n_adapters - 1);
    ApMask domains = ap_mask_range(0, n_domains - 1);
    GString *text = g_string_new("first");
    ApApqnSet set = { 0 };

    ap_apqn_set_add(&set, &adapters, &domains);
    if (with_hole)
        ap_mask_clear(&set.domains[0], 0);
    ap_apqn_set_append_rest(&set, text);
    return g_string_free(text, FALSE);
}


static guint
count_lines(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    return g_strv_length(lines);
}


static void
test_messages_name_32_apqns_and_then_a_rectangle(void)
{
    g_autofree char *one = describe_rest(1, 1, FALSE);
    g_autofree char *two = describe_rest(1, 2, FALSE);
    g_autofree char *all_named = describe_rest(1, 32, FALSE);
    g_autofree char *one_more = describe_rest(1, 33, FALSE);
    g_autofree char *many = describe_rest(60, 85, FALSE);
    g_autofree char *hole = describe_rest(2, 32, TRUE);

    g_assert_cmpstr(one, ==, "first");
    g_assert_cmpstr(two, ==, "first\n  also 00.0001");
    g_assert_cmpuint(count_lines(all_named), ==, 5);
    g_assert_null(strstr(all_named, "more"));
    g_assert_cmpuint(count_lines(one_more), ==, 6);
    g_assert_true(g_str_has_suffix(
        one_more, "\n  and 1 more: adapters 0x00 × domains 0x00-0x20"));
    g_assert_true(g_str_has_suffix(
        many, "\n  and 5,068 more: adapters 0x00-0x3b × domains 0x00-0x54"));
    g_assert_true(g_str_has_suffix(
        hole, "\n  and 31 more: within adapters 0x00-0x01 × domains 0x00-0x1f"));
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/apqn-set/sets-need-not-be-rectangles", test_sets_need_not_be_rectangles);
    g_test_add_func("/apqn-set/messages-name-32-apqns-and-then-a-rectangle",
                    test_messages_name_32_apqns_and_then_a_rectangle);
    return g_test_run();
}
