/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process id in text. libc alone: programs that do without GLib use it. */
#pragma once

/**
 * ap_pid_parse:
 * @text: decimal digits, one trailing newline allowed
 * @ret_pid: (out): the process id, at least 1; untouched on failure
 *
 * Returns: whether @text is a process id.
 */
int
ap_pid_parse(const char *text, int *ret_pid);
