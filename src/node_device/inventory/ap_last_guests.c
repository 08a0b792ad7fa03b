/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last guest of each APQN: a GKeyFile with a group for each. */
#include "node_device/inventory/ap_last_guests.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "node_device/inventory/ap_problem.h"
#include "util/ap_apqn_set.h"
#include "util/ap_error.h"

/* 65,536 APQNs, and names of 100 letters. */
#define FILE_MAX (16 * 1024 * 1024)
#define GROUPS_MAX ((AP_ID_MAX + 1) * (AP_ID_MAX + 1))
#define LINES_MAX (6 * GROUPS_MAX)


static void
last_guest_free(gpointer data)
{
    ApLastGuest *guest = data;

    g_free(guest->name);
    g_free(guest->uuid);
    g_free(guest);
}


static gpointer
make_key(ApApqn apqn)
{
    return GUINT_TO_POINTER((guint)apqn.adapter << 8 | apqn.domain);
}


static void
add_guest(GHashTable *last_guests, ApApqn apqn, const char *name, const char *uuid)
{
    ApLastGuest *guest = g_new0(ApLastGuest, 1);

    guest->name = g_strdup(name);
    guest->uuid = g_strdup(uuid);
    g_hash_table_insert(last_guests, make_key(apqn), guest);
}


static gboolean
read_group(GKeyFile *file, const char *group, GHashTable *last_guests)
{
    g_autofree char *name = g_key_file_get_string(file, group, "guest", NULL);
    g_autofree char *text = g_key_file_get_string(file, group, "uuid", NULL);
    g_autofree char *uuid = text ? ap_uuid_normalize(text) : NULL;
    ApApqn apqn;

    if (!ap_apqn_parse(group, &apqn) || !name || !uuid)
        return FALSE;
    add_guest(last_guests, apqn, name, uuid);
    return TRUE;
}


/* GKeyFile takes some 500 bytes for a group, and "[a]" is one; 150 for a line. */
static gboolean
is_too_much(const char *text, gsize length)
{
    const char *end = text + length;
    guint n_groups = 0;
    guint n_lines = 0;

    for (const char *line = text; line; line = memchr(line, '\n', end - line)) {
        line += *line == '\n';
        n_groups += line < end && *line == '[';
        n_lines++;
    }
    return n_groups > GROUPS_MAX || n_lines > LINES_MAX;
}


/* Adds the groups of @text to @last_guests; FALSE if it is not all understood. */
static gboolean
read_groups(const char *text, gsize length, GHashTable *last_guests)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_auto(GStrv) groups = NULL;
    gboolean ok = TRUE;

    if (is_too_much(text, length) ||
        !g_key_file_load_from_data(file, text, length, G_KEY_FILE_NONE, NULL))
        return FALSE;
    groups = g_key_file_get_groups(file, NULL);
    for (char **group = groups; *group; group++)
        ok &= read_group(file, *group, last_guests);
    return ok;
}


/* The file was cut, or somebody wrote into it: what stands there whole counts, group by group. */
static void
salvage(const char *text, gsize length, GHashTable *last_guests)
{
    const char *end = text + length;

    while (text < end) {
        const char *next = memmem(text + 1, end - text - 1, "\n[", 2);
        const char *chunk_end = next ? next + 1 : end;

        read_groups(text, chunk_end - text, last_guests);
        text = chunk_end;
    }
}


/* Whether what is there can be replaced: a disk that does not answer now may do so later. */
static gboolean
is_no_file(const ApRoot *root)
{
    struct stat st;

    return ap_root_stat(root, AP_LAST_GUESTS_PATH, FALSE, &st) &&
           (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX);
}


/* Adds what can be read of the file to @last_guests. Returns FALSE and sets @error if that is not
 * all; @ret_mendable then tells whether the rest is lost for good. */
static gboolean
load_file(const ApRoot *root, GHashTable *last_guests, gboolean *ret_mendable, GError **error)
{
    g_autofree char *path = ap_root_describe(root, AP_LAST_GUESTS_PATH);
    g_autoptr(GError) local = NULL;
    g_autofree char *text = NULL;
    gsize length;

    text = ap_root_read(root, AP_LAST_GUESTS_PATH, FILE_MAX, &length, &local);
    if (!text && g_error_matches(local, AP_ERROR, AP_ERROR_NOT_FOUND))
        return TRUE;
    *ret_mendable = text || is_no_file(root);
    if (!text) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    if (read_groups(text, length, last_guests))
        return TRUE;
    salvage(text, length, last_guests);
    g_set_error(error, AP_ERROR, AP_ERROR_CONFIG,
                "%s is damaged: of some queues nobody can tell which guest had them last", path);
    return FALSE;
}


