/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A matrix for a QEMU that runs without libvirt: the device over QMP. */
#pragma once

#include <glib.h>

/**
 * qemu_ap_qmp_attach:
 * @path: QEMU's QMP socket
 * @uuid: an active mdev, in lower case
 * @error: return location
 *
 * Plugs the mdev into the guest, as the device ap-UUID.
 *
 * Errors: AP_ERROR_REFUSED with QEMU's own words; AP_ERROR_IO if the socket cannot be reached, or
 *   what answers there is no QMP.
 *
 * Returns: whether the guest has it now.
 */
gboolean
qemu_ap_qmp_attach(const char *path, const char *uuid, GError **error);

/**
 * qemu_ap_qmp_detach:
 * @path: QEMU's QMP socket
 * @uuid: an mdev, in lower case
 * @error: return location
 *
 * Unplugs the mdev from the guest, whatever the device's id is, and waits until it is gone.
 *
 * Errors: AP_ERROR_NOT_FOUND if the guest has no such device; AP_ERROR_REFUSED, AP_ERROR_IO as
 *   above.
 *
 * Returns: whether it is gone.
 */
gboolean
qemu_ap_qmp_detach(const char *path, const char *uuid, GError **error);
