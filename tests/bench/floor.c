/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The floor that the benchmark measures against: one pass of getdents, open, read, close over the
 * files of each directory named. Whoever has to look at them all cannot do with less. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>


static void
read_file(int dir, const char *name)
{
    char buffer[4096];
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return;
    if (read(fd, buffer, sizeof(buffer)) < 0)
        perror(name);
    close(fd);
}


int
main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        struct dirent *entry;

        if (!dir) {
            perror(argv[i]);
            return 1;
        }
        while ((entry = readdir(dir))) {
            if (entry->d_name[0] != '.' && entry->d_type == DT_REG)
                read_file(dirfd(dir), entry->d_name);
        }
        closedir(dir);
    }
    return 0;
}