static GHashTable *
last_guests_new(void)
{
    return g_hash_table_new_full(NULL, NULL, NULL, last_guest_free);
}


GHashTable *
ap_last_guests_load(const ApRoot *root, GPtrArray *problems)
{
    GHashTable *last_guests = last_guests_new();
    GError *error = NULL;
    gboolean mendable;

    if (!load_file(root, last_guests, &mendable, &error))
        ap_problem_add_hidden(problems, error, AP_PROBLEM_HIDES_LAST_GUEST);
    return last_guests;
}


const ApLastGuest *
ap_last_guests_find(GHashTable *last_guests, ApApqn apqn)
{
    return g_hash_table_lookup(last_guests, make_key(apqn));
}


static gboolean
set_io_error(GError **error, const char *what, const char *path)
{
    g_set_error(error, AP_ERROR, AP_ERROR_IO, "cannot %s %s: %s", what, path, strerror(errno));
    return FALSE;
}


/* Puts what cannot be read out of the way, as evidence. */
static gboolean
set_aside(const char *path, GError **error)
{
    g_autofree char *aside = g_strconcat(path, ".damaged", NULL);

    /* A directory can take the place of no file. */
    unlink(aside);
    if (rename(path, aside) == 0 || errno == ENOENT)
        return TRUE;
    return set_io_error(error, "set aside", path);
}


static int
compare_keys(gconstpointer a, gconstpointer b, gpointer data)
{
    (void)data;
    return GPOINTER_TO_INT(*(gpointer const *)a) - GPOINTER_TO_INT(*(gpointer const *)b);
}


/* In the order of the APQNs. */
static char *
format(GHashTable *last_guests)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    guint n;
    g_autofree gpointer *keys = g_hash_table_get_keys_as_array(last_guests, &n);

    g_qsort_with_data(keys, n, sizeof(keys[0]), compare_keys, NULL);
    for (guint i = 0; i < n; i++) {
        guint key = GPOINTER_TO_UINT(keys[i]);
        const ApLastGuest *guest = g_hash_table_lookup(last_guests, keys[i]);
        g_autofree char *group = ap_apqn_to_string((ApApqn){ key >> 8, key & AP_ID_MAX });

        g_key_file_set_string(file, group, "guest", guest->name);
        g_key_file_set_string(file, group, "uuid", guest->uuid);
    }
    return g_key_file_to_data(file, NULL, NULL);
}


static gboolean
save_file(const char *path, GHashTable *last_guests, GError **error)
{
    g_autofree char *text = format(last_guests);
    g_autoptr(GError) local = NULL;

    if (g_file_set_contents_full(path, text, -1,
                                 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                 0644, &local))
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_IO, "%s", local->message);
    return FALSE;
}


/* Nobody else writes the file meanwhile: the lock is its own, so that nobody who keeps that of the
 * AP configuration can make a guest's note be lost. Returns -1 with errno. */
static int
lock_dir(const char *dir)
{
    int fd;

    g_mkdir_with_parents(dir, 0755);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && flock(fd, LOCK_EX) < 0) {
        if (errno == EINTR)
            continue;
        close(fd);
        return -1;
    }
    return fd;
}


static void
add_matrix(GHashTable *last_guests, const ApMatrix *matrix, const char *name, const char *uuid)
{
    ApApqnSet set = { 0 };
    guint position = 0;
    ApApqn apqn;

    ap_apqn_set_add(&set, &matrix->adapters, &matrix->domains);
    while (ap_apqn_set_next(&set, &position, &apqn))
        add_guest(last_guests, apqn, name, uuid);
}


gboolean
ap_last_guests_note(const ApRoot *root, const ApMatrix *matrix, const char *name,
                    const char *uuid, GError **error)
{
    g_autofree char *path = g_build_filename(ap_root_get_path(root), AP_LAST_GUESTS_PATH, NULL);
    g_autofree char *dir = g_path_get_dirname(path);
    g_autoptr(GHashTable) last_guests = last_guests_new();
    g_autoptr(GError) local = NULL;
    int lock = lock_dir(dir);
    gboolean mendable = FALSE;
    gboolean ok;

    if (lock < 0)
        return set_io_error(error, "lock", dir);
    ok = load_file(root, last_guests, &mendable, &local) || (mendable && set_aside(path, error));
    if (!ok && !mendable)
        g_propagate_error(error, g_steal_pointer(&local));
    if (ok) {
        add_matrix(last_guests, matrix, name, uuid);
        ok = save_file(path, last_guests, error);
    }
    close(lock);
    return ok;
}
