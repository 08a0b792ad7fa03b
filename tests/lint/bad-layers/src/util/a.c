/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/b.h"
#include "conf/c.h" /* BAD */
#include "c.h" /* BAD */
int fd = openat(0, "a", O_RDWR);
