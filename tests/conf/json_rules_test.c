/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ap_mdevctl_json_parse() takes and refuses what mdevctl does: serde_json's rules, which are
 * RFC 8259's. json-c has others, other ones in each version; where a difference may stay it is
 * listed with its reason. */
#include <string.h>

#include "conf/ap_mdevctl_json.h"
#include "util/ap_error.h"

#define HEAD "{\"mdev_type\":\"vfio_ap-passthrough\",\"start\":\"auto\",\"attrs\":"
#define DEFINITION HEAD "[]}"

static const struct {
    const char *value; /* of a key that nobody knows */
    gboolean serde;    /* whether serde_json takes it */
    const char *why;   /* why we do the opposite */
} values[] = {
    { "0", TRUE, NULL },
    { "-0", TRUE, NULL },
    { "1", TRUE, NULL },
    { "-1", TRUE, NULL },
    { "01", FALSE, NULL },
    { "-01", FALSE, NULL },
    { "00", FALSE, NULL },
    { "-", FALSE, NULL },
    { "--1", FALSE, NULL },
    { "- 1", FALSE, NULL },
    { "1-", FALSE, NULL },
    { "1+1", FALSE, NULL },
    { "+1", FALSE, NULL },
    { "1.", FALSE, NULL },
    { "1.e5", FALSE, NULL },
    { ".5", FALSE, NULL },
    { "-.5", FALSE, NULL },
    { ".", FALSE, NULL },
    { "1.0", TRUE, NULL },
    { "1.5.5", FALSE, NULL },
    { "1e", FALSE, NULL },
    { "1e+", FALSE, NULL },
    { "1ee5", FALSE, NULL },
    { "1e5.5", FALSE, NULL },
    { "1e5", TRUE, NULL },
    { "1E+5", TRUE, NULL },
    { "1e-5", TRUE, NULL },
    { "0e1", TRUE, NULL },
    { "0x10", FALSE, NULL },
    { "1_000", FALSE, NULL },
    { "1e-999", TRUE, NULL },
    { "1e308", TRUE, NULL },
    { "123456789012345678", TRUE, NULL },
    { "-123456789012345678", TRUE, NULL },
    { "1234567890123456789", TRUE, "json-c 0.18 refuses integers beyond 64 bits" },
    { "-1234567890123456789", TRUE, "as above" },
    { "123456789012345678901234567890.0", TRUE, NULL },
    { "123456789012345678901234567890e1", TRUE, NULL },
    { "1e999", FALSE, "the definition is judged, though mdevctl will never start it" },
    { "-1e999", FALSE, "as above" },
    { "NaN", FALSE, NULL },
    { "nan", FALSE, NULL },
    { "Infinity", FALSE, NULL },
    { "-Infinity", FALSE, NULL },
    { "[Infinity]", FALSE, NULL },
    { "inf", FALSE, NULL },
    { "undefined", FALSE, NULL },
    { "true", TRUE, NULL },
    { "false", TRUE, NULL },
    { "null", TRUE, NULL },
    { "True", FALSE, NULL },
    { "TRUE", FALSE, NULL },
    { "Null", FALSE, NULL },
    { "tru", FALSE, NULL },
    { "nul", FALSE, NULL },
    { "truex", FALSE, NULL },
    { "nulll", FALSE, NULL },
    { "[true1]", FALSE, NULL },
    { "", FALSE, NULL },
    { "\"\"", TRUE, NULL },
    { "'a'", FALSE, NULL },
    { "\"a", FALSE, NULL },
    { "\"a\"\"b\"", FALSE, NULL },
    { "\"\t\"", FALSE, NULL },
    { "\"\n\"", FALSE, NULL },
    { "\"\x01\"", FALSE, NULL },
    { "\"\x1f\"", FALSE, NULL },
    { "\"\x7f\"", TRUE, NULL },
    { "\"\xc3\xa9\"", TRUE, NULL },
    { "\"\xff\"", FALSE, NULL },
    { "\"\xc3\"", FALSE, NULL },
    { "\"\xc0\x80\"", FALSE, NULL },         /* an overlong NUL */
    { "\"\xed\xa0\x80\"", FALSE, NULL },     /* a surrogate */
    { "\"\xf4\x90\x80\x80\"", FALSE, NULL }, /* above U+10FFFF */
    { "\"NaN Infinity 1. // /* */\"", TRUE, NULL },
    { "\"\\\"NaN\"", TRUE, NULL },
    { "\"\\\\\"", TRUE, NULL },
    { "\"\\\\\",NaN", FALSE, NULL },
    { "\"\\/\\b\\f\\n\\r\\t\"", TRUE, NULL },
    { "\"\\'\"", FALSE, NULL },
    { "\"\\x41\"", FALSE, NULL },
    { "\"\\a\"", FALSE, NULL },
    { "\"\\U0041\"", FALSE, NULL },
    { "\"\\u0041\"", TRUE, NULL },
    { "\"\\u004\"", FALSE, NULL },
    { "\"\\u12g4\"", FALSE, NULL },
    { "\"\\u+123\"", FALSE, NULL },
    { "\"\\u\"", FALSE, NULL },
    { "\"\\u0000\"", TRUE, "a NUL ends text for json-c and for the kernel: nobody means that" },
    { "{\"a\\u0000b\":1}", TRUE, "json-c would read the key as \"a\"" },
    { "\"\\u0001\"", TRUE, NULL },
    { "\"\\uffff\"", TRUE, NULL },
    { "\"\\ud83d\\ude00\"", TRUE, NULL },
    { "\"\\uD83D\\uDE00\"", TRUE, NULL },
    { "\"\\ud800\"", FALSE, NULL },
    { "\"\\ud800x\"", FALSE, NULL },
    { "\"\\ud800\\n\"", FALSE, NULL },
    { "\"\\ud800\\u0041\"", FALSE, NULL },
    { "\"\\ud83d\\ud83d\"", FALSE, NULL },
    { "\"\\udc00\"", FALSE, NULL },
    { "\"\\udc00\\ud800\"", FALSE, NULL },
    { "[]", TRUE, NULL },
    { "[1,2]", TRUE, NULL },
    { "[1,]", FALSE, NULL },
    { "[,1]", FALSE, NULL },
    { "[,]", FALSE, NULL },
    { "[1 2]", FALSE, NULL },
    { "[1", FALSE, NULL },
    { "[1]]", FALSE, NULL },
    { "[1}", FALSE, NULL },
    { "{}", TRUE, NULL },
    { "{\"a\":1,\"a\":2}", TRUE, NULL },
    { "{\"\":1}", TRUE, NULL },
    { "{\"a\":1,}", FALSE, NULL },
    { "{,}", FALSE, NULL },
    { "{\"a\" 1}", FALSE, NULL },
    { "{\"a\":}", FALSE, NULL },
    { "{\"a\"}", FALSE, NULL },
    { "{a:1}", FALSE, NULL },
    { "{'a':1}", FALSE, NULL },
    { "{1:2}", FALSE, NULL },
    { "{null:2}", FALSE, NULL },
    { "// c\n1", FALSE, NULL },
    { "1 // c\n", FALSE, NULL },
    { "/* c */1", FALSE, NULL },
    { "1 /* c */", FALSE, NULL },
    { "# c\n1", FALSE, NULL },
    { " \t\r\n1 \t\r\n", TRUE, NULL },
    { "\v1", FALSE, NULL },
    { "\f1", FALSE, NULL },
    { "\xc2\xa0" "1", FALSE, NULL }, /* a no-break space */
    { "1,", FALSE, NULL },
    { "1;", FALSE, NULL },
};

