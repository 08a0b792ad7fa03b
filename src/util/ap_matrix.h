/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An AP matrix: what one mdev holds. */
#pragma once

#include "util/ap_id.h"
#include "util/ap_mask.h"

/**
 * ApMatrix:
 * @adapters: APM
 * @domains: AQM, the usage domains
 * @control_domains: ADM
 *
 * The queues of a matrix are the product of @adapters and @domains: a single APQN cannot be left
 * out.
 */
typedef struct {
    ApMask adapters;
    ApMask domains;
    ApMask control_domains;
} ApMatrix;

/**
 * ap_matrix_equal:
 * @a: a matrix
 * @b: a matrix
 *
 * Returns: whether all three masks are the same.
 */
gboolean
ap_matrix_equal(const ApMatrix *a, const ApMatrix *b);

/**
 * ap_matrix_is_subset:
 * @a: a matrix
 * @b: a matrix
 *
 * Returns: whether each mask of @a is within that of @b.
 */
gboolean
ap_matrix_is_subset(const ApMatrix *a, const ApMatrix *b);

/**
 * ap_matrix_count_apqns:
 * @matrix: a matrix
 *
 * Returns: how many queues it has, 0..65536.
 */
guint
ap_matrix_count_apqns(const ApMatrix *matrix);

/**
 * ap_matrix_overlaps:
 * @a: a matrix
 * @b: a matrix
 *
 * Returns: whether some APQN is in both: exactly if both the adapters and the domains intersect.
 */
gboolean
ap_matrix_overlaps(const ApMatrix *a, const ApMatrix *b);

/**
 * ap_matrix_intersection:
 * @a: a matrix
 * @b: a matrix
 *
 * Returns: the mask by mask intersection; its queues are the shared APQNs.
 */
ApMatrix
ap_matrix_intersection(const ApMatrix *a, const ApMatrix *b);

/**
 * ap_matrix_is_within:
 * @matrix: a matrix
 * @other: a matrix
 *
 * Returns: whether @other has all adapters and all usage domains of @matrix.
 */
gboolean
ap_matrix_is_within(const ApMatrix *matrix, const ApMatrix *other);

/**
 * ap_matrix_to_ap_config:
 * @matrix: a matrix
 *
 * Returns: the text of the mdev attribute ap_config, as the kernel prints it and as it is written:
 *   three masks separated by commas, then a newline; the caller frees it.
 */
char *
ap_matrix_to_ap_config(const ApMatrix *matrix);

/**
 * ap_matrix_parse_ap_config:
 * @text: as the kernel prints ap_config; the newline at its end may be missing
 * @ret_matrix: (out): the matrix; untouched on failure
 * @error: return location
 *
 * Three full masks: nothing shorter is one.
 *
 * Errors: AP_ERROR_MASK.
 *
 * Returns: whether @text is that.
 */
gboolean
ap_matrix_parse_ap_config(const char *text, ApMatrix *ret_matrix, GError **error);

/**
 * ap_matrix_parse_written_ap_config:
 * @text: what somebody writes to ap_config
 * @ret_matrix: (out): the matrix; untouched on failure
 * @error: return location
 *
 * Reads as ap_config_store() does: a mask may be short, commas or newlines separate them, and what
 * follows the third one is not looked at.
 *
 * Errors: AP_ERROR_MASK.
 *
 * Returns: whether the kernel would read three masks.
 */
gboolean
ap_matrix_parse_written_ap_config(const char *text, ApMatrix *ret_matrix, GError **error);
