/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors as JSON and exit codes show them. */
#include "ap_test.h"

#include <errno.h>


static void
test_each_code_has_a_name_and_an_exit_code(void)
{
    static const struct {
        int code;
        const char *name;
        int exit_code;
    } cases[] = {
        { AP_ERROR_NUMBER, "number", 4 },       { AP_ERROR_RANGE, "range", 4 },
        { AP_ERROR_MASK, "mask", 4 },           { AP_ERROR_STEP, "step", 1 },
        { AP_ERROR_JSON, "json", 4 },           { AP_ERROR_XML, "xml", 4 },
        { AP_ERROR_CONFIG, "config", 4 },       { AP_ERROR_NOT_FOUND, "not-found", 3 },
        { AP_ERROR_IO, "io", 4 },               { AP_ERROR_DENIED, "denied", 4 },
        { AP_ERROR_NO_BUS, "no-bus", 4 },       { AP_ERROR_LOCKED, "locked", 1 },
        { AP_ERROR_REFUSED, "refused", 1 },     { AP_ERROR_USAGE, "usage", 2 },
    };
    g_autoptr(GError) foreign = g_error_new(G_FILE_ERROR, G_FILE_ERROR_IO, "x");

    g_assert_cmpuint(G_N_ELEMENTS(cases), ==, AP_ERROR_USAGE + 1);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = g_error_new(AP_ERROR, cases[i].code, "x");

        g_assert_cmpstr(ap_error_name(error), ==, cases[i].name);
        g_assert_cmpint(ap_error_exit_code(error), ==, cases[i].exit_code);
    }
    g_assert_cmpstr(ap_error_name(foreign), ==, "internal");
    g_assert_cmpint(ap_error_exit_code(foreign), ==, 4);
}


static void
test_what_a_user_may_not_do_has_a_code_of_its_own(void)
{
    g_assert_cmpint(ap_error_code_of(EACCES), ==, AP_ERROR_DENIED);
    g_assert_cmpint(ap_error_code_of(EPERM), ==, AP_ERROR_DENIED);
    g_assert_cmpint(ap_error_code_of(ENOENT), ==, AP_ERROR_IO);
}


static void
test_a_hint_follows_the_first_line(void)
{
    g_autoptr(GError) plain = g_error_new(AP_ERROR, AP_ERROR_IO, "what");
    g_autoptr(GError) hinted = g_error_new(AP_ERROR, AP_ERROR_IO, "what\ndo this\nand that");
    g_autofree char *message = ap_error_message(plain);
    g_autofree char *first = ap_error_message(hinted);

    g_assert_cmpstr(message, ==, "what");
    g_assert_cmpstr(ap_error_hint(plain), ==, "");
    g_assert_cmpstr(first, ==, "what");
    g_assert_cmpstr(ap_error_hint(hinted), ==, "do this\nand that");
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/error/each-code-has-a-name-and-an-exit-code",
                    test_each_code_has_a_name_and_an_exit_code);
    g_test_add_func("/error/what-a-user-may-not-do-has-a-code-of-its-own",
                    test_what_a_user_may_not_do_has_a_code_of_its_own);
    g_test_add_func("/error/a-hint-follows-the-first-line", test_a_hint_follows_the_first_line);
    return g_test_run();
}
