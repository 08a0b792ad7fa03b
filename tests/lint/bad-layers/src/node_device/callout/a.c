/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node_device/ap_log.h"
#include "node_device/doctor/a.h" /* BAD */
#include "node_device/sim/a.h" /* BAD */
