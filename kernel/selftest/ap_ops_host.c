/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ap_ops on this host's kernel: ap_ops < OPERATIONS. Changes its AP configuration. */
#include "ap_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MATRIX_DIR "/sys/devices/vfio_ap/matrix"


static int
write_once(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int errnum = 0;

    if (fd < 0)
        return errno;
    if (write(fd, value, strlen(value)) < 0)
        errnum = errno;
    close(fd);
    return errnum;
}


int
ap_ops_run(const char *op, const char *where, const char *attr, const char *value)
{
    char path[512];

    if (strcmp(op, "bind") == 0)
        return write_once(where, value);
    if (strcmp(op, "create") == 0)
        return write_once(MATRIX_DIR "/mdev_supported_types/vfio_ap-passthrough/create", value);
    snprintf(path, sizeof(path), MATRIX_DIR "/%s/%s", where,
             strcmp(op, "remove") == 0 ? "remove" : attr);
    return write_once(path, value);
}


int
main(void)
{
    return ap_ops_main("");
}
