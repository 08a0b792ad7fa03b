/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A simulated kernel behind the four operations of ap_kernel.h: it works on a directory, so that
 * every reader sees a host there. `virt-ap --sim DIR` and the tests use it. It shares no code with
 * inventory or conflict, and is compared with the real kernel (kernel/selftest). */
#pragma once

#include "node_device/txn/ap_kernel.h"

/**
 * ap_sim_create:
 * @path: the directory to make; must not exist
 * @topology: text of a topology file
 * @length: its length in bytes
 * @generation: which kernel: "4.20", "6.0", "6.10", "6.12" or "7.2"
 * @error: return location
 *
 * Makes a host as it is after boot, with vfio_ap loaded and the topology's masks in force.
 *
 * Errors: AP_ERROR_USAGE (unknown @generation, @path exists), AP_ERROR_CONFIG (bad topology),
 *   AP_ERROR_IO.
 *
 * Returns: whether it is there now.
 */
gboolean
ap_sim_create(const char *path, const char *topology, gsize length, const char *generation,
              GError **error);

/**
 * ap_sim_open:
 * @root: a root that is a simulated host; must live as long as the kernel
 * @error: return location
 *
 * Errors: AP_ERROR_NOT_FOUND if it is none.
 *
 * Returns: (nullable): its kernel; the caller frees it with ap_kernel_free().
 */
ApKernel *
ap_sim_open(const ApRoot *root, GError **error);

/**
 * ap_sim_fail:
 * @root: a simulated host
 * @operation: "create", "remove", "write" or "bind"
 * @errno_name: what it is to fail with: "EBUSY"
 * @n: which call from now on, 1 for the next one
 * @error: return location
 *
 * That call fails and changes nothing; those before and after it do as always.
 *
 * Errors: AP_ERROR_USAGE, AP_ERROR_IO.
 *
 * Returns: whether it is noted.
 */
gboolean
ap_sim_fail(const ApRoot *root, const char *operation, const char *errno_name, guint n,
            GError **error);

/**
 * ap_sim_use:
 * @root: a simulated host
 * @uuid: an active mdev, in lower case
 * @is_open: whether a guest has it open
 * @error: return location
 *
 * Opens the mdev as a guest's QEMU does, or closes it.
 *
 * Errors: AP_ERROR_NOT_FOUND, AP_ERROR_REFUSED if one has it already, AP_ERROR_IO.
 *
 * Returns: whether it is so now.
 */
gboolean
ap_sim_use(const ApRoot *root, const char *uuid, gboolean is_open, GError **error);

/**
 * ap_sim_reboot:
 * @root: a simulated host
 * @error: return location
 *
 * Boots the host: there are no mdevs, the masks are the topology's, /run is empty, and the boot id
 * is another.
 *
 * Errors: AP_ERROR_NOT_FOUND, AP_ERROR_IO.
 *
 * Returns: whether it is up.
 */
gboolean
ap_sim_reboot(const ApRoot *root, GError **error);
