/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the fuzzers share: one per parser. Built with -Dfuzz=true each is a program of libFuzzer's;
 * else replay.c is its main() and feeds it the files of its corpus. */
#pragma once

#include <glib.h>

/**
 * LLVMFuzzerTestOneInput:
 * @data: any bytes
 * @size: how many
 *
 * Feeds the parser, and aborts where it breaks one of its promises.
 *
 * Returns: 0, always.
 */
int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size);
