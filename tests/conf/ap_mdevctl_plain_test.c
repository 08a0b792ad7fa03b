/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The short cut past json-c gives json-c's result, or none. */
#include "conf/ap_mdevctl_plain.h"

#include <string.h>

#include "conf/ap_mdevctl_json.h"

#define HEAD "{\"mdev_type\":\"vfio_ap-passthrough\",\"start\":\"auto\",\"attrs\":"

/* What the short cut must take. */
static const char *const plain[] = {
    HEAD "[]}",
    HEAD "[{\"assign_adapter\":\"5\"}]}",
    HEAD "[{\"assign_adapter\":\"5\"},{\"assign_domain\":\"0x47\"}]}",
    HEAD "[{\"\":\"\"}]}",
    HEAD "[ { \"a b\"\t:\r\n\"<>{}[],:/\" } ] \n }",
    "{\n  \"mdev_type\": \"i915-GVTg_V5_4\",\n  \"start\": \"manual\",\n  \"attrs\": []\n}",
    "{\"mdev_type\":\"\",\"start\":\"AUTO\",\"attrs\":[]}",
};

/* What it must leave to json-c, whether that takes it or not. */
static const char *const other[] = {
    "",
    "{",
    "{}",
    "null",
    HEAD "[]",
    HEAD "[]}\n",
    HEAD "[]}}",
    HEAD "[]} x",
    HEAD "[]},",
    HEAD "null}",
    HEAD "{}}",
    HEAD "[]\v}",
    HEAD "[,]}",
    HEAD "[{\"a\":\"b\"},]}",
    HEAD "[{\"a\":\"b\"}{\"a\":\"b\"}]}",
    HEAD "[{}]}",
    HEAD "[{\"a\":5}]}",
    HEAD "[{\"a\":\"b\",\"c\":\"d\"}]}",
    HEAD "[{\"a\":\"\\u0035\"}]}",
    HEAD "[{\"a\":\"b\\\"\"}]}",
    HEAD "[{\"a\":\"\t\"}]}",
    HEAD "[{\"a\":\"\xc3\xa4\"}]}",
    HEAD "[{'a':\"b\"}]}",
    HEAD "[{\"a\":\"b}]}",
    HEAD "[],\"attrs\":[]}",
    HEAD "[]/**/}",
    "{\"start\":\"auto\",\"mdev_type\":\"t\",\"attrs\":[]}",
    "{\"mdev_type\":\"t\",\"mdev_type\":\"t\",\"start\":\"auto\",\"attrs\":[]}",
    "{\"mdev_type\":\"t\",\"start\":\"auto\"}",
    "{\"mdev_type\":\"t\",\"attrs\":[]}",
    "{\"mdev_type\":5,\"start\":\"auto\",\"attrs\":[]}",
    "{\"mdev_type\":\"t\",\"start\":true,\"attrs\":[]}",
    "x" HEAD "[]}",
};


/* The same definition, spelled so that only json-c reads it. */
static ApMdevDef *
parse_by_json_c(const char *text)
{
    g_autoptr(GString) escaped = g_string_new(text);

    g_assert_cmpuint(g_string_replace(escaped, "\"mdev_type\"", "\"mdev_typ\\u0065\"", 1), ==, 1);
    g_assert_null(ap_mdevctl_plain_parse(escaped->str, escaped->len));
    return ap_mdevctl_json_parse(escaped->str, escaped->len, NULL);
}


static void
assert_equal(const ApMdevDef *a, const ApMdevDef *b)
{
    g_autofree char *text = ap_mdevctl_json_format(a);
    g_autofree char *wanted = ap_mdevctl_json_format(b);

    g_assert_cmpstr(text, ==, wanted);
}


static void
plain_text_reads_as_by_json_c(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(plain); i++) {
        g_autoptr(ApMdevDef) def = ap_mdevctl_plain_parse(plain[i], strlen(plain[i]));
        g_autoptr(ApMdevDef) wanted = parse_by_json_c(plain[i]);

        g_test_message("%s", plain[i]);
        g_assert_nonnull(def);
        g_assert_nonnull(wanted);
        assert_equal(def, wanted);
    }
}


static void
other_text_is_left_to_json_c(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(other); i++) {
        g_test_message("%s", other[i]);
        g_assert_null(ap_mdevctl_plain_parse(other[i], strlen(other[i])));
    }
}


static void
text_cut_at_any_byte_is_not_read_past_its_end(void)
{
    const char *text = plain[2];

    for (gsize length = 0; length < strlen(text); length++) {
        g_autofree char *cut = g_memdup2(text, length); /* ASan watches the end */

        g_assert_null(ap_mdevctl_plain_parse(cut, length));
    }
}


static void
long_strings_and_nul_bytes_are_left_to_json_c(void)
{
    static const char nul[] = HEAD "[{\"a\":\"b\0c\"}]}";

    for (guint length = 254; length < 258; length++) {
        g_autofree char *value = g_strnfill(length, 'x');
        g_autofree char *text = g_strconcat(HEAD "[{\"a\":\"", value, "\"}]}", NULL);
        g_autoptr(ApMdevDef) def = ap_mdevctl_plain_parse(text, strlen(text));

        g_assert_true((def != NULL) == (length < 256));
    }
    g_assert_null(ap_mdevctl_plain_parse(nul, sizeof(nul) - 1));
}


static void
what_mdevctl_writes_is_plain(void)
{
    g_autoptr(ApMdevDef) def = ap_mdev_def_new(AP_MDEV_TYPE);
    ApMatrix matrix = { 0 };

    for (guint id = 0; id <= 255; id += 5) {
        ap_mask_set(&matrix.adapters, id);
        ap_mask_set(&matrix.control_domains, id);
    }
    ap_mdev_def_add_matrix(def, &matrix, FALSE);
    def->autostart = TRUE;
    for (int empty = 0; empty < 2; empty++) {
        g_autofree char *text = ap_mdevctl_json_format(def);
        g_autoptr(ApMdevDef) read = ap_mdevctl_plain_parse(text, strlen(text));

        g_assert_nonnull(read);
        assert_equal(read, def);
        g_ptr_array_set_size(def->attrs, 0);
    }
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mdevctl-plain/plain_text_reads_as_by_json_c", plain_text_reads_as_by_json_c);
    g_test_add_func("/mdevctl-plain/other_text_is_left_to_json_c", other_text_is_left_to_json_c);
    g_test_add_func("/mdevctl-plain/text_cut_at_any_byte_is_not_read_past_its_end",
                    text_cut_at_any_byte_is_not_read_past_its_end);
    g_test_add_func("/mdevctl-plain/long_strings_and_nul_bytes_are_left_to_json_c",
                    long_strings_and_nul_bytes_are_left_to_json_c);
    g_test_add_func("/mdevctl-plain/what_mdevctl_writes_is_plain", what_mdevctl_writes_is_plain);
    return g_test_run();
}
