/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes an active matrix. */
#pragma once

#include "node_device/txn/ap_kernel.h"

/**
 * ap_live_set_matrix:
 * @root: the host
 * @kernel: the same host's kernel
 * @uuid: an active mdev, in lower case
 * @matrix: what it is to hold
 * @error: return location
 *
 * Writes ap_config with one write(2), which the kernel takes as a whole or not at all
 * (ap_config_store(), vfio_ap_ops.c), and reads it back. If that fails the old matrix comes back;
 * the message says so, or that nobody can tell.
 *
 * Errors: AP_ERROR_REFUSED (the kernel's reason is in the message), AP_ERROR_NOT_FOUND (no such
 *   mdev, or a kernel before 6.10), AP_ERROR_IO.
 *
 * Returns: whether the mdev holds @matrix now.
 */
gboolean
ap_live_set_matrix(const ApRoot *root, ApKernel *kernel, const char *uuid, const ApMatrix *matrix,
                   GError **error);
