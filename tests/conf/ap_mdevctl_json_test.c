/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mdevctl's JSON. The files in tests/mdevctl were written by mdevctl 1.2. */
#include "conf/ap_mdevctl_json.h"

#include "ap_test.h"

#define HEAD "{\"mdev_type\":\"vfio_ap-passthrough\",\"start\":\"auto\""

static const char *const bad[] = {
    "", " ", "null", "[]", "5", "\"x\"", "{", "{}", "{}}",
    "{\"mdev_type\":5,\"start\":\"auto\"}", "{\"mdev_type\":\"t\"}", "{\"start\":\"auto\"}",
    HEAD, HEAD ",}", HEAD ",\"attrs\":{}}", HEAD ",\"attrs\":[5]}", HEAD ",\"attrs\":[{}]}",
    HEAD ",\"attrs\":[{\"a\":\"1\",\"b\":\"2\"}]}", HEAD ",\"attrs\":[{\"a\":5}]}",
    HEAD ",\"attrs\":[{\"a\":null}]}", HEAD ",\"attrs\":[null]}", HEAD ",\"attrs\":\"x\"}",
    HEAD "} x", HEAD "}{}", "{'mdev_type':'t','start':'auto'}", HEAD ",\"attrs\":[01]}",
};


static void
test_what_is_no_definition_is_refused(void)
{
    static const char nul[] = HEAD "}\0x";

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_test_message("%s", bad[i]);
        g_assert_null(ap_mdevctl_json_parse(bad[i], strlen(bad[i]), &error));
        assert_error(&error, AP_ERROR_JSON);
    }
    g_assert_null(ap_mdevctl_json_parse(nul, sizeof(nul) - 1, NULL));
}


static void
test_two_megabytes_of_brackets_are_refused(void)
{
    gsize length = 2 * 1024 * 1024;
    g_autofree char *text = g_malloc(length);
    g_autoptr(GError) error = NULL;

    memset(text, '[', length);
    g_assert_null(ap_mdevctl_json_parse(text, length, &error));
    assert_error(&error, AP_ERROR_JSON);
}


static void
test_definitions_are_read_as_mdevctl_does(void)
{
    static const struct {
        const char *text;
        gboolean autostart;
        guint n_attrs;
    } cases[] = {
        { HEAD "}", TRUE, 0 },
        { HEAD ",\"attrs\":null}", TRUE, 0 },
        { HEAD ",\"other\":[{}],\"attrs\":[]}\n", TRUE, 0 },
        { "{\"mdev_type\":\"t\",\"start\":\"later\"}", FALSE, 0 },
        { "{\"mdev_type\":\"t\",\"start\":\"manual\",\"start\":\"auto\"}", TRUE, 0 },
        { "{\"mdev_type\":\"t\",\"start\":5}", FALSE, 0 },
        { HEAD ",\"attrs\":[{\"b\":\"2\"},{\"a\":\"1\"},{\"b\":\"2\"}]}", TRUE, 3 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(ApMdevDef) def =
            ap_mdevctl_json_parse(cases[i].text, strlen(cases[i].text), &error);

        g_test_message("%s", cases[i].text);
        g_assert_no_error(error);
        g_assert_null(def->uuid);
        g_assert_cmpint(def->autostart, ==, cases[i].autostart);
        g_assert_cmpuint(def->attrs->len, ==, cases[i].n_attrs);
    }
}


static void
test_files_are_written_byte_for_byte_as_mdevctl_does(void)
{
    g_autofree char *path = g_build_filename(g_getenv("SOURCE_DIR"), "tests/mdevctl", NULL);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    guint n = 0;

    g_assert_nonnull(dir);
    for (; (name = g_dir_read_name(dir)); n++) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(ApMdevDef) def = NULL;
        g_autofree char *golden = NULL;
        g_autofree char *written = NULL;
        gsize length;

        g_test_message("%s", name);
        g_file_get_contents(file, &golden, &length, &error);
        g_assert_no_error(error);
        def = ap_mdevctl_json_parse(golden, length, &error);
        g_assert_no_error(error);
        written = ap_mdevctl_json_format(def);
        g_assert_cmpstr(written, ==, golden);
    }
    g_assert_cmpuint(n, >=, 4);
}


static void
test_live_attributes_are_decimal_and_sorted(void)
{
    ApMatrix matrix = make_matrix("10,5", "71,4", "255");
    ApMatrix none = { 0 };
    g_autofree char *text = ap_mdevctl_json_format_attrs(&matrix);
    g_autofree char *empty = ap_mdevctl_json_format_attrs(&none);

    g_assert_cmpstr(text, ==,
                    "[{\"assign_adapter\": \"5\"},{\"assign_adapter\": \"10\"},"
                    "{\"assign_domain\": \"4\"},{\"assign_domain\": \"71\"},"
                    "{\"assign_control_domain\": \"255\"}]");
    g_assert_cmpstr(empty, ==, "[]");
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mdevctl-json/what-is-no-definition-is-refused",
                    test_what_is_no_definition_is_refused);
    g_test_add_func("/mdevctl-json/two-megabytes-of-brackets-are-refused",
                    test_two_megabytes_of_brackets_are_refused);
    g_test_add_func("/mdevctl-json/definitions-are-read-as-mdevctl-does",
                    test_definitions_are_read_as_mdevctl_does);
    g_test_add_func("/mdevctl-json/files-are-written-byte-for-byte-as-mdevctl-does",
                    test_files_are_written_byte_for_byte_as_mdevctl_does);
    g_test_add_func("/mdevctl-json/live-attributes-are-decimal-and-sorted",
                    test_live_attributes_are_decimal_and_sorted);
    return g_test_run();
}
