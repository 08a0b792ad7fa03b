/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel writes into the attributes of an AP matrix. Its lists have no end mark, and some
 * kernels cut them at a page: a list is taken only if it proves that it is whole. */
#pragma once

#include "util/ap_matrix.h"

/* Up to 6.12 the kernel writes `matrix` and `guest_matrix` past their page from here on. */
#define AP_HOST_LISTED_MAX 511

/**
 * ap_host_parse_apqns:
 * @text: content of `matrix` or `guest_matrix`
 * @ret_matrix: (out): adapters and domains; untouched on failure
 * @error: return location
 *
 * A line is "05.0047", or "05." or ".0047" while the other side is empty. A cut line can look like
 * a whole one, and a cut list like a shorter one: the lines must be all adapters by all domains, no
 * more than 511, with a newline at the end.
 *
 * Errors: AP_ERROR_NUMBER.
 *
 * Returns: whether the list is whole.
 */
gboolean
ap_host_parse_apqns(const char *text, ApMatrix *ret_matrix, GError **error);

/**
 * ap_host_parse_control_domains:
 * @text: content of `control_domains`
 * @ret_mask: (out): the domains; untouched on failure
 * @error: return location
 *
 * A line is "0047"; they ascend. At most 256 fit in a page, so a newline at the end is proof.
 *
 * Errors: AP_ERROR_NUMBER.
 *
 * Returns: whether the list is whole.
 */
gboolean
ap_host_parse_control_domains(const char *text, ApMask *ret_mask, GError **error);
