/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading inside a root while others rename: openat2(2) answers EAGAIN where a path has a "..". */
#include "util/ap_root.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <unistd.h>

#define READS 20000

static gint stop;


static gpointer
rename_all_the_time(gpointer data)
{
    const char *dir = data;
    g_autofree char *a = g_build_filename(dir, "a", NULL);
    g_autofree char *b = g_build_filename(dir, "b", NULL);

    while (!g_atomic_int_get(&stop)) {
        g_assert_cmpint(rename(a, b), ==, 0);
        g_assert_cmpint(rename(b, a), ==, 0);
    }
    return NULL;
}


static void
test_reading_while_others_rename(void)
{
    g_autofree char *dir = g_dir_make_tmp("root-race-XXXXXX", NULL);
    g_autofree char *a = g_build_filename(dir, "a", NULL);
    g_autofree char *sub = g_build_filename(dir, "sub", NULL);
    g_autofree char *file = g_build_filename(dir, "file", NULL);
    g_autofree char *link = g_build_filename(sub, "link", NULL);
    g_autoptr(ApRoot) root = ap_root_new(dir, NULL);
    GThread *thread;

    g_assert_true(g_file_set_contents(a, "a", -1, NULL));
    g_assert_true(g_file_set_contents(file, "content", -1, NULL));
    g_assert_cmpint(g_mkdir(sub, 0700), ==, 0);
    g_assert_cmpint(symlink("../file", link), ==, 0);
    thread = g_thread_new("rename", rename_all_the_time, dir);
    for (guint i = 0; i < READS; i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = ap_root_read(root, "/sub/link", 100, NULL, &error);

        g_assert_no_error(error);
        g_assert_cmpstr(text, ==, "content");
    }
    g_atomic_int_set(&stop, 1);
    g_thread_join(thread);
    g_unlink(link);
    g_unlink(file);
    g_unlink(a);
    g_rmdir(sub);
    g_rmdir(dir);
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/root/reading-while-others-rename", test_reading_while_others_rename);
    return g_test_run();
}
