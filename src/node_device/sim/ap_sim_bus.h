/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The simulated kernel's queues: who owns them, what they are bound to, and so what of an mdev's
 * matrix a guest has. Private to sim/. */
#pragma once

#include "node_device/sim/ap_sim_state.h"

/**
 * ap_sim_is_guest_queue:
 * @state: a state
 * @apqn: an APQN
 *
 * Returns: whether it is a queue that is bound to vfio_ap.
 */
gboolean
ap_sim_is_guest_queue(const ApSimState *state, ApApqn apqn);

/**
 * ap_sim_host_owns_any:
 * @state: a state
 * @adapters: a mask
 * @domains: a mask
 *
 * Returns: whether some APQN of the product is reserved for the host's own drivers.
 */
gboolean
ap_sim_host_owns_any(const ApSimState *state, const ApMask *adapters, const ApMask *domains);

/**
 * ap_sim_reset_queues:
 * @state: a state
 * @adapters: a mask
 * @domains: a mask
 *
 * vfio_ap resets those queues of the product that are bound to it.
 */
void
ap_sim_reset_queues(ApSimState *state, const ApMask *adapters, const ApMask *domains);

/**
 * ap_sim_filter:
 * @state: a state
 * @mdev: one of its mdevs
 *
 * Computes again what adapters and domains of @mdev a guest has.
 */
void
ap_sim_filter(ApSimState *state, ApSimMdev *mdev);

/**
 * ap_sim_filter_control:
 * @state: a state
 * @mdev: one of its mdevs
 *
 * Computes again what control domains of @mdev a guest has.
 */
void
ap_sim_filter_control(ApSimState *state, ApSimMdev *mdev);

/**
 * ap_sim_bind_all:
 * @state: a state, its masks set
 *
 * Binds every queue that is bound to no driver, as after loading the drivers.
 */
void
ap_sim_bind_all(ApSimState *state);
