/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of mdevs that are no matrices, as far as they can have a matrix's UUID. */
#pragma once

#include "util/ap_root.h"

/**
 * ap_other_mdev_load_parents:
 * @root: a root
 *
 * Returns: (element-type utf8 utf8): UUID -> parent, of what mdevctl has defined below a parent
 *   that is not the matrices'; the caller unrefs it.
 */
GHashTable *
ap_other_mdev_load_parents(const ApRoot *root);

/**
 * ap_other_mdev_find:
 * @root: a root
 * @uuid: in lower case
 *
 * Returns: (nullable): where the kernel has an active mdev of that UUID that is no matrix; the
 *   caller frees it.
 */
char *
ap_other_mdev_find(const ApRoot *root, const char *uuid);
