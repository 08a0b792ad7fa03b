/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last guest of each APQN, which the hook notes when a guest starts: master keys outlive every
 * reset of a queue. */
#pragma once

#include "util/ap_matrix.h"
#include "util/ap_root.h"

#define AP_LAST_GUESTS_PATH "/var/lib/libvirt-ap/last-guests"

/**
 * ApLastGuest:
 * @name: the guest's name then
 * @uuid: its UUID in lower case
 */
typedef struct {
    char *name;
    char *uuid;
} ApLastGuest;

/**
 * ap_last_guests_load:
 * @root: a root
 * @problems: (element-type ApProblem): where to note what cannot be read
 *
 * Reads a GKeyFile with a group for each APQN, [05.0047], and its keys guest= and uuid=. A group
 * that cannot be understood is noted, and the rest counts. A problem hides a last guest.
 *
 * Returns: (element-type ApLastGuest): the guests, for ap_last_guests_find(); the caller unrefs it.
 */
GHashTable *
ap_last_guests_load(const ApRoot *root, GPtrArray *problems);

/**
 * ap_last_guests_find:
 * @last_guests: what ap_last_guests_load() returned
 * @apqn: an APQN
 *
 * Returns: (nullable): the guest that had @apqn last; borrowed from @last_guests.
 */
const ApLastGuest *
ap_last_guests_find(GHashTable *last_guests, ApApqn apqn);

/**
 * ap_last_guests_note:
 * @root: a root
 * @matrix: a matrix
 * @name: the name of the guest that has it now
 * @uuid: that guest's UUID in lower case
 * @error: return location
 *
 * Notes the guest for each APQN of @matrix. The file has a lock of its own. One that is damaged is
 * mended: what can be read stays, and the old file is kept with ".damaged" behind its name.
 *
 * Errors: AP_ERROR_IO.
 *
 * Returns: whether it is written.
 */
gboolean
ap_last_guests_note(const ApRoot *root, const ApMatrix *matrix, const char *name,
                    const char *uuid, GError **error);
