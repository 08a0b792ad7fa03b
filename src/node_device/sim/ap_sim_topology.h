/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Topology files, as the lab takes them: kernel/ap_emu/README.rst is their reference. Private to
 * sim/. */
#pragma once

#include "node_device/sim/ap_sim_state.h"

/**
 * ap_sim_topology_parse:
 * @text: a topology file
 * @length: its length in bytes
 * @generation: the kernel that is to run on the machine
 * @error: return location
 *
 * Errors: AP_ERROR_CONFIG, and the message gives group and key.
 *
 * Returns: (nullable): the host as it is after boot with vfio_ap loaded and the masks written; the
 *   caller frees it.
 */
ApSimState *
ap_sim_topology_parse(const char *text, gsize length, ApSimGeneration generation, GError **error);
