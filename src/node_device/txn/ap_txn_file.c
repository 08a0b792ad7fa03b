/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The step that changes a file.
 *
 * The new content is written beside the file, to a name with a dot that mdevctl does not read, and
 * the two are exchanged; so what was there can be looked at after the fact: if it is not what was
 * judged, they are exchanged again, and nothing that somebody else wrote is lost. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node_device/txn/ap_txn_priv.h"
#include "util/ap_error.h"
#include "util/ap_file.h"

/* Where a step works. The names are inside the root, the paths as the kernel knows them. */
typedef struct {
    const ApRoot *root;
    const char *name;
    char *aside_name;
    char *path;
    char *dir;
    char *aside; /* what comes, then what was there */
    char *undo;  /* what an undo writes: a half of it must not be taken for what was there */
} Place;


static void
place_clear(Place *place)
{
    g_free(place->aside_name);
    g_free(place->path);
    g_free(place->dir);
    g_free(place->aside);
    g_free(place->undo);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)


static Place
make_place(const ApRoot *root, const char *name)
{
    g_autofree char *base = g_path_get_basename(name);
    g_autofree char *dir = g_path_get_dirname(name);
    Place place = { .root = root, .name = name };

    place.aside_name = g_strdup_printf("%s/.%s.libvirt-ap", dir, base);
    place.path = ap_root_join(root, name);
    place.dir = g_path_get_dirname(place.path);
    place.aside = ap_root_join(root, place.aside_name);
    place.undo = g_strdup_printf("%s.undo", place.aside);
    return place;
}


static gboolean
set_io_error(GError **error, const char *what, const char *path, int errnum)
{
    g_set_error(error, AP_ERROR, AP_ERROR_IO, "cannot %s %s: %s", what, path, strerror(errnum));
    return FALSE;
}


static gboolean
set_changed_error(GError **error, const char *path)
{
    g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                "%s was changed by somebody else meanwhile; that change stays\n"
                "look at it, then try again",
                path);
    return FALSE;
}


