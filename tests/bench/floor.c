/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The floor of the callout's benchmark: one pass of getdents, open, read, close over a directory,
 * which nobody who has to look at each definition can do without. */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
    char buffer[4096];
    struct dirent *entry;
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;

    if (!dir)
        return 1;
    while ((entry = readdir(dir))) {
        int fd;

        if (entry->d_name[0] == '.')
            continue;
        fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, buffer, sizeof(buffer)) < 0)
            return 1;
        close(fd);
    }
    closedir(dir);
    return 0;
}
