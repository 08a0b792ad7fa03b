/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matrices that were made for a guest, and could not be removed when it ended: the claim stays
 * until they are gone. The hook and `virt-ap recover` look after them. */
#pragma once

#include "node_device/inventory/ap_inventory.h"
#include "node_device/txn/ap_kernel.h"

/**
 * ApInventoryFunc:
 * @data: as given
 *
 * Returns: what there is, definitions and guests included; the caller frees it with
 *   ap_inventory_free().
 */
typedef ApInventory *(*ApInventoryFunc)(gpointer data);

/**
 * ApLeftovers:
 * @root: a root
 * @kernel: its kernel
 * @ended: (nullable): UUID of the guest that has just ended, in lower case: what else says that it
 *   runs is late
 * @load: called if something may be to be removed
 * @data: for @load
 */
typedef struct {
    const ApRoot *root;
    ApKernel *kernel;
    const char *ended;
    ApInventoryFunc load;
    gpointer data;
} ApLeftovers;

/**
 * ap_leftovers_remove:
 * @leftovers: where to look
 * @removed: (element-type utf8): where to add a sentence for each mdev that was removed
 * @failed: (element-type utf8): where to add one for each that the kernel did not remove
 *
 * Removes each mdev that was made for a guest which has ended, and then its claim, unless its
 * definition starts it at boot, or somebody else has it or may have it. Who has it by now is to
 * remove it later. The caller holds the lock.
 */
void
ap_leftovers_remove(const ApLeftovers *leftovers, GPtrArray *removed, GPtrArray *failed);
