/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The root: links stay inside, only regular files are read, sizes are limited. */
#include "util/ap_root.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ap_test.h"
#include "util/ap_file.h"

typedef struct {
    char *top; /* outside the root there is TOP/secret; the root is TOP/root */
    ApRoot *root;
} Fixture;


static void
put(const Fixture *f, const char *path, const char *text)
{
    g_autofree char *full = g_build_filename(f->top, path, NULL);
    g_autofree char *dir = g_path_get_dirname(full);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
    g_assert_true(g_file_set_contents(full, text, -1, NULL));
}


static void
put_link(const Fixture *f, const char *path, const char *target)
{
    g_autofree char *full = g_build_filename(f->top, "root", path, NULL);

    g_assert_cmpint(symlink(target, full), ==, 0);
}


static void
set_up(Fixture *f, gconstpointer data)
{
    g_autofree char *path = NULL;
    g_autofree char *fifo = NULL;

    (void)data;
    f->top = g_dir_make_tmp("ap-root-XXXXXX", NULL);
    put(f, "secret", "secret");
    put(f, "root/etc/file", "text\n");
    put(f, "root/etc/empty", "");
    put(f, "root/etc/.hidden", "x");
    put(f, "root/secret", "inside");
    put(f, "root/sub/dir/b", "b");
    put(f, "root/sub/dir/a", "a");
    put_link(f, "etc/relative", "file");
    put_link(f, "etc/absolute", "/etc/file");
    put_link(f, "etc/escaping", "../../../../../../secret");
    put_link(f, "etc/escaping-absolute", f->top);
    put_link(f, "etc/dangling", "nowhere/at-all");
    put_link(f, "etc/loop", "loop");
    put_link(f, "etc/up", "../sub/../sub/dir");
    put_link(f, "driver", "../../bus/ap/drivers/vfio_ap");
    path = g_build_filename(f->top, "root", NULL);
    fifo = g_build_filename(path, "etc", "fifo", NULL);
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    f->root = ap_root_new(path, NULL);
    g_assert_nonnull(f->root);
}


static void
tear_down(Fixture *f, gconstpointer data)
{
    (void)data;
    ap_root_free(f->root);
    g_assert_cmpint(ap_file_remove_tree(f->top), ==, 0);
    g_free(f->top);
}


static const struct {
    const char *path;
    int error; /* ApErrorCode, or -1 */
    const char *text;
} cases[] = {
    { "/etc/missing", AP_ERROR_NOT_FOUND, NULL },
    { "/etc/file/below", AP_ERROR_NOT_FOUND, NULL },
    { "/etc/up/missing", AP_ERROR_NOT_FOUND, NULL },
    { "/etc/dangling", AP_ERROR_IO, NULL },
    { "/etc/dangling/below", AP_ERROR_IO, NULL },
    { "/etc", AP_ERROR_IO, NULL },
    { "/etc/fifo", AP_ERROR_IO, NULL },
    { "/etc/loop", AP_ERROR_IO, NULL },
    { "/etc/escaping-absolute", AP_ERROR_IO, NULL },
    { "/etc/escaping-absolute/secret", AP_ERROR_IO, NULL },
    { "/etc/file", -1, "text\n" },
    { "/etc/empty", -1, "" },
    { "/etc/relative", -1, "text\n" },
    { "/etc/absolute", -1, "text\n" },
    { "/etc/escaping", -1, "inside" },
    { "/../../secret", -1, "inside" },
    { "/etc/up/a", -1, "a" },
};


static void
test_links_stay_inside(Fixture *f, gconstpointer data)
{
    (void)data;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        gsize length = 4711;
        g_autofree char *text = ap_root_read(f->root, cases[i].path, 100, &length, &error);

        g_test_message("%s", cases[i].path);
        g_assert_cmpstr(text, ==, cases[i].text);
        g_assert_cmpuint(length, ==, text ? strlen(text) : 4711);
        if (!text) {
            g_assert_nonnull(strstr(error->message, cases[i].path));
            assert_error(&error, cases[i].error);
        }
    }
}


