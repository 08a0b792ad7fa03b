/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of which queues the host itself needs: its zkey repository, further zcrypt device nodes,
 * openCryptoki's EP11 tokens. */
#pragma once

#include "node_device/inventory/ap_problem.h"
#include "util/ap_matrix.h"
#include "util/ap_root.h"

#define AP_NEEDS_NODE_DIR "/sys/class/zcrypt"
#define AP_NEEDS_TOKEN_DIR "/etc/opencryptoki"

/**
 * ApNeed:
 * @who: who needs them, as the beginning of a sentence: "keys of its zkey repository use"
 * @apqns: the queues
 */
typedef struct {
    char *who;
    ApApqnSet apqns;
} ApNeed;

/**
 * ap_needs_load:
 * @root: a root
 * @problems: (element-type ApProblem): where to note what cannot be read
 *
 * Returns: (element-type ApNeed): who names queues; the caller unrefs it.
 */
GPtrArray *
ap_needs_load(const ApRoot *root, GPtrArray *problems);

/**
 * ap_needs_parse_token:
 * @text: content of a file ep11tok*.conf of openCryptoki
 * @set: (inout): the APQNs between APQN_ALLOWLIST and END are added; untouched on failure
 * @error: return location
 *
 * With APQN_ANY it names none.
 *
 * Errors: AP_ERROR_NUMBER.
 *
 * Returns: whether what stands there are APQNs.
 */
gboolean
ap_needs_parse_token(const char *text, ApApqnSet *set, GError **error);
