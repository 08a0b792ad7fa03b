/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files by their descriptor, and what is written to disk. */
#include "util/ap_file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
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
