/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the next boot share. */
#pragma once

#include "node_device/inventory/ap_next_boot.h"

/**
 * ap_next_boot_is_attribute:
 * @path: the attribute of an assignment of udev, which may have a path in front
 * @name: the name of an attribute
 *
 * Returns: whether @path names it.
 */
gboolean
ap_next_boot_is_attribute(const char *path, const char *name);

/* Where the driver of a queue is among the records. */
static inline gpointer
ap_next_boot_record_key(ApApqn apqn)
{
    return GUINT_TO_POINTER(apqn.adapter << 8 | apqn.domain);
}
