/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Text from outside, as a terminal may see it. */
#include "ap_test.h"

#include "util/ap_text.h"

#define TEN "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN


static void
test_foreign_text_cannot_spoil_a_message(void)
{
    static const struct {
        const char *text;
        const char *escaped;
        const char *lines;
        const char *json;
    } cases[] = {
        { "", "", "", "" },
        { "guest one", "guest one", "guest one", "guest one" },
        { "a\\b", "a\\b", "a\\b", "a\\b" },
        { "a\nb", "a\\nb", "a\nb", "a\nb" },
        { "a\033[31mb", "a\\x1b[31mb", "a\\x1b[31mb", "a\\u001b[31mb" },
        { "a\tb\r\177", "a\\tb\\r\\x7f", "a\\tb\\r\\x7f", "a\\u0009b\\u000d\\u007f" },
        /* C1: a terminal takes U+009B for ESC [ */
        { "\302\23331m", "\\u009b31m", "\\u009b31m", "\\u009b31m" },
        /* what turns the direction, what has no width, what ends a line */
        { "a\u202eb\u2066\u200b\u2028", "a\\u202eb\\u2066\\u200b\\u2028",
          "a\\u202eb\\u2066\\u200b\\u2028", "a\\u202eb\\u2066\\u200b\\u2028" },
        { "\U000e0041", "\\U000e0041", "\\U000e0041", "\\udb40\\udc41" },
        { "\xff\xc3", "\\xff\\xc3", "\\xff\\xc3", "\\ufffd\\ufffd" },
        { "Füße 日本 𝔄", "Füße 日本 𝔄", "Füße 日本 𝔄", "Füße 日本 𝔄" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *escaped = ap_text_escape(cases[i].text);
        g_autofree char *lines = ap_text_escape_lines(cases[i].text);
        g_autofree char *json = ap_text_escape_json(cases[i].text);
        g_autofree char *printable = ap_text_printable(cases[i].text);

        g_assert_cmpstr(escaped, ==, cases[i].escaped);
        g_assert_cmpstr(lines, ==, cases[i].lines);
        g_assert_cmpstr(json, ==, cases[i].json);
        g_assert_cmpstr(printable, ==, cases[i].escaped);
    }
}


static void
test_a_long_name_is_cut(void)
{
    g_autofree char *whole = ap_text_printable(SIXTY "0123");
    g_autofree char *cut = ap_text_printable(SIXTY "01234");
    g_autofree char *escaped = ap_text_escape(SIXTY SIXTY);

    g_assert_cmpstr(whole, ==, SIXTY "0123");
    g_assert_cmpstr(cut, ==, SIXTY "0123...");
    g_assert_cmpstr(escaped, ==, SIXTY SIXTY);
}


static void
test_a_slip_of_the_finger_has_a_neighbour(void)
{
    static const char *const known[] = { "list", "show", "start", "stop", "undefine" };
    static const struct {
        const char *word;
        const char *nearest;
    } cases[] = {
        { "lsit", "list" },   { "lst", "list" },     { "sto", "stop" },
        { "und", "undefine" }, { "undefnie", "undefine" }, { "shwo", "show" },
        { "", NULL },         { "x", NULL },         { "ab", NULL },
        { "frobnicate", NULL }, { SIXTY, NULL },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpstr(ap_text_find_nearest(cases[i].word, known, G_N_ELEMENTS(known)), ==,
                        cases[i].nearest);
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/text/foreign-text-cannot-spoil-a-message",
                    test_foreign_text_cannot_spoil_a_message);
    g_test_add_func("/text/a-long-name-is-cut", test_a_long_name_is_cut);
    g_test_add_func("/text/a-slip-of-the-finger-has-a-neighbour",
                    test_a_slip_of_the_finger_has_a_neighbour);
    return g_test_run();
}
