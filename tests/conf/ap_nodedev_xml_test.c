/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Node-device XML: each nodedevxml2xml/NAME.in.xml becomes NAME.out.xml, or NAME.err says why not.
 * AP_TEST_REGENERATE=1 writes the expected files. */
#include "conf/ap_nodedev_xml.h"

#include "ap_test.h"

static char *directory;


static void
check_expected(const char *name, const char *suffix, const char *text)
{
    g_autofree char *file = g_strconcat(name, suffix, NULL);
    g_autofree char *path = g_build_filename(directory, file, NULL);
    g_autofree char *expected = NULL;
    g_autoptr(GError) error = NULL;

    if (g_getenv("AP_TEST_REGENERATE")) {
        g_file_set_contents(path, text, -1, &error);
        g_assert_no_error(error);
    }
    g_file_get_contents(path, &expected, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, expected);
}


static void
test_document(gconstpointer data)
{
    const char *name = data;
    g_autofree char *file = g_strconcat(name, ".in.xml", NULL);
    g_autofree char *path = g_build_filename(directory, file, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(ApMdevDef) def = NULL;
    g_autofree char *text = NULL;
    g_autofree char *result = NULL;
    gsize length;

    g_file_get_contents(path, &text, &length, &error);
    g_assert_no_error(error);
    def = ap_nodedev_xml_parse(text, length, &error);
    if (!def) {
        /* What follows is libxml2's, and changes with its version. */
        result = strstr(error->message, ": not XML: ")
                     ? g_strdup("not XML\n")
                     : g_strconcat(error->message, "\n", NULL);
        assert_error(&error, AP_ERROR_XML);
        check_expected(name, ".err", result);
        return;
    }
    result = ap_nodedev_xml_format(def);
    check_expected(name, ".out.xml", result);
}


/* Our own output is read as what it came from. */
static void
test_round_trip(gconstpointer data)
{
    const char *name = data;
    g_autofree char *file = g_strconcat(name, ".out.xml", NULL);
    g_autofree char *path = g_build_filename(directory, file, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(ApMdevDef) def = NULL;
    g_autofree char *text = NULL;
    g_autofree char *again = NULL;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, NULL))
        return;
    def = ap_nodedev_xml_parse(text, length, &error);
    g_assert_no_error(error);
    again = ap_nodedev_xml_format(def);
    g_assert_cmpstr(again, ==, text);
}


static gboolean
exists(const char *stem, const char *suffix)
{
    g_autofree char *file = g_strconcat(stem, suffix, NULL);
    g_autofree char *path = g_build_filename(directory, file, NULL);

    return g_file_test(path, G_FILE_TEST_EXISTS);
}


static void
test_every_file_belongs_to_a_document(void)
{
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *stem = g_strndup(name, strcspn(name, "."));

        g_test_message("%s", name);
        g_assert_true(exists(stem, ".in.xml"));
        g_assert_true(exists(stem, ".out.xml") != exists(stem, ".err"));
    }
}


static void
test_any_prefix_is_refused(void)
{
    const char *text = "<device><parent>ap_matrix</parent><capability type='mdev'>"
                       "<type id='vfio_ap-passthrough'/></capability></device>";
    g_autoptr(ApMdevDef) def = ap_nodedev_xml_parse(text, strlen(text), NULL);

    g_assert_nonnull(def);
    for (gsize length = 0; length < strlen(text); length++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(ap_nodedev_xml_parse(text, length, &error));
        assert_error(&error, AP_ERROR_XML);
    }
}


