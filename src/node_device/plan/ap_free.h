/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two masks of the AP bus can give away and take back: a queue is the host's exactly if
 * its adapter is in apmask and its domain in aqmask. Pure: it is told what the masks are. */
#pragma once

#include "util/ap_apqn_set.h"
#include "util/ap_matrix.h"

/**
 * ApHostMasks:
 * @apmask: adapters of the host's own drivers
 * @aqmask: their domains
 */
typedef struct {
    ApMask apmask;
    ApMask aqmask;
} ApHostMasks;

/**
 * ApWish:
 * @adapters: whole adapters
 * @domains: whole domains, of every adapter
 * @queues: single queues
 *
 * What is to change hands.
 */
typedef struct {
    ApMask adapters;
    ApMask domains;
    ApApqnSet queues;
} ApWish;

/**
 * ApFreeWay:
 * @AP_FREE_BY_ADAPTER: single queues go with all other queues of their adapters
 * @AP_FREE_BY_DOMAIN: they go with all other queues of their domains
 * @AP_N_FREE_WAYS: how many there are
 */
typedef enum {
    AP_FREE_BY_ADAPTER,
    AP_FREE_BY_DOMAIN,
    AP_N_FREE_WAYS,
} ApFreeWay;

/**
 * ap_wish_get_queues:
 * @wish: a wish
 * @lpar: what there is
 * @ret_queues: (out caller-allocates): the queues of @lpar that it asks for
 */
void
ap_wish_get_queues(const ApWish *wish, const ApMatrix *lpar, ApApqnSet *ret_queues);

/**
 * ap_masks_free:
 * @before: the masks
 * @wish: what the host is to give away
 * @way: how single queues go
 *
 * Returns: the masks afterwards: no queue of @wish is the host's, and each bit that was cleared is
 *   needed for that.
 */
ApHostMasks
ap_masks_free(const ApHostMasks *before, const ApWish *wish, ApFreeWay way);

/**
 * ap_masks_reclaim:
 * @before: the masks
 * @wish: what the host is to have again
 *
 * Sets the bits of whole adapters and domains, and both bits of single queues. There is only this
 * way. A queue of a whole adapter stays with the guests where its domain does.
 *
 * Returns: the masks afterwards.
 */
ApHostMasks
ap_masks_reclaim(const ApHostMasks *before, const ApWish *wish);

/**
 * ap_masks_get_changed:
 * @before: the masks
 * @after: the masks afterwards
 * @lpar: what there is
 * @ret_changed: (out caller-allocates): the queues of @lpar that are the host's with one of the two
 *   alone
 */
void
ap_masks_get_changed(const ApHostMasks *before, const ApHostMasks *after, const ApMatrix *lpar,
                     ApApqnSet *ret_changed);

/**
 * ap_masks_equal:
 * @a: masks
 * @b: masks
 *
 * Returns: whether they are the same.
 */
gboolean
ap_masks_equal(const ApHostMasks *a, const ApHostMasks *b);

/**
 * ap_masks_are_full:
 * @masks: masks
 *
 * Returns: whether they give away nothing.
 */
gboolean
ap_masks_are_full(const ApHostMasks *masks);
