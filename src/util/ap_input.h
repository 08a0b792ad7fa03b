/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What somebody writes to our standard input, who must not see the pipe break. libc alone. */
#pragma once

#include <sys/types.h>

/**
 * ap_input_copy:
 * @fd: where to copy standard input to, open for writing; -1: nowhere
 * @max: how many bytes to keep at most
 * @ret_length: (out): how many bytes there were, more than @max too
 *
 * Reads standard input to its end, without a time limit, whatever happens to the copy. A terminal
 * is not read: nobody waits there for us.
 *
 * Returns: 0 if all of it could be read, and all of it up to @max could be kept, else an errno.
 */
int
ap_input_copy(int fd, size_t max, size_t *ret_length);
