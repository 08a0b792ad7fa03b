/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node_device/a.h"
int a = rename("a", "b"); /* BAD */
int b = open("a", O_WRONLY); /* BAD */
int c = open("a", O_RDONLY);