/* Reads a file; @ret_content is NULL if it is not there. A fifo of that name is an error. */
static gboolean
read_file(const ApRoot *root, const char *name, GBytes **ret_content, GError **error)
{
    g_autoptr(GError) local = NULL;
    gsize length;
    char *text = ap_root_read(root, name, AP_ROOT_SMALL_MAX, &length, &local);

    *ret_content = text ? g_bytes_new_take(text, length) : NULL;
    if (text || g_error_matches(local, AP_ERROR, AP_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}


static gboolean
is_same(GBytes *a, GBytes *b)
{
    return a && b ? g_bytes_equal(a, b) : a == b;
}


static gboolean
sync_dir(const char *dir, GError **error)
{
    int errnum = ap_file_sync_dir(dir);

    return errnum == 0 ? TRUE : set_io_error(error, "write to disk what changed in", dir, errnum);
}


/* The file that comes keeps mode and owner of the one that goes. */
static int
copy_owner(int fd, const char *path)
{
    struct stat st;

    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return fchmod(fd, 0644) < 0 ? errno : 0;
    return fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 07777) < 0 ? errno : 0;
}


static gboolean
write_new(const Place *place, const char *new_path, GBytes *content, GError **error)
{
    const char *data;
    gsize length;
    int fd;
    int errnum;

    /* If that fails, open(2) says why. */
    unlink(new_path);
    fd = open(new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return set_io_error(error, "write", new_path, errno);
    data = g_bytes_get_data(content, &length);
    errnum = ap_file_write_all(fd, data, length);
    if (errnum == 0)
        errnum = copy_owner(fd, place->path);
    if (errnum == 0 && fsync(fd) < 0)
        errnum = errno;
    if (close(fd) < 0 && errnum == 0)
        errnum = errno;
    if (errnum == 0)
        return TRUE;
    unlink(new_path);
    return set_io_error(error, "write", new_path, errnum);
}


/* For file systems that cannot exchange (NFS): a window remains between look and change. */
static int
exchange(const Place *place, GBytes *expected)
{
    g_autoptr(GBytes) content = NULL;

    if (renameat2(AT_FDCWD, place->aside, AT_FDCWD, place->path, RENAME_EXCHANGE) == 0)
        return 0;
    if (!ap_file_lacks(errno))
        return errno;
    if (!read_file(place->root, place->name, &content, NULL))
        return EIO;
    if (!is_same(content, expected))
        return ENOENT;
    return rename(place->aside, place->path) < 0 ? errno : 0;
}


/* What the step took away must be what was judged; else it is put back. */
static gboolean
check_taken(const Place *place, const ApStep *step, GError **error)
{
    g_autoptr(GBytes) taken = NULL;
    int errnum = 0;

    if (!read_file(place->root, place->aside_name, &taken, error))
        return FALSE;
    if (!taken || is_same(taken, step->file_before))
        return TRUE;
    if (!step->file_after)
        errnum = ap_file_rename_new(place->aside, place->path);
    else if (renameat2(AT_FDCWD, place->aside, AT_FDCWD, place->path, RENAME_EXCHANGE) < 0)
        errnum = errno;
    if (errnum != 0)
        return set_io_error(error, "put back", place->path, errnum);
    return set_changed_error(error, place->path);
}


static gboolean
take_place(const Place *place, const ApStep *step, GError **error)
{
    int errnum = 0;

    if (!step->file_after)
        errnum = rename(place->path, place->aside) < 0 ? errno : 0;
    else if (step->file_before)
        errnum = exchange(place, step->file_before);
    else
        errnum = ap_file_rename_new(place->aside, place->path);
    /* Somebody else removed it: so be it. */
    if (errnum == ENOENT && !step->file_after)
        return TRUE;
    if (errnum == ENOENT || errnum == EEXIST)
        return set_changed_error(error, place->path);
    return errnum == 0 ? TRUE : set_io_error(error, "change", place->path, errnum);
}


gboolean
ap_step_file_tidy(const ApRoot *root, const ApStep *step, GError **error)
{
    g_auto(Place) place = make_place(root, step->name);

    if (step->file_before && !check_taken(&place, step, error))
        return FALSE;
    if (g_file_test(place.dir, G_FILE_TEST_IS_DIR) && !sync_dir(place.dir, error))
        return FALSE;
    if (unlink(place.aside) < 0 && errno != ENOENT)
        return set_io_error(error, "remove", place.aside, errno);
    return TRUE;
}


gboolean
ap_step_file_do(const ApRoot *root, const ApStep *step, GError **error)
{
    g_auto(Place) place = make_place(root, step->name);

    if (step->file_after && g_mkdir_with_parents(place.dir, 0755) < 0)
        return set_io_error(error, "make", place.dir, errno);
    if (step->file_after && !write_new(&place, place.aside, step->file_after, error))
        return FALSE;
    return take_place(&place, step, error) && ap_step_file_tidy(root, step, error);
}


/* Puts the old content back: the file that was taken away if it is still there, else a new one. */
static gboolean
put_back(const Place *place, const ApStep *step, GBytes *aside, GError **error)
{
    gboolean is_old_file = aside && !is_same(aside, step->file_after);
    const char *old_path = is_old_file ? place->aside : place->undo;

    if (!step->file_before) {
        if (unlink(place->path) < 0 && errno != ENOENT)
            return set_io_error(error, "remove", place->path, errno);
        return TRUE;
    }
    if (!is_old_file && !write_new(place, old_path, step->file_before, error))
        return FALSE;
    if (rename(old_path, place->path) < 0)
        return set_io_error(error, "put back", place->path, errno);
    return TRUE;
}


gboolean
ap_step_file_undo(const ApRoot *root, const ApStep *step, GError **error)
{
    g_auto(Place) place = make_place(root, step->name);
    g_autoptr(GBytes) now = NULL;
    g_autoptr(GBytes) aside = NULL;

    if (!read_file(root, place.name, &now, error) ||
        !read_file(root, place.aside_name, &aside, error))
        return FALSE;
    if (is_same(now, step->file_after) && !put_back(&place, step, aside, error))
        return FALSE;
    if (aside && unlink(place.aside) < 0 && errno != ENOENT)
        return set_io_error(error, "remove", place.aside, errno);
    if (g_file_test(place.undo, G_FILE_TEST_EXISTS) && unlink(place.undo) < 0)
        return set_io_error(error, "remove", place.undo, errno);
    return !g_file_test(place.dir, G_FILE_TEST_IS_DIR) || sync_dir(place.dir, error);
}


gboolean
ap_step_file_holds(const ApRoot *root, const char *path, GBytes *content, gboolean *ret_holds,
                   GError **error)
{
    g_autoptr(GBytes) now = NULL;

    if (!read_file(root, path, &now, error))
        return FALSE;
    *ret_holds = is_same(now, content);
    return TRUE;
}
