/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a reader could not read: noted, while the rest is read. */
#pragma once

#include <glib.h>

/**
 * ApProblemHides:
 * @AP_PROBLEM_HIDES_NOTHING: nothing but what the file itself defines
 * @AP_PROBLEM_HIDES_HOLDER: who has a queue, or is about to
 * @AP_PROBLEM_HIDES_DEFINED: what mdevctl can start
 * @AP_PROBLEM_HIDES_NAMER: which mdev a guest that does not run names
 * @AP_PROBLEM_HIDES_LAST_GUEST: who had a queue last
 * @AP_PROBLEM_HIDES_MASKS: which queues are the host's
 * @AP_PROBLEM_HIDES_BOOT: which queues are the host's after the next boot
 * @AP_PROBLEM_HIDES_GOING: what an mdev holds that is being removed, or made; the queues tell
 * @AP_PROBLEM_HIDES_NEED: which queues the host itself needs
 * @AP_N_PROBLEM_HIDES: how many there are
 *
 * What can be in a file that cannot be read.
 */
typedef enum {
    AP_PROBLEM_HIDES_NOTHING,
    AP_PROBLEM_HIDES_HOLDER,
    AP_PROBLEM_HIDES_DEFINED,
    AP_PROBLEM_HIDES_NAMER,
    AP_PROBLEM_HIDES_LAST_GUEST,
    AP_PROBLEM_HIDES_MASKS,
    AP_PROBLEM_HIDES_BOOT,
    AP_PROBLEM_HIDES_GOING,
    AP_PROBLEM_HIDES_NEED,
    AP_N_PROBLEM_HIDES,
} ApProblemHides;

/**
 * ApProblem:
 * @message: one sentence that names the file
 * @mdev: (nullable): UUID of the mdev whose matrix the file holds
 * @is_live: whether that mdev is active, so that the kernel gives its queues to nobody else
 * @hides: what else it can hold
 * @denied: whether it is there, and this user may not read it
 */
typedef struct {
    char *message;
    char *mdev;
    gboolean is_live;
    ApProblemHides hides;
    gboolean denied;
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
 *
 * Returns: the problem, borrowed from @problems.
 */
ApProblem *
ap_problem_add(GPtrArray *problems, GError *error, const char *mdev, gboolean is_live);

/**
 * ap_problem_add_hidden:
 * @problems: a list
 * @error: what went wrong; freed
 * @hides: what cannot be known because of it
 */
void
ap_problem_add_hidden(GPtrArray *problems, GError *error, ApProblemHides hides);

/**
 * ap_problem_is_hidden:
 * @problems: a list
 * @hides: what somebody wants to know
 *
 * Returns: whether a problem can hide it.
 */
gboolean
ap_problem_is_hidden(const GPtrArray *problems, ApProblemHides hides);

/**
 * ap_problem_get_denied_hint:
 *
 * Returns: what to do about something that this user may not read; static.
 */
const char *
ap_problem_get_denied_hint(void);

/**
 * ap_problem_find:
 * @problems: a list
 * @mdev: UUID of an mdev, in lower case
 *
 * Returns: (nullable): the first problem with what the mdev holds, borrowed.
 */
const ApProblem *
ap_problem_find(const GPtrArray *problems, const char *mdev);
