/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node_device/inventory/ap_claim.h"

#include "ap_test.h"
#include "node_device/inventory/ap_problem.h"
#include "util/ap_file.h"

#define GUEST "00000001-0000-4000-8000-000000000000"
#define MDEV  "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
#define DAEMON 77


/* A root with processes: this one, and libvirt's daemon with that text in its stat file. */
static ApRoot *
make_root(const char *stat)
{
    g_autofree char *path = g_dir_make_tmp("ap-claim-XXXXXX", NULL);
    g_autofree char *self = g_build_filename(path, "proc/self", NULL);
    g_autofree char *daemon = g_build_filename(path, "proc/77", NULL);
    g_autofree char *file = g_build_filename(daemon, "stat", NULL);

    g_assert_cmpint(g_mkdir_with_parents(self, 0700), ==, 0);
    g_assert_cmpint(g_mkdir_with_parents(daemon, 0700), ==, 0);
    g_assert_true(g_file_set_contents(file, stat, -1, NULL));
    return ap_root_new(path, NULL);
}


static void
set_stat(const ApRoot *root, const char *stat)
{
    g_autofree char *file = g_build_filename(ap_root_get_path(root), "proc/77/stat", NULL);

    if (stat)
        g_assert_true(g_file_set_contents(file, stat, -1, NULL));
    else
        g_assert_cmpint(g_remove(file), ==, 0);
}


static void
free_root(ApRoot *root)
{
    g_assert_cmpint(ap_file_remove_tree(ap_root_get_path(root)), ==, 0);
    ap_root_free(root);
}

#define STAT(start) "77 (libvirtd) S 1 77 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 " start " 0\n"


static void
test_a_claim_lives_as_long_as_its_daemon(void)
{
    ApRoot *root = make_root(STAT("500"));
    g_autoptr(ApClaim) claim = ap_claim_new(root, "web", GUEST, MDEV, DAEMON);

    g_assert_true(ap_claim_is_alive(claim, root));
    /* Another process with its id. */
    set_stat(root, STAT("501"));
    g_assert_false(ap_claim_is_alive(claim, root));
    /* One that cannot be looked at. */
    set_stat(root, "");
    g_assert_true(ap_claim_is_alive(claim, root));
    set_stat(root, NULL);
    g_assert_false(ap_claim_is_alive(claim, root));
    free_root(root);
}


static void
test_a_claim_of_an_unknown_daemon_is_not_written(void)
{
    ApRoot *root = make_root("");
    g_autoptr(ApClaim) claim = ap_claim_new(root, "web", GUEST, MDEV, DAEMON);
    g_autoptr(GPtrArray) problems = ap_problem_list_new();
    g_autoptr(GPtrArray) claims = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_false(ap_claim_write(claim, root, &error));
    assert_error(&error, AP_ERROR_IO);
    claims = ap_claims_load(root, problems);
    g_assert_cmpuint(claims->len, ==, 0);
    g_assert_cmpuint(problems->len, ==, 0);
    free_root(root);
}


static void
test_a_claim_of_a_guest_that_has_ended_says_so(void)
{
    ApRoot *root = make_root(STAT("500"));
    g_autoptr(ApClaim) claim = ap_claim_new(root, "web", GUEST, MDEV, DAEMON);
    g_autoptr(GPtrArray) problems = ap_problem_list_new();
    g_autoptr(GPtrArray) before = NULL;
    g_autoptr(GPtrArray) after = NULL;
    g_autoptr(GPtrArray) gone = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(ap_claims_end(root, GUEST, &error));
    claim->brought_up = TRUE;
    g_assert_true(ap_claim_write(claim, root, &error));
    before = ap_claims_load(root, problems);
    g_assert_cmpuint(before->len, ==, 1);
    g_assert_false(((ApClaim *)before->pdata[0])->ended);
    g_assert_true(ap_claims_end(root, MDEV, &error));
    g_assert_true(ap_claims_end(root, GUEST, &error));
    g_assert_true(ap_claims_end(root, GUEST, &error));
    after = ap_claims_load(root, problems);
    g_assert_cmpuint(after->len, ==, 1);
    g_assert_true(((ApClaim *)after->pdata[0])->ended);
    g_assert_true(((ApClaim *)after->pdata[0])->brought_up);
    ap_claim_remove(after->pdata[0], root);
    gone = ap_claims_load(root, problems);
    g_assert_cmpuint(gone->len, ==, 0);
    g_assert_cmpuint(problems->len, ==, 0);
    free_root(root);
}


/* Each content of a claim, and whether it can hide a holder. */
static void
test_what_is_no_claim_hides_a_holder(void)
{
    static const struct {
        const char *name;
        const char *text;
        gboolean hides;
    } cases[] = {
        { GUEST "." MDEV, "", TRUE },
        { GUEST "." MDEV, "[claim]\nguest=web\n", TRUE },
        { GUEST "." MDEV, "\1", TRUE },
        { GUEST "." MDEV ".ended", "", FALSE },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        ApRoot *root = make_root(STAT("500"));
        g_autofree char *dir = g_build_filename(ap_root_get_path(root), AP_CLAIM_DIR, NULL);
        g_autofree char *file = g_build_filename(dir, cases[i].name, NULL);
        g_autoptr(GPtrArray) problems = ap_problem_list_new();
        g_autoptr(GPtrArray) claims = NULL;

        g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
        g_assert_true(g_file_set_contents(file, cases[i].text, -1, NULL));
        claims = ap_claims_load(root, problems);
        g_assert_cmpuint(claims->len, ==, 0);
        g_assert_cmpuint(problems->len, ==, 1);
        g_assert_cmpint(ap_problem_is_hidden(problems, AP_PROBLEM_HIDES_HOLDER), ==,
                        cases[i].hides);
        free_root(root);
    }
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/claim/lives-as-long-as-its-daemon", test_a_claim_lives_as_long_as_its_daemon);
    g_test_add_func("/claim/of-an-unknown-daemon-is-not-written",
                    test_a_claim_of_an_unknown_daemon_is_not_written);
    g_test_add_func("/claim/of-a-guest-that-has-ended-says-so",
                    test_a_claim_of_a_guest_that_has_ended_says_so);
    g_test_add_func("/claim/what-is-no-claim-hides-a-holder", test_what_is_no_claim_hides_a_holder);
    return g_test_run();
}
