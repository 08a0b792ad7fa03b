/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two records of keys: zkey's repository, and the last guest of each queue. */
#include "node_device/inventory/ap_zkey.h"

#include "ap_test.h"
#include "node_device/inventory/ap_last_guests.h"
#include "node_device/inventory/ap_problem.h"

#define UUID "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"


static void
test_zkey_names_apqns(void)
{
    static const struct {
        const char *text;
        const char *apqns; /* NULL: refused */
    } cases[] = {
        { "apqns=5.47\n", NULL },
        { "apqns=05.0047,\n", NULL },
        { "apqns=\n", "" },
        { "", "" },
        { "volumes=/dev/dasda:05.0047\n#apqns=05.0047\n", "" },
        { "key-type=CCA-AESDATA\napqns=05.0047,0A.00FF\n__hash__=00\n", "05.0047 0a.00ff" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        ApApqnSet set = { 0 };

        g_test_message("%s", cases[i].text);
        g_assert_cmpint(ap_zkey_parse(cases[i].text, &set, &error), ==, cases[i].apqns != NULL);
        assert_apqns(&set, cases[i].apqns ? cases[i].apqns : "");
        if (!cases[i].apqns)
            assert_error(&error, AP_ERROR_NUMBER);
    }
}


/* An empty root, with the record in it if there is a text. */
static char *
make_root(const char *text)
{
    char *path = g_dir_make_tmp("ap-last-XXXXXX", NULL);
    g_autofree char *file = g_strconcat(path, AP_LAST_GUESTS_PATH, NULL);
    g_autofree char *dir = g_path_get_dirname(file);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0700), ==, 0);
    if (text)
        g_assert_true(g_file_set_contents(file, text, -1, NULL));
    return path;
}


static void
remove_root(const char *path)
{
    const char *const parts[] = { "/last-guests", "", NULL };
    g_autofree char *var = g_build_filename(path, "var", NULL);
    g_autofree char *lib = g_build_filename(var, "lib", NULL);
    g_autofree char *ours = g_build_filename(lib, "libvirt-ap", NULL);
    const char *const dirs[] = { ours, lib, var, path };

    for (const char *const *part = parts; **part; part++) {
        g_autofree char *file = g_strconcat(ours, *part, NULL);

        g_remove(file);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(dirs); i++)
        g_assert_cmpint(g_rmdir(dirs[i]), ==, 0);
}


static void
test_last_guests_are_groups_of_a_key_file(void)
{
    static const struct {
        const char *text; /* NULL: no file */
        guint n_guests;
        guint n_problems;
    } cases[] = {
        { NULL, 0, 0 },
        { "", 0, 0 },
        { "[05.0047]\nguest=g\nuuid=" UUID "\n", 1, 0 },
        { "[05.0047]\nguest=g\n[05.0004]\nguest=g\nuuid=5\n[5.4]\nguest=g\nuuid=" UUID "\n"
          "[06.0004]\nguest=g\nuuid=" UUID "\n",
          1, 1 },
        { "guest=g\n", 0, 1 },
        { "[05.0047\n", 0, 1 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = make_root(cases[i].text);
        g_autoptr(ApRoot) root = ap_root_new(path, NULL);
        g_autoptr(GPtrArray) problems = ap_problem_list_new();
        g_autoptr(GHashTable) guests = ap_last_guests_load(root, problems);

        g_test_message("%s", cases[i].text ? cases[i].text : "no file");
        g_assert_cmpuint(g_hash_table_size(guests), ==, cases[i].n_guests);
        g_assert_cmpuint(problems->len, ==, cases[i].n_problems);
        remove_root(path);
    }
}


static void
test_a_last_guest_is_found_by_apqn(void)
{
    g_autofree char *path =
        make_root("[05.0047]\nguest=web\nuuid=AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA\n");
    g_autoptr(ApRoot) root = ap_root_new(path, NULL);
    g_autoptr(GPtrArray) problems = ap_problem_list_new();
    g_autoptr(GHashTable) guests = ap_last_guests_load(root, problems);
    const ApLastGuest *guest = ap_last_guests_find(guests, (ApApqn){ 5, 71 });

    g_assert_cmpstr(guest->name, ==, "web");
    g_assert_cmpstr(guest->uuid, ==, UUID);
    g_assert_null(ap_last_guests_find(guests, (ApApqn){ 71, 5 }));
    remove_root(path);
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keys/zkey-names-apqns", test_zkey_names_apqns);
    g_test_add_func("/keys/last-guests-are-groups-of-a-key-file",
                    test_last_guests_are_groups_of_a_key_file);
    g_test_add_func("/keys/a-last-guest-is-found-by-apqn", test_a_last_guest_is_found_by_apqn);
    return g_test_run();
}
