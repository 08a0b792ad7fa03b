/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which queues nobody has: what hints offer, and what a plan is made of. */
#pragma once

#include "node_device/inventory/ap_inventory.h"

/**
 * ap_free_get_domains:
 * @inventory: what there is
 * @adapter: APID
 *
 * A queue is free if it is in the LPAR, a guest could use it, no matrix has it, no definition and
 * nobody of the host names it. What a matrix that cannot be read may have is not free, and nothing
 * is where the host's masks cannot be read.
 *
 * Returns: the domains whose queue on @adapter is free for guests.
 */
ApMask
ap_free_get_domains(ApInventory *inventory, guint adapter);

/**
 * ap_free_get_host_domains:
 * @inventory: what there is
 * @adapter: APID
 *
 * Returns: the domains whose queue on @adapter would be free if the host gave it away; its default
 *   domain is one of them.
 */
ApMask
ap_free_get_host_domains(ApInventory *inventory, guint adapter);
