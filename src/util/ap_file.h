/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files by their descriptor, and what is written to disk. Each function returns 0 or an errno. */
#pragma once

#include <glib.h>

/**
 * ap_file_read_all:
 * @fd: a file that is open for reading, of any kind
 * @max: how many bytes it may have
 * @buffer: where to add them
 *
 * Returns: 0, EFBIG if there are more than @max, or read(2)'s errno.
 */
int
ap_file_read_all(int fd, gsize max, GByteArray *buffer);

/**
 * ap_file_write_all:
 * @fd: a file that is open for writing
 * @data: what to write
 * @length: how many bytes
 *
 * Writes all of it, with as many write(2) as it takes.
 *
 * Returns: 0, or an errno; then some of it may be written.
 */
int
ap_file_write_all(int fd, const void *data, gsize length);

/**
 * ap_file_lacks:
 * @errnum: why a system call failed that not every file system knows, or not all flags of it
 *
 * Returns: whether the file system (NFS) or the kernel lacks it, so that another way may work.
 */
gboolean
ap_file_lacks(int errnum);

/**
 * ap_file_rename_new:
 * @from: a file
 * @to: its new name, in the same file system
 *
 * Renames without replacing what has that name. On file systems that know no such flag (NFS) both
 * names are there for a moment; on those without hard links (FAT) somebody else may take the name
 * between the look and the change.
 *
 * Returns: 0, EEXIST if there is one of that name, or another errno: then @to is not there.
 */
int
ap_file_rename_new(const char *from, const char *to);

/**
 * ap_file_sync_dir:
 * @dir: a directory
 *
 * Makes what was created, renamed or removed in it last through a power cut.
 *
 * Returns: 0, or an errno.
 */
int
ap_file_sync_dir(const char *dir);

/**
 * ap_file_remove_tree:
 * @path: a directory
 *
 * Removes it with all that is in it; follows no link.
 *
 * Returns: 0, or an errno; then the rest stays.
 */
int
ap_file_remove_tree(const char *path);
