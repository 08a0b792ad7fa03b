/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of APQNs, which need not be rectangles. */
#pragma once

#include "util/ap_id.h"
#include "util/ap_mask.h"

/**
 * ApApqnSet:
 * @domains: for each adapter the domains
 *
 * Any set of APQNs; 8 KiB. All zero is the empty set.
 */
typedef struct {
    ApMask domains[AP_ID_MAX + 1];
} ApApqnSet;

/**
 * ap_apqn_set_add:
 * @set: a set
 * @adapters: a mask
 * @domains: a mask
 *
 * Adds the product of @adapters and @domains.
 */
void
ap_apqn_set_add(ApApqnSet *set, const ApMask *adapters, const ApMask *domains);

/**
 * ap_apqn_set_add_all:
 * @set: a set
 * @other: a set
 *
 * Adds what is in @other.
 */
void
ap_apqn_set_add_all(ApApqnSet *set, const ApApqnSet *other);

/**
 * ap_apqn_set_remove_all:
 * @set: a set
 * @other: a set
 *
 * Removes what is in @other.
 */
void
ap_apqn_set_remove_all(ApApqnSet *set, const ApApqnSet *other);

/**
 * ap_apqn_set_is_subset:
 * @set: a set
 * @other: a set
 *
 * Returns: whether all of @set is in @other.
 */
gboolean
ap_apqn_set_is_subset(const ApApqnSet *set, const ApApqnSet *other);

/**
 * ap_apqn_set_has:
 * @set: a set
 * @apqn: an APQN
 *
 * Returns: whether @apqn is in @set.
 */
gboolean
ap_apqn_set_has(const ApApqnSet *set, ApApqn apqn);

/**
 * ap_apqn_set_is_empty:
 * @set: a set
 *
 * Returns: whether no APQN is in @set.
 */
gboolean
ap_apqn_set_is_empty(const ApApqnSet *set);

/**
 * ap_apqn_set_count:
 * @set: a set
 *
 * Returns: how many APQNs it holds.
 */
guint
ap_apqn_set_count(const ApApqnSet *set);

/**
 * ap_apqn_set_next:
 * @set: a set
 * @position: (inout): 0 to begin with; afterwards where to go on
 * @ret_apqn: (out): the next APQN in ascending order; untouched at the end
 *
 * Returns: whether there was one more.
 */
gboolean
ap_apqn_set_next(const ApApqnSet *set, guint *position, ApApqn *ret_apqn);

/**
 * ap_apqn_set_append_rest:
 * @set: a set
 * @text: a message that names the first APQN of @set already
 *
 * Appends the other APQNs up to the 32nd, in hexadecimal; then how many more there are, and the
 * rectangle that they all lie in.
 */
void
ap_apqn_set_append_rest(const ApApqnSet *set, GString *text);
