/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of what is defined: mdevctl's definitions of AP matrices. */
#pragma once

#include "conf/ap_mdev_def.h"
#include "util/ap_root.h"

#define AP_DEFS_DIR "/etc/mdevctl.d/matrix"

/**
 * ApDefinition:
 * @uuid: in lower case
 * @def: what the file says
 * @valid: whether the kernel could take its attributes; if not, @matrix is empty
 * @matrix: what they make
 */
typedef struct {
    char *uuid;
    ApMdevDef *def;
    gboolean valid;
    ApMatrix matrix;
} ApDefinition;

/**
 * ap_defs_load:
 * @root: a root
 * @problems: (element-type ApProblem): where to note what cannot be read
 *
 * Reads every file in the directory that is named by a UUID, in any spelling that mdevctl knows,
 * and of the type vfio_ap-passthrough. mdevctl starts either of two files that define one mdev:
 * that is told as a problem, and one definition stands for both, whose matrix holds what both hold.
 *
 * Returns: (element-type ApDefinition): the definitions, sorted by uuid; the caller unrefs it.
 */
GPtrArray *
ap_defs_load(const ApRoot *root, GPtrArray *problems);

/**
 * ap_defs_find_path:
 * @root: a root
 * @uuid: in lower case
 *
 * mdevctl reads a definition also if its name spells the UUID otherwise: in capitals, without
 * hyphens.
 *
 * Returns: where the definition of one mdev is; if there is none, where mdevctl would write it. The
 *   caller frees it.
 */
char *
ap_defs_find_path(const ApRoot *root, const char *uuid);

/**
 * ap_defs_read:
 * @root: a root
 * @uuid: in lower case
 * @error: return location
 *
 * Errors: AP_ERROR_NOT_FOUND, AP_ERROR_IO, AP_ERROR_JSON.
 *
 * Returns: (nullable): the definition of one mdev; the caller frees it with ap_definition_free().
 */
ApDefinition *
ap_defs_read(const ApRoot *root, const char *uuid, GError **error);

/**
 * ap_definition_new:
 * @uuid: in lower case
 * @matrix: what it makes
 * @autostart: whether it starts at boot
 *
 * For what is no file of mdevctl's, but is meant as one.
 *
 * Returns: a definition; the caller frees it with ap_definition_free().
 */
ApDefinition *
ap_definition_new(const char *uuid, const ApMatrix *matrix, gboolean autostart);

/**
 * ap_definition_free:
 * @definition: (nullable): a definition
 */
void
ap_definition_free(ApDefinition *definition);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApDefinition, ap_definition_free)
