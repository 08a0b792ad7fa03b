/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process id in text, and whether that process lives. libc alone: programs that do without GLib
 * use it. */
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

/**
 * ap_pid_is_gone:
 * @stat: (nullable): content of /proc/PID/stat; NULL: there is no such process
 *
 * A zombie does nothing any more, but stays until its parent asks for it.
 *
 * Returns: whether the process has ended; not if @stat says nothing that can be read.
 */
int
ap_pid_is_gone(const char *stat);
