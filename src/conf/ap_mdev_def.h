/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The definition of a mediated device: what mdevctl stores and libvirt's node-device XML says. */
#pragma once

#include "util/ap_matrix.h"

#define AP_MDEV_TYPE "vfio_ap-passthrough"
#define AP_MDEV_PARENT "matrix"

/**
 * ApMdevAttr:
 * @name: name of a sysfs attribute of the mdev
 * @value: what is written to it
 *
 * Never changed: definitions share those that nearly all of them have.
 */
typedef struct {
    char *name;
    char *value;
} ApMdevAttr;

/**
 * ap_mdev_attr_is_known:
 * @name: name of an attribute
 *
 * Nothing else is ever written to: a definition could name any file.
 *
 * Returns: whether it is one of those that change a matrix: assign_ or unassign_ with adapter,
 *   domain or control_domain, or ap_config.
 */
gboolean
ap_mdev_attr_is_known(const char *name);

/**
 * ApMdevDef:
 * @uuid: (nullable): in lower case
 * @type: mdev type
 * @parent: (nullable): mdevctl's name of the parent device
 * @autostart: whether mdevctl starts it at boot
 * @attrs: (element-type ApMdevAttr): in the order in which they are written
 */
typedef struct {
    char *uuid;
    char *type;
    char *parent;
    gboolean autostart;
    GPtrArray *attrs;
} ApMdevDef;

/**
 * ap_mdev_def_new:
 * @type: mdev type
 *
 * Returns: an empty definition; the caller frees it with ap_mdev_def_free().
 */
ApMdevDef *
ap_mdev_def_new(const char *type);

/**
 * ap_mdev_def_copy:
 * @def: a definition
 *
 * Returns: a copy; the caller frees it with ap_mdev_def_free().
 */
ApMdevDef *
ap_mdev_def_copy(const ApMdevDef *def);

/**
 * ap_mdev_def_free:
 * @def: (nullable): a definition
 */
void
ap_mdev_def_free(ApMdevDef *def);

/**
 * ap_mdev_def_add_attr:
 * @def: a definition
 * @name: name of the attribute; copied
 * @value: its value; copied
 */
void
ap_mdev_def_add_attr(ApMdevDef *def, const char *name, const char *value);

/**
 * ap_mdev_def_add_matrix:
 * @def: a definition
 * @matrix: a matrix
 * @hex: whether to write ids as libvirt's XML does, 0x05 and 0x0047, instead of decimal
 *
 * Appends the assign_adapter, assign_domain and assign_control_domain attributes that build
 * @matrix, ascending.
 */
void
ap_mdev_def_add_matrix(ApMdevDef *def, const ApMatrix *matrix, gboolean hex);

/**
 * ApMdevStepFunc:
 * @step: number of the attribute, from 1
 * @attr: the attribute
 * @matrix: the matrix once the kernel has taken it
 * @data: as given to ap_mdev_def_replay()
 */
typedef void (*ApMdevStepFunc)(guint step, const ApMdevAttr *attr, const ApMatrix *matrix,
                               gpointer data);

/**
 * ap_mdev_def_replay:
 * @def: a definition
 * @func: (nullable): called after each attribute
 * @data: for @func
 * @ret_matrix: (out): the matrix after the last attribute; untouched on failure
 * @error: return location
 *
 * Applies the attributes in their order, as the kernel does when the mdev is started
 * (vfio_ap_ops.c): assign_adapter, assign_domain, assign_control_domain, the same with unassign_,
 * and ap_config. What the kernel takes of a number, ap_attr_parse() says. An empty value is
 * refused, although mdevctl would write nothing and go on: nobody means that. So is one of more
 * than 4096 bytes, which would reach the kernel as two. Whether the machine has an id, or somebody
 * else has the queue, is not judged here.
 *
 * Errors: AP_ERROR_STEP, and the message gives the number and the name of the attribute.
 *
 * Returns: whether the kernel could take every attribute.
 */
gboolean
ap_mdev_def_replay(const ApMdevDef *def, ApMdevStepFunc func, gpointer data, ApMatrix *ret_matrix,
                   GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApMdevDef, ap_mdev_def_free)