/* The entry by entry reading of a directory keeps to the same rules. */
static void
test_directories_too(Fixture *f, gconstpointer data)
{
    g_autoptr(ApDir) dir = ap_dir_open(f->root, "/etc", NULL);
    g_autoptr(GError) missing = NULL;
    g_autoptr(GError) outside = NULL;
    gsize n;

    (void)data;
    g_assert_cmpstr(ap_dir_read(dir, "up/a", 100, &n, NULL), ==, "a");
    g_assert_null(ap_dir_read(dir, "escaping-absolute/secret", 100, &n, &outside));
    assert_error(&outside, AP_ERROR_IO);
    g_assert_null(ap_dir_open(f->root, "/nowhere", &missing));
    assert_error(&missing, AP_ERROR_NOT_FOUND);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = g_path_get_basename(cases[i].path);
        g_autofree char *path = g_strconcat("/etc/", name, NULL);
        g_autoptr(GError) error = NULL;
        const char *text;
        gsize length;

        if (strcmp(path, cases[i].path) != 0)
            continue;
        g_test_message("%s", name);
        text = ap_dir_read(dir, name, 100, &length, &error);
        g_assert_cmpstr(text, ==, cases[i].text);
        if (!text)
            assert_error(&error, cases[i].error);
    }
}


static void
test_large_files_are_refused(Fixture *f, gconstpointer data)
{
    g_autofree char *exact = ap_root_read(f->root, "/etc/file", 5, NULL, NULL);
    g_autoptr(GError) error = NULL;

    (void)data;
    g_assert_cmpstr(exact, ==, "text\n");
    g_assert_null(ap_root_read(f->root, "/etc/file", 4, NULL, &error));
    assert_error(&error, AP_ERROR_IO);
}


static void
test_text_has_no_nul_byte(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->top, "root/etc/file", NULL);
    g_autofree char *bytes = NULL;
    g_autoptr(GError) error = NULL;
    gsize length;

    (void)data;
    g_assert_true(g_file_set_contents(path, "a\0b", 3, NULL));
    g_assert_null(ap_root_read(f->root, "/etc/file", 100, NULL, &error));
    assert_error(&error, AP_ERROR_IO);
    bytes = ap_root_read(f->root, "/etc/file", 100, &length, NULL);
    g_assert_cmpuint(length, ==, 3);
}


/* As root we may read everything: another user tries. */
static void
test_what_is_denied_is_noted(Fixture *f, gconstpointer data)
{
    static const char *const open_dirs[] = { "", "root", "root/etc", "root/sub" };
    g_autofree char *dir = ap_root_describe(f->root, "/sub/dir");
    g_autofree char *file = ap_root_describe(f->root, "/etc/file");
    g_autoptr(GError) of_file = NULL;
    g_autoptr(GError) of_dir = NULL;
    g_autoptr(GPtrArray) denied = NULL;
    gboolean is_root = geteuid() == 0;
    guint n;

    (void)data;
    g_assert_null(ap_root_read(f->root, "/nowhere", 100, NULL, NULL));
    g_assert_cmpuint(ap_root_count_denials(f->root), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(open_dirs); i++) {
        g_autofree char *path = g_build_filename(f->top, open_dirs[i], NULL);

        g_assert_cmpint(chmod(path, 0755), ==, 0);
    }
    g_assert_cmpint(chmod(file, 0), ==, 0);
    g_assert_cmpint(chmod(dir, 0), ==, 0);
    if (is_root)
        g_assert_cmpint(seteuid(65534), ==, 0);
    g_assert_null(ap_root_read(f->root, "/etc/file", 100, NULL, &of_file));
    g_assert_null(ap_root_list(f->root, "/sub/dir", &of_dir));
    g_assert_false(ap_root_exists(f->root, "/sub/dir/a"));
    g_assert_false(ap_root_is_missing(f->root, "/sub/dir/a"));
    n = ap_root_count_denials(f->root);
    if (is_root)
        g_assert_cmpint(seteuid(0), ==, 0);
    g_assert_cmpint(chmod(dir, 0700), ==, 0);
    assert_error(&of_file, AP_ERROR_DENIED);
    assert_error(&of_dir, AP_ERROR_DENIED);
    g_assert_cmpuint(n, ==, 4);
    denied = ap_root_list_denied(f->root);
    g_assert_cmpuint(denied->len, ==, 2);
    g_assert_cmpstr(denied->pdata[0], ==, file);
    g_assert_cmpstr(denied->pdata[1], ==, dir);
}


static void
test_lists_are_sorted_and_without_dot_files(Fixture *f, gconstpointer data)
{
    g_autoptr(GPtrArray) names = ap_root_list(f->root, "/etc/up", NULL);
    g_autoptr(GPtrArray) etc = ap_root_list(f->root, "/etc", NULL);
    g_autoptr(GError) error = NULL;

    (void)data;
    g_assert_cmpuint(names->len, ==, 2);
    g_assert_cmpstr(names->pdata[0], ==, "a");
    g_assert_cmpstr(names->pdata[1], ==, "b");
    for (guint i = 0; i < etc->len; i++)
        g_assert_cmpint(((char *)etc->pdata[i])[0], !=, '.');
    g_assert_null(ap_root_list(f->root, "/nowhere", &error));
    assert_error(&error, AP_ERROR_NOT_FOUND);
    g_assert_null(ap_root_list(f->root, "/etc/loop", &error));
    assert_error(&error, AP_ERROR_IO);
}


