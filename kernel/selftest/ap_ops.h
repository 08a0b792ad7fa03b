/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ap_ops: runs operations on a kernel and tells what changed. One program for the real kernel
 * (ap_ops_host.c), one for the simulated one (ap_ops_sim.c); no GLib here, so that the first is
 * easily built for any machine. */
#pragma once

/**
 * ap_ops_run:
 * @op: "create", "remove", "write" or "bind"
 * @where: UUID of the mdev; of bind: the file
 * @attr: the attribute of write, else ""
 * @value: what is written
 *
 * Returns: 0, or an errno.
 */
int
ap_ops_run(const char *op, const char *where, const char *attr, const char *value);

/**
 * ap_ops_main:
 * @root: "" for this host, else the directory of a simulated one
 *
 * Reads operations from standard input, a line each: `create UUID`, `remove UUID`, `write UUID
 * ATTR VALUE`, `bind FILE VALUE`, `clean`; in VALUE, \n is a newline. `clean` removes all mdevs and
 * gives all queues to the host. After each it prints the line behind "> ", the errno's name or 0
 * behind "= ", and then what of the state is other than before, a line each: "NAME CONTENT", or
 * "NAME" alone for what is gone.
 *
 * Returns: the exit code: 0, or 2 for a line that is none of these.
 */
int
ap_ops_main(const char *root);
