// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * lab-init: the only program in the lab's initramfs. It finds the three disks by their serial
 * (their names follow no order: channel devices come up when they do), lays them over each other
 * and starts the init that the kernel command line names (lab.init=PATH).
 *
 *   base    the packages, read-only
 *   layer   what this `lab up` added: modules, topology, the project; read-only
 *   disk    what changes; kept by `lab reboot`
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static void
must(int result, const char *what)
{
    if (result < 0) {
        printf("lab-init: %s: %s\n", what, strerror(errno));
        exit(1);                /* the kernel panics, QEMU ends, `lab up` shows this line */
    }
}

static int
read_line(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

    if (fd >= 0)
        close(fd);
    text[n < 0 ? 0 : n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return n < 0 ? -1 : 0;
}

/* The device node of the disk with this serial; untouched when there is none yet. */
static int
find_disk(const char *serial, char *ret_node, size_t size)
{
    DIR *dir = opendir("/sys/block");
    struct dirent *entry;
    int found = 0;

    while (dir && !found && (entry = readdir(dir))) {
        char path[300], text[64];

        snprintf(path, sizeof(path), "/sys/block/%s/serial", entry->d_name);
        if (read_line(path, text, sizeof(text)) < 0 || strcmp(text, serial))
            continue;
        snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
        if (access(path, F_OK) == 0) {
            snprintf(ret_node, size, "%s", path);
            found = 1;
        }
    }
    if (dir)
        closedir(dir);
    return found;
}

static void
mount_disk(const char *serial, const char *type, unsigned long flags, const char *target)
{
    int watch = inotify_init1(IN_CLOEXEC);
    char node[300], event[4096];

    must(inotify_add_watch(watch, "/dev", IN_CREATE), "watch /dev");
    while (!find_disk(serial, node, sizeof(node)))
        must((int)read(watch, event, sizeof(event)), "wait for a disk");
    close(watch);
    must(mount(node, target, type, flags, NULL), serial);
}

static void
take_along(const char *from, const char *to)
{
    must(mount(from, to, NULL, MS_MOVE, NULL), to);
}

int
main(void)
{
    static const char *directories[] = { "/dev", "/proc", "/sys", "/base", "/layer", "/disk",
                                         "/new" };
    static char line[4096], *option, *init;

    for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
        mkdir(directories[i], 0755);
    must(mount("dev", "/dev", "devtmpfs", 0, NULL), "devtmpfs");
    must(mount("proc", "/proc", "proc", 0, NULL), "proc");
    must(mount("sys", "/sys", "sysfs", 0, NULL), "sysfs");
    mount_disk("base", "squashfs", MS_RDONLY, "/base");
    mount_disk("layer", "squashfs", MS_RDONLY, "/layer");
    mount_disk("disk", "ext4", MS_NOATIME, "/disk");
    mkdir("/disk/root", 0755);
    mkdir("/disk/work", 0755);
    must(mount("overlay", "/new", "overlay", 0,
               "lowerdir=/layer:/base,upperdir=/disk/root,workdir=/disk/work"), "overlay");
    must(read_line("/proc/cmdline", line, sizeof(line)), "/proc/cmdline");
    option = strstr(line, "lab.init=");
    init = option ? strtok(option + strlen("lab.init="), " ") : NULL;
    take_along("/dev", "/new/dev");
    take_along("/proc", "/new/proc");
    take_along("/sys", "/new/sys");
    must(chdir("/new"), "chdir");
    take_along(".", "/");
    must(chroot("."), "chroot");
    must(chdir("/"), "chdir");
    execl(init ? init : "/bin/sh", init ? init : "/bin/sh", NULL);
    must(-1, init ? init : "/bin/sh");
    return 1;
}
