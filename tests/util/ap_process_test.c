/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/ap_process.h"

#include "ap_test.h"
#include "util/ap_file.h"


static void
write_stat(const char *dir, int pid, const char *text)
{
    g_autofree char *path = g_strdup_printf("%s/proc/%d", dir, pid);
    g_autofree char *stat = g_build_filename(path, "stat", NULL);

    g_assert_cmpint(g_mkdir_with_parents(path, 0700), ==, 0);
    g_assert_true(g_file_set_contents(stat, text, -1, NULL));
}


/* A process with @parent, in @session. */
static void
add_process(const char *dir, int pid, const char *command, int parent, int session)
{
    g_autofree char *text = g_strdup_printf("%d (%s) S %d 1 %d 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 "
                                            "0 %d00 0\n",
                                            pid, command, parent, session, pid);

    write_stat(dir, pid, text);
}


static char *
make_dir(void)
{
    return g_dir_make_tmp("ap-process-XXXXXX", NULL);
}


static void
test_a_stat_file_is_read(void)
{
    g_autofree char *dir = make_dir();
    g_autoptr(ApRoot) root = ap_root_new(dir, NULL);
    g_autoptr(ApProcess) process = NULL;

    add_process(dir, 70, "a) R 1 (b", 12, 13);
    process = ap_process_read(root, 70, NULL);
    g_assert_cmpstr(process->command, ==, "a) R 1 (b");
    g_assert_cmpint(process->parent, ==, 12);
    g_assert_cmpint(process->session, ==, 13);
    g_assert_cmpstr(process->start, ==, "7000");
    g_assert_cmpint(ap_file_remove_tree(dir), ==, 0);
}


static void
test_what_is_gone_is_told_from_what_cannot_be_read(void)
{
    static const char *const bad[] = { "", "70", "70 (a", "70 (a)", "70 (a) S 1 2 3\n",
                                      "70 )a( S" };
    g_autofree char *dir = make_dir();
    g_autoptr(ApRoot) root = ap_root_new(dir, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_null(ap_process_read(root, 70, &error));
    assert_error(&error, AP_ERROR_NOT_FOUND);
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("%s", bad[i]);
        write_stat(dir, 70, bad[i]);
        g_assert_null(ap_process_read(root, 70, &error));
        assert_error(&error, AP_ERROR_IO);
    }
    g_assert_cmpint(ap_file_remove_tree(dir), ==, 0);
}


static void
test_the_daemon_is_found_behind_a_shell(void)
{
    g_autofree char *dir = make_dir();
    g_autoptr(ApRoot) root = ap_root_new(dir, NULL);

    /* systemd, a daemon of libvirt, and the shell of a script. */
    add_process(dir, 1, "systemd", 0, 1);
    add_process(dir, 50, "virtqemud", 1, 50);
    add_process(dir, 60, "sh", 50, 50);
    g_assert_cmpint(ap_process_find_daemon(root, 60, 50), ==, 50);
    g_assert_cmpint(ap_process_find_daemon(root, 50, 50), ==, 50);
    /* A script that made a session of its own. */
    add_process(dir, 61, "sh", 50, 61);
    g_assert_cmpint(ap_process_find_daemon(root, 61, 61), ==, 50);
    /* A daemon of another name, started by a shell of another session. */
    add_process(dir, 40, "bash", 1, 40);
    add_process(dir, 51, "embedded", 40, 51);
    add_process(dir, 62, "sh", 51, 51);
    g_assert_cmpint(ap_process_find_daemon(root, 62, 51), ==, 51);
    /* What cannot be looked at ends the search. */
    g_assert_cmpint(ap_process_find_daemon(root, 99, 51), ==, 99);
    /* Who runs it himself, in a ring that no kernel makes. */
    add_process(dir, 63, "sh", 64, 1000);
    add_process(dir, 64, "sh", 63, 1000);
    g_assert_cmpint(ap_process_find_daemon(root, 63, 1), ==, 63);
    g_assert_cmpint(ap_file_remove_tree(dir), ==, 0);
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/process/a-stat-file-is-read", test_a_stat_file_is_read);
    g_test_add_func("/process/what-is-gone-is-told-from-what-cannot-be-read",
                    test_what_is_gone_is_told_from_what_cannot_be_read);
    g_test_add_func("/process/the-daemon-is-found-behind-a-shell",
                    test_the_daemon_is_found_behind_a_shell);
    return g_test_run();
}
