/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the host reader share. */
#pragma once

#include "node_device/inventory/ap_host.h"

/* Notes that @path cannot be understood; frees @error. */
void
ap_host_add_problem(ApHost *host, ApProblemHides hides, const char *path, GError *error);

/* The directory of a queue, whether there is one or not; the caller frees it. */
char *
ap_host_queue_dir(ApApqn apqn);

/* Whether apmask and aqmask leave everything to the host's own drivers. */
gboolean
ap_host_masks_are_full(const ApHost *host);

/* An attribute of an mdev; "" for its directory. The caller frees it. */
char *
ap_host_mdev_path(const char *uuid, const char *attr);
