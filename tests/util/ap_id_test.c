/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers, APQNs and UUIDs as text. */
#include "util/ap_id.h"

#include "ap_test.h"

typedef struct {
    const char *text;
    int error; /* ApErrorCode, or -1 */
    guint64 value;
} NumberCase;

static const NumberCase id_cases[] = {
    { "", AP_ERROR_NUMBER, 0 },        { " ", AP_ERROR_NUMBER, 0 },
    { "five", AP_ERROR_NUMBER, 0 },    { "-1", AP_ERROR_NUMBER, 0 },
    { "+1", AP_ERROR_NUMBER, 0 },      { " 1", AP_ERROR_NUMBER, 0 },
    { "1 ", AP_ERROR_NUMBER, 0 },      { "1\n", AP_ERROR_NUMBER, 0 },
    { "1,2", AP_ERROR_NUMBER, 0 },     { "0x", AP_ERROR_NUMBER, 0 },
    { "0X5", AP_ERROR_NUMBER, 0 },     { "x5", AP_ERROR_NUMBER, 0 },
    { "ff", AP_ERROR_NUMBER, 0 },      { "0xfg", AP_ERROR_NUMBER, 0 },
    { "05", AP_ERROR_NUMBER, 0 },      { "00", AP_ERROR_NUMBER, 0 },
    { "256", AP_ERROR_RANGE, 0 },      { "0x100", AP_ERROR_RANGE, 0 },
    { "99999999999999999999999", AP_ERROR_RANGE, 0 },
    { "0x10000000000000000", AP_ERROR_RANGE, 0 },
    { "0", -1, 0 },                    { "7", -1, 7 },
    { "255", -1, 255 },                { "0x0", -1, 0 },
    { "0x05", -1, 5 },                 { "0x0047", -1, 71 },
    { "0xfF", -1, 255 },               { "0x00000000000000000000ff", -1, 255 },
};

/* kstrtoul() with base 0. */
static const NumberCase attr_cases[] = {
    { "", AP_ERROR_NUMBER, 0 },        { "\n", AP_ERROR_NUMBER, 0 },
    { "+", AP_ERROR_NUMBER, 0 },       { "-1", AP_ERROR_NUMBER, 0 },
    { "++1", AP_ERROR_NUMBER, 0 },     { " 1", AP_ERROR_NUMBER, 0 },
    { "1 ", AP_ERROR_NUMBER, 0 },      { "1\n\n", AP_ERROR_NUMBER, 0 },
    { "1\n ", AP_ERROR_NUMBER, 0 },    { "5,6", AP_ERROR_NUMBER, 0 },
    { "0x", AP_ERROR_NUMBER, 0 },      { "0xg", AP_ERROR_NUMBER, 0 },
    { "08", AP_ERROR_NUMBER, 0 },      { "abc", AP_ERROR_NUMBER, 0 },
    { "18446744073709551616", AP_ERROR_RANGE, 0 },
    { "0x10000000000000000", AP_ERROR_RANGE, 0 },
    { "18446744073709551616x", AP_ERROR_RANGE, 0 },
    { "0", -1, 0 },                    { "5", -1, 5 },
    { "5\n", -1, 5 },                  { "+5", -1, 5 },
    { "010", -1, 8 },                  { "0x10", -1, 16 },
    { "0X1F", -1, 31 },                { "256", -1, 256 },
    { "18446744073709551615", -1, G_MAXUINT64 },
};


static void
test_ids_are_decimal_or_0x(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(id_cases); i++) {
        g_autoptr(GError) error = NULL;
        guint id = 4711;
        gboolean ok = ap_id_parse(id_cases[i].text, &id, &error);

        g_test_message("'%s'", id_cases[i].text);
        g_assert_cmpint(ok, ==, id_cases[i].error < 0);
        g_assert_cmpuint(id, ==, ok ? id_cases[i].value : 4711);
        if (!ok)
            assert_error(&error, id_cases[i].error);
    }
}


