/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node_device/sim/a.h"
#include "node_device/txn/ap_kernel.h"
#include "node_device/inventory/a.h" /* BAD */