static void
test_a_link_is_read_and_not_followed(Fixture *f, gconstpointer data)
{
    g_autofree char *driver = ap_root_read_link(f->root, "/driver");
    g_autofree char *line = ap_root_read_line(f->root, "/etc/relative");

    (void)data;
    g_assert_cmpstr(driver, ==, "vfio_ap");
    g_assert_null(ap_root_read_link(f->root, "/etc/file"));
    g_assert_null(ap_root_read_link(f->root, "/nowhere"));
    g_assert_cmpstr(line, ==, "text");
    g_assert_null(ap_root_read_line(f->root, "/driver"));
    g_assert_true(ap_root_exists(f->root, "/etc/up"));
    g_assert_false(ap_root_exists(f->root, "/driver"));
    g_assert_false(ap_root_is_missing(f->root, "/driver"));
    g_assert_true(ap_root_is_missing(f->root, "/etc/missing"));
    g_assert_true(ap_root_is_missing(f->root, "/etc/file/below"));
    g_assert_false(ap_root_is_missing(f->root, "/etc/loop"));
    g_assert_false(ap_root_exists(f->root, "/etc/loop"));
}


static void
test_a_link_and_what_it_leads_to_are_told_apart(Fixture *f, gconstpointer data)
{
    g_autofree char *target = ap_root_read_target(f->root, "/driver");
    struct stat st = { .st_size = 77 };

    (void)data;
    g_assert_cmpstr(target, ==, "../../bus/ap/drivers/vfio_ap");
    g_assert_null(ap_root_read_target(f->root, "/etc/file"));
    g_assert_false(ap_root_stat(f->root, "/etc/dangling", TRUE, &st));
    g_assert_cmpint(st.st_size, ==, 77);
    g_assert_true(ap_root_stat(f->root, "/etc/dangling", FALSE, &st));
    g_assert_true(S_ISLNK(st.st_mode));
    g_assert_true(ap_root_stat(f->root, "/etc/absolute", TRUE, &st));
    g_assert_true(S_ISREG(st.st_mode));
    g_assert_cmpint(st.st_size, ==, strlen("text\n"));
}


static void
test_a_root_is_a_directory(Fixture *f, gconstpointer data)
{
    g_autofree char *file = g_build_filename(f->top, "secret", NULL);
    g_autofree char *missing = g_build_filename(f->top, "missing", NULL);
    g_autofree char *described = ap_root_describe(f->root, "/etc/x");
    g_autofree char *wanted = g_build_filename(f->top, "root/etc/x", NULL);
    g_autoptr(ApRoot) host = ap_root_new("/../", NULL);
    g_autofree char *plain = ap_root_describe(host, "/etc/x");
    g_autoptr(GError) error = NULL;

    (void)data;
    g_assert_null(ap_root_new(file, &error));
    assert_error(&error, AP_ERROR_IO);
    g_assert_null(ap_root_new(missing, &error));
    assert_error(&error, AP_ERROR_IO);
    g_assert_cmpstr(described, ==, wanted);
    g_assert_false(ap_root_is_host(f->root));
    g_assert_true(ap_root_is_host(host));
    g_assert_cmpstr(plain, ==, "/etc/x");
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/root/links-stay-inside", Fixture, NULL, set_up, test_links_stay_inside,
               tear_down);
    g_test_add("/root/directories-too", Fixture, NULL, set_up, test_directories_too, tear_down);
    g_test_add("/root/large-files-are-refused", Fixture, NULL, set_up,
               test_large_files_are_refused, tear_down);
    g_test_add("/root/text-has-no-nul-byte", Fixture, NULL, set_up, test_text_has_no_nul_byte,
               tear_down);
    g_test_add("/root/what-is-denied-is-noted", Fixture, NULL, set_up,
               test_what_is_denied_is_noted, tear_down);
    g_test_add("/root/lists-are-sorted-and-without-dot-files", Fixture, NULL, set_up,
               test_lists_are_sorted_and_without_dot_files, tear_down);
    g_test_add("/root/a-link-is-read-and-not-followed", Fixture, NULL, set_up,
               test_a_link_is_read_and_not_followed, tear_down);
    g_test_add("/root/a-link-and-what-it-leads-to-are-told-apart", Fixture, NULL, set_up,
               test_a_link_and_what_it_leads_to_are_told_apart, tear_down);
    g_test_add("/root/a-root-is-a-directory", Fixture, NULL, set_up, test_a_root_is_a_directory,
               tear_down);
    return g_test_run();
}