static void
test_attributes_are_read_as_the_kernel_reads_them(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(attr_cases); i++) {
        g_autoptr(GError) error = NULL;
        guint64 value = 4711;
        gboolean ok = ap_attr_parse(attr_cases[i].text, &value, &error);

        g_test_message("'%s'", attr_cases[i].text);
        g_assert_cmpint(ok, ==, attr_cases[i].error < 0);
        g_assert_cmpuint(value, ==, ok ? attr_cases[i].value : 4711);
        if (!ok)
            assert_error(&error, attr_cases[i].error);
    }
}


static void
test_process_ids_are_positive_and_decimal(void)
{
    static const struct {
        const char *text;
        int pid; /* 0: refused */
    } cases[] = {
        { "", 0 },      { "0", 0 },      { "-1", 0 },  { "1 ", 0 },  { "1\n\n", 0 }, { "0x1", 0 },
        { "2147483648", 0 }, { "99999999999999999999", 0 }, { "1", 1 }, { "1\n", 1 },
        { "2147483647", G_MAXINT },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        int pid = -7;

        g_test_message("'%s'", cases[i].text);
        g_assert_cmpint(ap_pid_parse(cases[i].text, &pid), ==, cases[i].pid > 0);
        g_assert_cmpint(pid, ==, cases[i].pid > 0 ? cases[i].pid : -7);
    }
}


static void
test_apqns_have_lszcrypts_form(void)
{
    static const char *const bad[] = { "",        "5.47",     "05.47",    "05.004",   "05.00047",
                                       "05:0047", "05.0100",  "0A.0047",  "05.00FF",  "05.0047\n",
                                       "105.0047", "0x05.0047", " 05.0047", "05.0047 " };
    ApApqn apqn = { 77, 88 };
    g_autofree char *text = NULL;
    g_autofree char *description = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("'%s'", bad[i]);
        g_assert_false(ap_apqn_parse(bad[i], &apqn));
        g_assert_cmpuint(apqn.adapter, ==, 77);
        g_assert_cmpuint(apqn.domain, ==, 88);
    }
    g_assert_true(ap_apqn_parse("fe.00ff", &apqn));
    g_assert_cmpuint(apqn.adapter, ==, 254);
    g_assert_cmpuint(apqn.domain, ==, 255);
    text = ap_apqn_to_string(apqn);
    g_assert_cmpstr(text, ==, "fe.00ff");
    description = ap_apqn_describe((ApApqn){ 5, 71 });
    g_assert_cmpstr(description, ==, "05.0047 (adapter 5, domain 71)");
}


static void
test_cards_have_sysfs_names(void)
{
    static const char *const bad[] = { "", "card", "card5", "card005", "card0A", "Card05", "05",
                                       "card05x" };
    guint adapter = 4711;

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("'%s'", bad[i]);
        g_assert_false(ap_card_parse(bad[i], &adapter));
        g_assert_cmpuint(adapter, ==, 4711);
    }
    g_assert_true(ap_card_parse("cardff", &adapter));
    g_assert_cmpuint(adapter, ==, 255);
}


static void
test_uuids_are_lower_cased(void)
{
    static const char *const bad[] = { "", "1", "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaa",
                                       "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaaa",
                                       "aaaaaaaaaaaa-4aaa-8aaa-aaaaaaaaaaaa",
                                       "{aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa}",
                                       "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaag" };
    g_autofree char *uuid = ap_uuid_normalize("AAAAAAAA-bbbb-4CCC-8ddd-EEEEEEEEEEEE");

    g_assert_cmpstr(uuid, ==, "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee");
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_null(ap_uuid_normalize(bad[i]));
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/id/ids-are-decimal-or-0x", test_ids_are_decimal_or_0x);
    g_test_add_func("/id/attributes-are-read-as-the-kernel-reads-them",
                    test_attributes_are_read_as_the_kernel_reads_them);
    g_test_add_func("/id/process-ids-are-positive-and-decimal",
                    test_process_ids_are_positive_and_decimal);
    g_test_add_func("/id/apqns-have-lszcrypts-form", test_apqns_have_lszcrypts_form);
    g_test_add_func("/id/cards-have-sysfs-names", test_cards_have_sysfs_names);
    g_test_add_func("/id/uuids-are-lower-cased", test_uuids_are_lower_cased);
    return g_test_run();
}
