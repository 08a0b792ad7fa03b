/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What somebody writes to our standard input, who must not see the pipe break. */
#include "util/ap_input.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>


/* Reads what there is; 0 at the end, -1 with errno. */
static ssize_t
read_some(char *buffer, size_t size)
{
    struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
    ssize_t n;

    while ((n = read(STDIN_FILENO, buffer, size)) < 0 && (errno == EINTR || errno == EAGAIN)) {
        if (errno == EAGAIN)
            poll(&fd, 1, -1);
    }
    return n;
}


/* Returns 0 or an errno. */
static int
write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : EIO;
        data += n;
        length -= n;
    }
    return 0;
}


int
ap_input_copy(int fd, size_t max, size_t *ret_length)
{
    char buffer[16384];
    size_t length = 0;
    int errnum = fd < 0 ? EBADF : 0;
    ssize_t n = 0;

    if (!isatty(STDIN_FILENO)) {
        while ((n = read_some(buffer, sizeof(buffer))) > 0) {
            size_t room = length < max ? max - length : 0;

            if (errnum == 0)
                errnum = write_all(fd, buffer, (size_t)n < room ? (size_t)n : room);
            length += n;
        }
    }
    *ret_length = length;
    return n < 0 ? errno : errnum;
}
