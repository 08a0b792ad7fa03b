/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of the host's own zkey repository: the queues that its encrypted volumes need. */
#pragma once

#include "util/ap_apqn_set.h"
#include "util/ap_matrix.h"
#include "util/ap_root.h"

#define AP_ZKEY_DIR "/etc/zkey/repository"

/**
 * ap_zkey_parse:
 * @text: content of a file NAME.info (properties_load(), zkey/properties.c of s390-tools)
 * @set: (inout): the APQNs of its `apqns=` are added; untouched on failure
 * @error: return location
 *
 * Errors: AP_ERROR_NUMBER.
 *
 * Returns: whether what stands there are APQNs.
 */
gboolean
ap_zkey_parse(const char *text, ApApqnSet *set, GError **error);

/**
 * ap_zkey_load:
 * @root: a root
 * @ret_set: (out caller-allocates): the APQNs that keys of the repository are associated with
 * @problems: (element-type ApProblem): where to note what cannot be read
 */
void
ap_zkey_load(const ApRoot *root, ApApqnSet *ret_set, GPtrArray *problems);