static const struct {
    const char *text;
    gboolean accepted;
} documents[] = {
    { DEFINITION, TRUE },
    { " \t\r\n" DEFINITION " \t\r\n", TRUE },
    { "", FALSE },
    { " ", FALSE },
    { "\xef\xbb\xbf" DEFINITION, FALSE },
    { DEFINITION "x", FALSE },
    { DEFINITION ",", FALSE },
    { DEFINITION "}", FALSE },
    { DEFINITION DEFINITION, FALSE },
    { DEFINITION "\f", FALSE },
    { DEFINITION "// c", FALSE },
    { "/**/" DEFINITION, FALSE },
    { "null", FALSE },
    { "1", FALSE },
    { "-", FALSE },
    { "1.", FALSE },
    { "\"a\"", FALSE },
    { "[" DEFINITION "]", FALSE },
    { "{}", FALSE },
    { HEAD "null}", TRUE },
    { HEAD "{}}", FALSE },
    { HEAD "\"\"}", FALSE },
    { HEAD "[null]}", FALSE },
    { HEAD "[{}]}", FALSE },
    { HEAD "[[]]}", FALSE },
    { HEAD "[{\"a\":5}]}", FALSE },
    { HEAD "[{\"a\":null}]}", FALSE },
    { HEAD "[{\"a\":\"5\",\"b\":\"5\"}]}", FALSE },
    { HEAD "[{\"a\":\"4\",\"a\":\"5\"}]}", TRUE },
    { "{\"start\":\"auto\"}", FALSE },
    { "{\"mdev_type\":\"a\"}", FALSE },
    { "{\"mdev_type\":null,\"start\":\"auto\"}", FALSE },
    { "{\"mdev_type\":1,\"start\":\"auto\"}", FALSE },
    { "{\"mdev_type\":\"a\",\"start\":\"x\"}", TRUE },
};


