/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node_device/conflict/a.h"
#include "node_device/txn/a.h" /* BAD */
