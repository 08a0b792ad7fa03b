/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The four operations that change the kernel's AP configuration. Nothing else in the project does.
 * The driver, the hook and the callout use them; on a simulated host (sim/) they change files. */
#pragma once

#include "util/ap_matrix.h"
#include "util/ap_root.h"

/* How long the kernel may take to remove an mdev by default, in milliseconds. */
#define AP_KERNEL_REMOVE_TIMEOUT_MS 30000

typedef struct _ApKernel ApKernel;

/**
 * ApKernelOps:
 * @create: creates an mdev
 * @remove: removes an mdev
 * @write_attr: writes an attribute of an mdev
 * @bind: writes to a file that decides on the drivers of queues
 * @free: frees the instance
 *
 * One side of the four operations: the kernel's, or a simulated one. Each returns 0 or an errno.
 */
typedef struct {
    int (*create)(ApKernel *kernel, const char *uuid);
    int (*remove)(ApKernel *kernel, const char *uuid);
    int (*write_attr)(ApKernel *kernel, const char *uuid, const char *attr, const char *value);
    int (*bind)(ApKernel *kernel, const char *path, const char *value);
    void (*free)(ApKernel *kernel);
} ApKernelOps;

/**
 * ApKernel:
 * @ops: how the operations are done
 * @remove_timeout_ms: how long removing an mdev may take, in milliseconds
 *
 * The base of each side's own structure.
 */
struct _ApKernel {
    const ApKernelOps *ops;
    int remove_timeout_ms;
};

/**
 * ap_kernel_new:
 * @root: the root
 * @error: return location
 *
 * Errors: AP_ERROR_USAGE on another root than "/": nothing is written there.
 *
 * Returns: (nullable): this host's kernel; the caller frees it with ap_kernel_free().
 */
ApKernel *
ap_kernel_new(const ApRoot *root, GError **error);

/**
 * ap_kernel_free:
 * @kernel: (nullable): a kernel
 */
void
ap_kernel_free(ApKernel *kernel);

/**
 * ap_kernel_create_mdev:
 * @kernel: a kernel
 * @uuid: in lower case
 * @error: return location
 *
 * Creates an mdev with an empty matrix.
 *
 * Errors: AP_ERROR_REFUSED (EEXIST, EUSERS, ...), AP_ERROR_NO_BUS if vfio_ap is not loaded
 *   (ENOENT), AP_ERROR_IO if the attribute cannot be opened.
 *
 * Returns: 0, or the errno.
 */
int
ap_kernel_create_mdev(ApKernel *kernel, const char *uuid, GError **error);

/**
 * ap_kernel_remove_mdev:
 * @kernel: a kernel
 * @uuid: in lower case
 * @error: return location
 *
 * Removes an mdev. Before 6.4, and later if its user does not let go, the kernel waits as long as
 * the mdev is open; so a child process writes. When it has not come back after
 * @remove_timeout_ms, that is ETIMEDOUT: the kernel cannot be told to stop, and removes
 * the mdev as soon as it is closed. Until then the child lives, and with it every file descriptor
 * and lock that it inherited. ECANCELED: the child was killed, and nobody knows how far it came.
 *
 * Errors: AP_ERROR_NOT_FOUND (ENOENT), AP_ERROR_REFUSED (also ETIMEDOUT), AP_ERROR_IO.
 *
 * Returns: 0, or the errno.
 */
int
ap_kernel_remove_mdev(ApKernel *kernel, const char *uuid, GError **error);

/**
 * ap_kernel_may_remove_later:
 * @errnum: what ap_kernel_remove_mdev() returned
 *
 * Returns: whether the mdev may be gone by now, or go without any further word: who says that
 *   nothing was changed would lie.
 */
gboolean
ap_kernel_may_remove_later(int errnum);

/**
 * ap_kernel_write_attr:
 * @kernel: a kernel
 * @uuid: an active mdev, in lower case
 * @attr: assign_ or unassign_ adapter, domain or control_domain; or ap_config
 * @value: what to write, with one write(2)
 * @error: return location
 *
 * Errors: AP_ERROR_NOT_FOUND (ENOENT: no such mdev, or a kernel without @attr), AP_ERROR_REFUSED
 *   (EADDRINUSE, EADDRNOTAVAIL, ENODEV, EBUSY, EINVAL, ERANGE), AP_ERROR_IO.
 *
 * Returns: 0, or the errno.
 */
int
ap_kernel_write_attr(ApKernel *kernel, const char *uuid, const char *attr, const char *value,
                     GError **error);

/**
 * ap_kernel_write_ap_config:
 * @kernel: a kernel
 * @uuid: an active mdev, in lower case
 * @matrix: what it is to hold
 * @error: return location
 *
 * Writes all three masks with one ap_kernel_write_attr(): the kernel takes all or nothing.
 *
 * Errors: as ap_kernel_write_attr(); AP_ERROR_NOT_FOUND on a kernel before 6.10.
 *
 * Returns: 0, or the errno.
 */
int
ap_kernel_write_ap_config(ApKernel *kernel, const char *uuid, const ApMatrix *matrix,
                          GError **error);

/**
 * ap_kernel_bind:
 * @kernel: a kernel
 * @path: which file, absolute, inside the root; one of
 *   /sys/bus/ap/apmask and aqmask: which queues are the host's own drivers'; rebinds at once
 *   /sys/devices/ap/cardXX/XX.YYYY/driver_override (7.x): a driver's name; rebinds nothing
 *   /sys/bus/ap/drivers/NAME/unbind and bind, /sys/bus/ap/drivers_probe: a queue, "05.0047"
 * @value: what to write, with one write(2)
 * @error: return location
 *
 * Changes the driver of queues, or who is to have them.
 *
 * Errors: AP_ERROR_REFUSED (EBUSY: an mdev has one of the queues; EINVAL: cannot be read, or masks
 *   and driver_override at the same time; ENODEV: not this driver's queue), AP_ERROR_NOT_FOUND
 *   (ENOENT: no such queue or driver, or an older kernel), AP_ERROR_IO.
 *
 * Returns: 0, or the errno.
 */
int
ap_kernel_bind(ApKernel *kernel, const char *path, const char *value, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApKernel, ap_kernel_free)
