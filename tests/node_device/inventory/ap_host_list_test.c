/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists that the kernel writes: only a whole one is taken. */
#include "node_device/inventory/ap_host_list.h"

#include "ap_test.h"


static void
test_a_list_is_taken_only_as_a_whole(void)
{
    static const struct {
        const char *text;
        const char *adapters; /* NULL: refused */
        const char *domains;
    } cases[] = {
        { "05.0004", NULL, NULL },
        { "05.0004\n05.004", NULL, NULL },
        { "05.0004\n05.0047\n06.0004", NULL, NULL },
        { "05.0004\n05.0047\n06.0004\n", NULL, NULL },
        { "05.0004\n05.0004\n", NULL, NULL },
        { "05.0004\n05.0047\n06.0004\n06.0004\n", NULL, NULL },
        { "05.0004\n\n", NULL, NULL },
        { "\n", NULL, NULL },
        { "05.\n.0004\n", NULL, NULL },
        { "05.\n05.\n", NULL, NULL },
        { "05.\n05.0004\n", NULL, NULL },
        { "05", NULL, NULL },
        { "garbage\n", NULL, NULL },
        { "", "", "" },
        { "05.\n06.\n", "5,6", "" },
        { ".0004\n.0047\n", "", "4,0x47" },
        { "05.0004\n05.0047\n06.0004\n06.0047\n", "5,6", "4,0x47" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        ApMatrix matrix = { noise, noise, noise };
        gboolean ok = ap_host_parse_apqns(cases[i].text, &matrix, &error);
        ApMask adapters = cases[i].adapters ? make_mask(cases[i].adapters) : noise;
        ApMask domains = cases[i].adapters ? make_mask(cases[i].domains) : noise;

        g_test_message("%s", cases[i].text);
        g_assert_cmpint(ok, ==, cases[i].adapters != NULL);
        g_assert_true(ap_mask_equal(&matrix.adapters, &adapters));
        g_assert_true(ap_mask_equal(&matrix.domains, &domains));
        if (!ok)
            assert_error(&error, AP_ERROR_NUMBER);
    }
}


/* A page has room for 511 lines; a kernel before 6.10 cuts what is longer behind any character. */
static void
test_a_list_of_512_queues_is_never_whole(void)
{
    for (gsize cut = 0; cut < 3; cut++) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        ApMatrix matrix;

        for (guint i = 0; i < 512; i++)
            g_string_append_printf(text, "%02x.%04x\n", i / 256, i % 256);
        g_string_truncate(text, cut == 2 ? 4088 : 4096 - cut);
        g_assert_false(ap_host_parse_apqns(text->str, &matrix, &error));
        assert_error(&error, AP_ERROR_NUMBER);
    }
}


static void
test_control_domains_ascend_and_end_in_a_newline(void)
{
    static const char *const bad[] = { "0004", "0004\n0047", "0047\n0004\n", "0004\n0004\n",
                                       "\n",   "0004\n\n",   "004\n",        "0100\n" };
    g_autoptr(GError) error = NULL;
    ApMask mask = noise;
    ApMask wanted = make_mask("4,0x47");

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("%s", bad[i]);
        g_assert_false(ap_host_parse_control_domains(bad[i], &mask, &error));
        assert_error(&error, AP_ERROR_NUMBER);
        g_assert_true(ap_mask_equal(&mask, &noise));
    }
    g_assert_true(ap_host_parse_control_domains("0004\n0047\n", &mask, &error));
    g_assert_true(ap_mask_equal(&mask, &wanted));
    g_assert_true(ap_host_parse_control_domains("", &mask, &error));
    g_assert_true(ap_mask_is_empty(&mask));
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-list/whole", test_a_list_is_taken_only_as_a_whole);
    g_test_add_func("/host-list/512", test_a_list_of_512_queues_is_never_whole);
    g_test_add_func("/host-list/control", test_control_domains_ascend_and_end_in_a_newline);
    return g_test_run();
}