static gboolean
is_accepted(const char *text, gsize length)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ApMdevDef) def = ap_mdevctl_json_parse(text, length, &error);

    if (def)
        g_assert_no_error(error);
    else
        g_assert_true(g_error_matches(error, AP_ERROR, AP_ERROR_JSON));
    return def != NULL;
}


static void
test_values(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autofree char *text = g_strconcat(HEAD "[],\"x\":", values[i].value, "}", NULL);
        gboolean wanted = values[i].why ? !values[i].serde : values[i].serde;

        if (is_accepted(text, strlen(text)) == wanted)
            continue;
        g_test_message("%s: wanted %s", text, wanted ? "accepted" : "refused");
        g_test_fail();
    }
}


static void
test_documents(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(documents); i++) {
        if (is_accepted(documents[i].text, strlen(documents[i].text)) == documents[i].accepted)
            continue;
        g_test_message("%s: wanted %s", documents[i].text,
                       documents[i].accepted ? "accepted" : "refused");
        g_test_fail();
    }
    g_assert_false(is_accepted(DEFINITION, sizeof(DEFINITION))); /* its NUL included */
}


/* serde_json takes 127 levels: remaining_depth, src/de.rs. */
static void
test_depth(void)
{
    for (guint levels = 1; levels < 200; levels++) {
        g_autofree char *open = g_strnfill(levels - 1, '[');
        g_autofree char *close = g_strnfill(levels - 1, ']');
        g_autofree char *text = g_strconcat(HEAD "[],\"x\":", open, "1", close, "}", NULL);

        if (levels > 1)
            g_assert_cmpint(is_accepted(text, strlen(text)), ==, levels <= 127);
    }
}


static void
test_brackets_without_end(void)
{
    g_autofree char *text = g_strnfill(2 * 1024 * 1024, '[');

    g_assert_false(is_accepted(text, strlen(text)));
}


static void
test_last_of_a_repeated_key_counts(void)
{
    const char *text = "{\"mdev_type\":\"a\",\"start\":\"manual\",\"attrs\":[{\"a\":\"1\"}],"
                       "\"attrs\":[{\"a\":\"2\",\"a\":\"3\"}],\"start\":\"auto\","
                       "\"mdev_type\":\"b\"}";
    g_autoptr(ApMdevDef) def = ap_mdevctl_json_parse(text, strlen(text), NULL);
    const ApMdevAttr *attr;

    g_assert_nonnull(def);
    g_assert_cmpstr(def->type, ==, "b");
    g_assert_true(def->autostart);
    g_assert_cmpuint(def->attrs->len, ==, 1);
    attr = def->attrs->pdata[0];
    g_assert_cmpstr(attr->value, ==, "3");
}


static void
test_cut_at_every_byte(void)
{
    const char *text = HEAD "[{\"assign_adapter\":\"5\"}],\"x\":[1.5e3,\"\\ud83d\\ude00\",null]}";

    for (gsize length = 0; length < strlen(text); length++) {
        g_autofree char *cut = g_memdup2(text, length); /* so that ASan sees the end */

        g_assert_false(is_accepted(cut ? cut : "", length));
    }
    g_assert_true(is_accepted(text, strlen(text)));
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json-rules/values", test_values);
    g_test_add_func("/json-rules/documents", test_documents);
    g_test_add_func("/json-rules/127-levels", test_depth);
    g_test_add_func("/json-rules/brackets-without-end", test_brackets_without_end);
    g_test_add_func("/json-rules/the-last-of-a-repeated-key-counts",
                    test_last_of_a_repeated_key_counts);
    g_test_add_func("/json-rules/cut-at-every-byte", test_cut_at_every_byte);
    return g_test_run();
}
