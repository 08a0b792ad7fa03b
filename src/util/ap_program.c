/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs of ours that another one of ours starts. */
#include "util/ap_program.h"

#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>


/* The directory of this program, if it was not installed; 0 if it was, or nobody says where it is.
 * The kernel says "(unreachable)/..." of what is outside of the root. */
static int
find_build_dir(char *buffer, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", buffer, size);
    char *slash;

    if (length <= 0 || (size_t)length >= size || buffer[0] != '/')
        return 0;
    buffer[length] = '\0';
    slash = strrchr(buffer, '/');
    *slash = '\0';
    return strcmp(buffer, LIBEXECDIR) != 0 && strcmp(buffer, SBINDIR) != 0;
}


void
ap_program_find(const char *name, char *buffer, size_t size)
{
    char dir[PATH_MAX];

    if (find_build_dir(dir, sizeof(dir)) &&
        (size_t)snprintf(buffer, size, "%s/%s", dir, name) < size && access(buffer, X_OK) == 0)
        return;
    snprintf(buffer, size, "%s/%s", LIBEXECDIR, name);
}


void
ap_program_exec(const char *name, char *const argv[])
{
    char path[PATH_MAX];

    ap_program_find(name, path, sizeof(path));
    execv(path, argv);
}
