/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node_device/txn/a.h"
#include "node_device/callout/a.h" /* BAD */
int a = rmdir("a"); /* BAD */