static void
test_ten_megabytes_of_attributes_are_read(void)
{
    GString *text = g_string_new("<device><parent>ap_matrix</parent><capability type='mdev'>"
                                 "<type id='vfio_ap-passthrough'/>");
    g_autoptr(GError) error = NULL;
    g_autoptr(ApMdevDef) def = NULL;
    guint n = 0;

    for (; text->len < 10 * 1024 * 1024; n++)
        g_string_append(text, "<attr name='assign_adapter' value='5'/>");
    g_string_append(text, "</capability></device>");
    def = ap_nodedev_xml_parse(text->str, text->len, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(def->attrs->len, ==, n);
    g_string_free(text, TRUE);
}


/* Each would keep libxml2 busy for minutes at least; what looks like a tag and is none does not
 * count. */
static void
test_endless_elements_are_refused(void)
{
    GString *wide = g_string_new("<!-- <a b='--><device");
    GString *deep = g_string_new("<?p <a b='?>");
    GString *sound = g_string_new("<!--");
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < 200 * 1000; i++) {
        g_string_append_printf(wide, " a%u='>\"'", i);
        g_string_append(deep, "<device xmlns='urn:x' a='/>'>");
        g_string_append(sound, "<a b='1'>");
    }
    g_string_append(wide, "/>");
    g_string_append(sound, "--><device><parent>ap_matrix</parent><capability type='mdev'>"
                           "<type id='vfio_ap-passthrough'/></capability></device>");
    g_assert_null(ap_nodedev_xml_parse(wide->str, wide->len, &error));
    assert_error(&error, AP_ERROR_XML);
    g_assert_null(ap_nodedev_xml_parse(deep->str, deep->len, &error));
    assert_error(&error, AP_ERROR_XML);
    ap_mdev_def_free(ap_nodedev_xml_parse(sound->str, sound->len, &error));
    g_assert_no_error(error);
    g_string_free(wide, TRUE);
    g_string_free(deep, TRUE);
    g_string_free(sound, TRUE);
}


static void
test_names_are_libvirts(void)
{
    g_autofree char *name = ap_nodedev_name("11111111-2222-4333-8444-555555555555");

    g_assert_cmpstr(name, ==, "mdev_11111111_2222_4333_8444_555555555555_matrix");
}


static void
test_a_uuid_is_read_as_libvirt_reads_it(void)
{
    const char text[] = "<device><parent>ap_matrix</parent><capability type='mdev'>"
                        "<type id='vfio_ap-passthrough'/><uuid> AAAAaaaa22224333-8444555555555555"
                        "</uuid></capability></device>";
    g_autoptr(GError) error = NULL;
    g_autoptr(ApMdevDef) def = ap_nodedev_xml_parse(text, strlen(text), &error);

    g_assert_no_error(error);
    g_assert_cmpstr(def->uuid, ==, "aaaaaaaa-2222-4333-8444-555555555555");
}


int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) dir = NULL;
    const char *file;
    int result;

    g_test_init(&argc, &argv, NULL);
    directory = g_build_filename(g_getenv("SOURCE_DIR"), "tests/nodedevxml2xml", NULL);
    dir = g_dir_open(directory, 0, NULL);
    g_assert_nonnull(dir);
    while ((file = g_dir_read_name(dir))) {
        if (g_str_has_suffix(file, ".in.xml"))
            g_ptr_array_add(names, g_strndup(file, strlen(file) - strlen(".in.xml")));
    }
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_strdup_printf("/nodedev-xml/%s", (char *)names->pdata[i]);
        g_autofree char *again = g_strconcat(path, "/again", NULL);

        g_test_add_data_func(path, names->pdata[i], test_document);
        g_test_add_data_func(again, names->pdata[i], test_round_trip);
    }
    g_test_add_func("/nodedev-xml/every-file-belongs-to-a-document",
                    test_every_file_belongs_to_a_document);
    g_test_add_func("/nodedev-xml/any-prefix-is-refused", test_any_prefix_is_refused);
    g_test_add_func("/nodedev-xml/ten-megabytes-of-attributes-are-read",
                    test_ten_megabytes_of_attributes_are_read);
    g_test_add_func("/nodedev-xml/endless-elements-are-refused",
                    test_endless_elements_are_refused);
    g_test_add_func("/nodedev-xml/a-uuid-is-read-as-libvirt-reads-it",
                    test_a_uuid_is_read_as_libvirt_reads_it);
    g_test_add_func("/nodedev-xml/names-are-libvirts", test_names_are_libvirts);
    result = g_test_run();
    g_free(directory);
    return result;
}
