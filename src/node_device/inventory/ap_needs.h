/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of which queues the host itself needs: its zkey repository, further zcrypt device nodes,
 * openCryptoki's EP11 tokens. */
#pragma once

#include "node_device/inventory/ap_problem.h"
#include "util/ap_apqn_set.h"
#include "util/ap_matrix.h"
#include "util/ap_root.h"

#define AP_NEEDS_NODE_DIR "/sys/class/zcrypt"
#define AP_NEEDS_TOKEN_DIR "/etc/opencryptoki"

/**
 * ApNeed:
 * @who: who needs them, as the beginning of a sentence: "keys of its zkey repository use"
 * @are_keys: whether keys of the zkey repository do
 * @one_is_enough: whether @apqns are a choice, of which one that is there will do
 * @apqns: the queues
 */
typedef struct {
    char *who;
    gboolean are_keys;
    gboolean one_is_enough;
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

/**
 * ap_needs_is_token:
 * @name: a file's name in AP_NEEDS_TOKEN_DIR
 *
 * Returns: whether it is the configuration of an EP11 token.
 */
gboolean
ap_needs_is_token(const char *name);

/**
 * ap_needs_reduce_token:
 * @text: content of a file ep11tok*.conf of openCryptoki
 *
 * Returns: what ap_needs_parse_token() looks at, and no other word of it; the caller frees it.
 */
char *
ap_needs_reduce_token(const char *text);
