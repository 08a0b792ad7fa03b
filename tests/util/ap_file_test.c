/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is written to disk. */
#include "util/ap_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "ap_test.h"


static void
test_what_is_not_written_is_told(void)
{
    int full = open("/dev/full", O_WRONLY);
    int pipe_fds[2];
    g_autoptr(GByteArray) back = g_byte_array_new();

    g_assert_cmpint(ap_file_write_all(full, "text", 4), ==, ENOSPC);
    g_assert_cmpint(ap_file_write_all(full, "", 0), ==, 0);
    g_assert_cmpint(ap_file_write_all(-1, "text", 4), ==, EBADF);
    g_assert_cmpint(pipe(pipe_fds), ==, 0);
    g_assert_cmpint(ap_file_write_all(pipe_fds[1], "text", 4), ==, 0);
    close(pipe_fds[1]);
    g_assert_cmpint(ap_file_read_all(pipe_fds[0], 4, back), ==, 0);
    g_assert_cmpmem(back->data, back->len, "text", 4);
    g_assert_cmpint(ap_file_read_all(-1, 4, back), ==, EBADF);
    close(full);
    close(pipe_fds[0]);
}


static void
test_what_is_too_much_is_told(void)
{
    g_autoptr(GByteArray) buffer = g_byte_array_new();
    int zero = open("/dev/zero", O_RDONLY);

    g_assert_cmpint(ap_file_read_all(zero, 100000, buffer), ==, EFBIG);
    g_assert_cmpuint(buffer->len, <=, 100000);
    close(zero);
}


static void
test_a_tree_goes_and_what_it_links_to_stays(void)
{
    g_autofree char *top = g_dir_make_tmp("ap-file-XXXXXX", NULL);
    g_autofree char *tree = g_build_filename(top, "tree", NULL);
    g_autofree char *deep = g_build_filename(tree, "a", "b", NULL);
    g_autofree char *link = g_build_filename(deep, "link", NULL);
    g_autofree char *kept = g_build_filename(top, "kept", NULL);

    g_assert_cmpint(g_mkdir_with_parents(deep, 0700), ==, 0);
    g_assert_true(g_file_set_contents(kept, "text", -1, NULL));
    g_assert_cmpint(symlink("../../..", link), ==, 0);
    g_assert_cmpint(ap_file_sync_dir(deep), ==, 0);
    g_assert_cmpint(ap_file_remove_tree(tree), ==, 0);
    g_assert_false(g_file_test(tree, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(kept, G_FILE_TEST_EXISTS));
    g_assert_cmpint(ap_file_remove_tree(tree), ==, ENOENT);
    g_assert_cmpint(ap_file_sync_dir(tree), ==, ENOENT);
    g_assert_cmpint(ap_file_remove_tree(top), ==, 0);
}


static void
test_a_new_name_replaces_nothing(void)
{
    g_autofree char *top = g_dir_make_tmp("ap-file-XXXXXX", NULL);
    g_autofree char *a = g_build_filename(top, "a", NULL);
    g_autofree char *b = g_build_filename(top, "b", NULL);
    g_autofree char *text = NULL;

    g_assert_true(g_file_set_contents(a, "a", -1, NULL));
    g_assert_cmpint(ap_file_rename_new(a, b), ==, 0);
    g_assert_false(g_file_test(a, G_FILE_TEST_EXISTS));
    g_assert_cmpint(ap_file_rename_new(a, b), ==, ENOENT);
    g_assert_true(g_file_set_contents(a, "other", -1, NULL));
    g_assert_cmpint(ap_file_rename_new(a, b), ==, EEXIST);
    g_assert_true(g_file_get_contents(b, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "a");
    g_assert_true(ap_file_lacks(EINVAL));
    g_assert_false(ap_file_lacks(EACCES));
    g_assert_cmpint(ap_file_remove_tree(top), ==, 0);
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/file/what-is-not-written-is-told", test_what_is_not_written_is_told);
    g_test_add_func("/file/what-is-too-much-is-told", test_what_is_too_much_is_told);
    g_test_add_func("/file/a-tree-goes-and-what-it-links-to-stays",
                    test_a_tree_goes_and_what_it_links_to_stays);
    g_test_add_func("/file/a-new-name-replaces-nothing", test_a_new_name_replaces_nothing);
    return g_test_run();
}
