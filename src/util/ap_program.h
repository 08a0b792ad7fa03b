/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs of ours that another one of ours starts. libc alone. */
#pragma once

#include <stddef.h>

/**
 * ap_program_find:
 * @name: file name of a program that is installed where only programs look
 * @buffer: (out): where to put its path, which is absolute
 * @size: how many bytes @buffer has
 *
 * An installed program finds the others by their installed path alone. One that was not installed
 * takes the one beside itself, if there is one and /proc says where that is; never one of the
 * current directory.
 */
void
ap_program_find(const char *name, char *buffer, size_t size);

/**
 * ap_program_exec:
 * @name: file name of a program, as for ap_program_find()
 * @argv: its arguments, ended by NULL; the first is its name
 *
 * Becomes that program. Returns only if that fails, with errno.
 */
void
ap_program_exec(const char *name, char *const argv[]);
