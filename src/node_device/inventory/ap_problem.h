/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a reader could not read: noted, while the rest is read. */
#pragma once

#include <glib.h>

/**
 * ApProblem:
 * @message: one sentence that names the file
 * @mdev: (nullable): UUID of the mdev whose matrix the file holds
 * @is_live: whether that mdev is active, so that the kernel gives its queues to nobody else
 */
typedef struct {
    char *message;
    char *mdev;
    gboolean is_live;
} ApProblem;

/**
 * ap_problem_list_new:
 *
 * Returns: (element-type ApProblem): an empty list; the caller unrefs it.
 */
GPtrArray *
ap_problem_list_new(void);

/**
 * ap_problem_add:
 * @problems: a list
 * @error: what went wrong; freed
 * @mdev: (nullable): UUID of the mdev whose matrix the file holds
 * @is_live: whether that mdev is active
 */
void
ap_problem_add(GPtrArray *problems, GError *error, const char *mdev, gboolean is_live);

/**
 * ap_problem_find:
 * @problems: a list
 * @mdev: UUID of an mdev, in lower case
 *
 * Returns: (nullable): the first problem with what the mdev holds, borrowed.
 */
const ApProblem *
ap_problem_find(const GPtrArray *problems, const char *mdev);
