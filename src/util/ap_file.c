/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files by their descriptor, and what is written to disk. */
#include "util/ap_file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 65536

/* How many directories a walk keeps open. */
#define WALK_FDS 16


int
ap_file_read_all(int fd, gsize max, GByteArray *buffer)
{
    g_autofree guint8 *chunk = g_malloc(CHUNK);
    gsize length = 0;

    for (;;) {
        ssize_t n = read(fd, chunk, CHUNK);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : 0;
        length += n;
        if (length > max)
            return EFBIG;
        g_byte_array_append(buffer, chunk, n);
    }
}


int
ap_file_write_all(int fd, const void *data, gsize length)
{
    const char *rest = data;

    while (length > 0) {
        ssize_t n = write(fd, rest, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno;
        rest += n;
        length -= n;
    }
    return 0;
}


gboolean
ap_file_lacks(int errnum)
{
    return errnum == EINVAL || errnum == ENOSYS || errnum == EOPNOTSUPP;
}


static int
rename_if_free(const char *from, const char *to)
{
    struct stat st;

    if (lstat(to, &st) == 0)
        return EEXIST;
    if (errno != ENOENT)
        return errno;
    return rename(from, to) < 0 ? errno : 0;
}


int
ap_file_rename_new(const char *from, const char *to)
{
    int errnum;

    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (!ap_file_lacks(errno))
        return errno;
    if (link(from, to) < 0)
        return errno == EPERM || ap_file_lacks(errno) ? rename_if_free(from, to) : errno;
    if (unlink(from) == 0)
        return 0;
    errnum = errno;
    unlink(to);
    return errnum;
}


int
ap_file_sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int errnum = fd < 0 || fsync(fd) < 0 ? errno : 0;

    if (fd >= 0)
        close(fd);
    return errnum;
}


static int
remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path) < 0 ? errno : 0;
}


int
ap_file_remove_tree(const char *path)
{
    int result = nftw(path, remove_entry, WALK_FDS, FTW_DEPTH | FTW_PHYS);

    return result < 0 ? errno : result;
}
