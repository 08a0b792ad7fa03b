/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node_device/inventory/a.h"
#include "node_device/conflict/a.h" /* BAD */
#include "node_device/ap_driver.h" /* BAD */
