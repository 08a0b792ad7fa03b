/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel does with each of the four operations. Private to sim/. Each function changes
 * the state as a whole or not at all, and returns 0 or the kernel's errno. */
#pragma once

#include "node_device/sim/ap_sim_state.h"

/* No errno: the kernel does not come back until the mdev is closed. */
#define AP_SIM_WAITS (-1)

/**
 * ap_sim_create_mdev:
 * @state: a state
 * @text: what is written to the mdev type's `create`
 *
 * Returns: 0, EINVAL, EEXIST, EUSERS or EPERM.
 */
int
ap_sim_create_mdev(ApSimState *state, const char *text);

/**
 * ap_sim_remove_mdev:
 * @state: a state
 * @uuid: in lower case
 *
 * Returns: 0, ENOENT, EBUSY (4.20), or AP_SIM_WAITS (6.0).
 */
int
ap_sim_remove_mdev(ApSimState *state, const char *uuid);

/**
 * ap_sim_write_attr:
 * @state: a state
 * @uuid: in lower case
 * @attr: name of an attribute of mdevs
 * @value: what is written to it
 *
 * Returns: 0, ENOENT, EACCES, EBUSY, EINVAL, ERANGE, ENODEV, EADDRNOTAVAIL or EADDRINUSE.
 */
int
ap_sim_write_attr(ApSimState *state, const char *uuid, const char *attr, const char *value);

/**
 * ap_sim_bind:
 * @state: a state
 * @path: as ap_kernel_bind()
 * @value: what is written to it
 *
 * Returns: 0, ENOENT, EINVAL, EBUSY or ENODEV.
 */
int
ap_sim_bind(ApSimState *state, const char *path, const char *value);

/**
 * ap_sim_set_open:
 * @state: a state
 * @uuid: in lower case
 * @is_open: whether a guest has the mdev open
 *
 * Returns: 0, ENOENT, or EBUSY if one has it already.
 */
int
ap_sim_set_open(ApSimState *state, const char *uuid, gboolean is_open);
