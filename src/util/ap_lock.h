/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lock on the host's AP configuration, shared with s390-tools' chzdev and ap-check
 * (util_lockfile): a file that holds its owner's process id and appears by link(2). */
#pragma once

#include <glib.h>

#include "util/ap_lock_file.h"

/**
 * ap_lock_take:
 * @path: the lock file
 * @owner: process id to write into it; the lock is stale once that process is gone
 * @timeout_ms: how long to wait, in milliseconds; 0: one try
 * @error: return location
 *
 * Takes the lock. A stale lock (its process is gone, or only a zombie is left of it) is renamed
 * away, read again, then replaced; flock(2) on the directory keeps two who find it stale at once
 * from both removing it. So is what is no regular file of root's: it is no lock, whoever's process
 * id it holds. An owner of 1 is refused: init never goes away, and neither would the
 * lock. Taking what @owner holds already succeeds; one owner takes it once at a time.
 *
 * Errors: AP_ERROR_LOCKED (the message names pid and command of the holder; or a stale lock stays
 *   because somebody keeps its directory locked), AP_ERROR_IO.
 *
 * Returns: whether @owner holds the lock now.
 */
gboolean
ap_lock_take(const char *path, int owner, guint timeout_ms, GError **error);
