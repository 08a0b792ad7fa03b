/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes, as /proc describes them. */
#pragma once

#include "util/ap_root.h"

/**
 * ApProcess:
 * @command: its name, of at most 15 bytes
 * @parent: process id of its parent
 * @session: id of its session
 * @start: when it started, in the kernel's clock ticks: tells it from another with its id
 */
typedef struct {
    char *command;
    int parent;
    int session;
    char *start;
} ApProcess;

/**
 * ap_process_read:
 * @root: a root
 * @pid: process id
 * @error: return location
 *
 * Errors: AP_ERROR_NOT_FOUND if there is no such process; AP_ERROR_IO if it cannot be looked at.
 *
 * Returns: (nullable): the process; the caller frees it with ap_process_free().
 */
ApProcess *
ap_process_read(const ApRoot *root, int pid, GError **error);

/**
 * ap_process_find_daemon:
 * @root: a root
 * @pid: process id of who runs the hook
 * @session: id of the hook's session
 *
 * Between libvirt's daemon and a hook there can be a shell, which ends with it. Of @pid and its
 * ancestors the daemon is the one of libvirt's names; else the last one in the hook's session, as a
 * daemon has a session of its own.
 *
 * Returns: process id of the daemon, at worst @pid.
 */
int
ap_process_find_daemon(const ApRoot *root, int pid, int session);

/**
 * ap_process_free:
 * @process: (nullable): a process
 */
void
ap_process_free(ApProcess *process);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApProcess, ap_process_free)
