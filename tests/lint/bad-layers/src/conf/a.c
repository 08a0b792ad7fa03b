/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "node_device/a.h" /* BAD */
#include "util/a.h"
FILE *file = fopen("a", "r"); /* BAD */
int n = g_file_get_contents("a"); /* BAD */
