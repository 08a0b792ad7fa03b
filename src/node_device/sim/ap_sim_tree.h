/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The simulated host as files: what a captured root has. Private to sim/.
 *
 * DIR/.sim/state is a link to DIR/.sim/states/N, the directory of state N; what can change under
 * DIR/sys are links into it, so that one rename of that link changes everything at once. States
 * share the directories of cards, queues and mdevs that did not change. */
#pragma once

#include "node_device/sim/ap_sim_state.h"

/**
 * ap_sim_tree_create:
 * @dir: a new, empty directory
 * @state: the first state
 *
 * Writes what never changes, then publishes @state.
 *
 * Returns: 0, or an errno.
 */
int
ap_sim_tree_create(const char *dir, ApSimState *state);

/**
 * ap_sim_tree_publish:
 * @dir: the simulated host's directory
 * @before: (nullable): the state that is published now
 * @after: the new state; gets its serial here
 *
 * Returns: 0, or an errno, and then nothing has changed.
 */
int
ap_sim_tree_publish(const char *dir, const ApSimState *before, ApSimState *after);

/**
 * ap_sim_tree_load:
 * @dir: the simulated host's directory
 * @error: return location
 *
 * Errors: AP_ERROR_NOT_FOUND, AP_ERROR_CONFIG.
 *
 * Returns: (nullable): the state that is published now; the caller frees it.
 */
ApSimState *
ap_sim_tree_load(const char *dir, GError **error);

/**
 * ap_sim_tree_clear_run:
 * @dir: the simulated host's directory
 *
 * Empties /run, as a boot does.
 *
 * Returns: 0, or an errno.
 */
int
ap_sim_tree_clear_run(const char *dir);
