/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file that is the lock on the host's AP configuration, as it is found. libc alone: the front
 * of the callout gives the lock back, and does without GLib. */
#pragma once

#define AP_LOCK_PATH "/run/lock/s390apconfig.lock"

/**
 * ApLockState:
 * @AP_LOCK_FREE: there is no lock
 * @AP_LOCK_STALE: nobody has it any more, as ap_lock_is_stale() says
 * @AP_LOCK_FOREIGN: what is there is no lock: no regular file of root's. Every user may write to
 *   /run/lock
 * @AP_LOCK_HELD: somebody has it, or that cannot be found out
 */
typedef enum {
    AP_LOCK_FREE,
    AP_LOCK_STALE,
    AP_LOCK_FOREIGN,
    AP_LOCK_HELD,
} ApLockState;

/**
 * ap_lock_parse_owner:
 * @text: what the lock file holds
 * @mode: its mode, as of stat(2)
 *
 * Ours are never writable for others, who can have written what stands in there then.
 *
 * Returns: process id of who took it, 0 where it holds none.
 */
int
ap_lock_parse_owner(const char *text, unsigned mode);

/**
 * ap_lock_is_stale:
 * @owner: as of ap_lock_parse_owner()
 * @stat: (nullable): content of the owner's /proc/PID/stat; NULL: there is no such process
 * @age_s: for how long the lock is as it is, in seconds
 *
 * Returns: whether the next who wants the lock replaces it.
 */
int
ap_lock_is_stale(int owner, const char *stat, long long age_s);

/**
 * ap_lock_get_state:
 * @path: the lock file
 * @ret_owner: (out): process id of who took it; 0 where it holds none, or is no lock
 *
 * Returns: what is there.
 */
ApLockState
ap_lock_get_state(const char *path, int *ret_owner);

/**
 * ap_lock_is_held_by:
 * @path: the lock file
 * @owner: process id
 *
 * Returns: whether @owner holds the lock.
 */
int
ap_lock_is_held_by(const char *path, int owner);

/**
 * ap_lock_release:
 * @path: the lock file
 * @owner: process id that took it
 *
 * Gives the lock back if it is @owner's, and removes what a process left that was killed while it
 * took the lock for @owner. Allocates nothing.
 */
void
ap_lock_release(const char *path, int owner);

/**
 * ap_lock_format_mine:
 * @buffer: (out): PATH_MAX bytes
 * @path: the lock file
 * @owner: process id
 *
 * Names the file that becomes the lock. It goes by the owner, so that who gives the lock back can
 * remove what a killed process of the same owner left.
 */
void
ap_lock_format_mine(char *buffer, const char *path, int owner);

/**
 * ap_lock_format_aside:
 * @buffer: (out): PATH_MAX bytes
 * @path: the lock file
 * @owner: process id
 *
 * Names the place to which a lock that does not count is moved before it is removed.
 */
void
ap_lock_format_aside(char *buffer, const char *path, int owner);
