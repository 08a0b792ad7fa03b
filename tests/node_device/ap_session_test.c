/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every program of ours begins with, on a tree of its own. */
#include "node_device/ap_session.h"

#include <glib/gstdio.h>
#include <unistd.h>

#include "ap_test.h"
#include "util/ap_lock.h"

typedef struct {
    char *dir;
    char *lock;
    ApRoot *root;
    ApSession *session;
} Fixture;


static GPtrArray *
no_guests(GPtrArray *problems G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED)
{
    return NULL;
}


static void
write_config(const Fixture *fixture, const char *text)
{
    g_autofree char *path = ap_root_join(fixture->root, AP_CONFIG_PATH);
    g_autofree char *dir = g_path_get_dirname(path);

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}


static void
set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *run = NULL;

    fixture->dir = g_dir_make_tmp("ap-session-XXXXXX", NULL);
    fixture->root = ap_root_new(fixture->dir, NULL);
    fixture->session = ap_session_new(fixture->root, no_guests, NULL);
    fixture->lock = ap_root_join(fixture->root, AP_LOCK_PATH);
    run = g_path_get_dirname(fixture->lock);
    g_assert_cmpint(g_mkdir_with_parents(run, 0755), ==, 0);
}


static void
tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const char *argv[] = { "rm", "-r", fixture->dir, NULL };

    ap_session_free(fixture->session);
    ap_root_free(fixture->root);
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                               NULL, NULL, NULL));
    g_free(fixture->lock);
    g_free(fixture->dir);
}


static guint
get_timeout(const Fixture *fixture)
{
    return ap_session_get_config(fixture->session)->lock_timeout_s;
}


static void
test_a_broken_configuration_leaves_the_default_one(Fixture *fixture,
                                                   gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    g_assert_cmpuint(get_timeout(fixture), ==, 30);
    write_config(fixture, "[lock]\ntimeout=7\n");
    g_assert_true(ap_session_load_config(fixture->session, &error));
    g_assert_cmpuint(get_timeout(fixture), ==, 7);
    write_config(fixture, "[lock]\ntimeout=soon\n");
    g_assert_false(ap_session_load_config(fixture->session, &error));
    assert_error(&error, AP_ERROR_CONFIG);
    g_assert_cmpuint(get_timeout(fixture), ==, 30);
}


static void
test_the_lock_outlives_a_session_that_does_not_give_it_back(Fixture *fixture,
                                                            gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    ap_session_unlock(fixture->session);
    g_assert_true(ap_session_lock(fixture->session, getpid(), &error));
    g_assert_true(ap_lock_is_held_by(fixture->lock, getpid()));
    ap_session_unlock(fixture->session);
    g_assert_false(g_file_test(fixture->lock, G_FILE_TEST_EXISTS));

    g_assert_true(ap_session_lock(fixture->session, getpid(), &error));
    ap_session_free(fixture->session);
    fixture->session = ap_session_new(fixture->root, no_guests, NULL);
    /* What this one has not taken it does not give back. */
    ap_session_unlock(fixture->session);
    g_assert_true(ap_lock_is_held_by(fixture->lock, getpid()));
    ap_lock_release(fixture->lock, getpid());
}


static void
test_who_has_the_lock_is_waited_for_as_configured(Fixture *fixture,
                                                  gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *parent = g_strdup_printf("%d\n", getppid());
    g_autoptr(GError) error = NULL;

    write_config(fixture, "[lock]\ntimeout=0\n");
    g_assert_true(ap_session_load_config(fixture->session, &error));
    g_assert_true(g_file_set_contents(fixture->lock, parent, -1, NULL));
    g_assert_cmpint(g_chmod(fixture->lock, 0644), ==, 0);
    g_assert_false(ap_session_lock(fixture->session, getpid(), &error));
    assert_error(&error, AP_ERROR_LOCKED);
    ap_session_unlock(fixture->session);
    g_assert_true(ap_lock_is_held_by(fixture->lock, getppid()));
}


static void
test_the_inventory_outlives_the_session(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(ApInventory) inventory = NULL;

    write_config(fixture, "[lock]\ntimeout=7\n");
    g_assert_true(ap_session_load_config(fixture->session, NULL));
    inventory = ap_session_load_inventory(fixture->session, AP_SESSION_ALL);
    ap_session_free(fixture->session);
    fixture->session = ap_session_new(fixture->root, no_guests, NULL);
    g_assert_cmpuint(ap_inventory_get_config(inventory)->lock_timeout_s, ==, 7);
    g_assert_false(ap_inventory_get_host(inventory)->has_bus);
    g_assert_cmpuint(ap_inventory_get_mdevs(inventory)->len, ==, 0);
}


#define ADD(path, func) g_test_add(path, Fixture, NULL, set_up, func, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/session/config", test_a_broken_configuration_leaves_the_default_one);
    ADD("/session/lock", test_the_lock_outlives_a_session_that_does_not_give_it_back);
    ADD("/session/wait", test_who_has_the_lock_is_waited_for_as_configured);
    ADD("/session/inventory", test_the_inventory_outlives_the_session);
    return g_test_run();
}
