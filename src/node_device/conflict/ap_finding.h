/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the conflict rules find. */
#pragma once

#include "conf/ap_policy.h"
#include "util/ap_apqn_set.h"
#include "util/ap_matrix.h"

/**
 * ApRectangle:
 * @adapters: some adapters
 * @domains: some domains
 *
 * The APQNs of their product.
 */
typedef struct {
    ApMask adapters;
    ApMask domains;
} ApRectangle;

/**
 * ApFinding:
 * @code: what is wrong
 * @severity: warn or reject
 * @phase: in which phase it was found
 * @rectangles: the APQNs concerned; see ap_finding_get_apqns()
 * @n_rectangles: how many rectangles they are
 * @mdev: (nullable): the mdev that was judged
 * @guest: (nullable): its guest
 * @guest_state: (nullable): that guest's state, as virsh prints it
 * @other_mdev: (nullable): the mdev that is in the way
 * @other_guest: (nullable): its guest
 * @other_guest_state: (nullable): that guest's state
 * @message: what is wrong; may have several lines
 * @ids: ids that are wrong as such, whatever APQNs they make; empty where the code names none
 * @at_boot: whether it is about what holds after the next boot, when the matrix is to start
 * @hint: what to do, "" where nothing is known; may have several lines
 */
typedef struct {
    ApCode code;
    ApSeverity severity;
    ApPhase phase;
    ApRectangle *rectangles;
    guint n_rectangles;
    char *mdev;
    char *guest;
    char *guest_state;
    char *other_mdev;
    char *other_guest;
    char *other_guest_state;
    ApMatrix ids;
    gboolean at_boot;
    char *message;
    char *hint;
} ApFinding;

/**
 * ap_finding_free:
 * @finding: (nullable): a finding
 */
void
ap_finding_free(ApFinding *finding);

/**
 * ap_finding_set_apqns:
 * @finding: a finding
 * @set: the APQNs concerned
 *
 * An audit can find a million things, and ApApqnSet has 8 KiB: what is kept is the rectangles that
 * the set is made of, mostly one.
 */
void
ap_finding_set_apqns(ApFinding *finding, const ApApqnSet *set);

/**
 * ap_finding_get_apqns:
 * @finding: a finding
 * @ret_set: (out caller-allocates): the APQNs concerned
 */
void
ap_finding_get_apqns(const ApFinding *finding, ApApqnSet *ret_set);

/**
 * ap_finding_list_new:
 *
 * Returns: (element-type ApFinding): an empty list; the caller unrefs it.
 */
GPtrArray *
ap_finding_list_new(void);

/**
 * ap_finding_list_sort:
 * @findings: (element-type ApFinding): findings
 *
 * Sorts by severity, code, the mdevs and the guests.
 */
void
ap_finding_list_sort(GPtrArray *findings);

/**
 * ap_finding_list_settle:
 * @findings: (element-type ApFinding): what several phases found
 *
 * Leaves one finding per code and pair of owners, the strongest; of the sharing codes one per pair
 * of owners; and sorts them.
 */
void
ap_finding_list_settle(GPtrArray *findings);

/**
 * ap_finding_list_severity:
 * @findings: (element-type ApFinding): findings
 *
 * Returns: the strongest severity among them.
 */
ApSeverity
ap_finding_list_severity(const GPtrArray *findings);

/**
 * ap_finding_is_known:
 * @finding: a finding about a changed definition
 * @before: (element-type ApFinding): what is found of the definition as it was
 *
 * Returns: whether the change adds nothing: @before has the same code about the same other owner,
 *   at least as severe, with all its APQNs and ids, and about the next boot if @finding is; what
 *   names neither APQNs nor ids has the same message.
 */
gboolean
ap_finding_is_known(const ApFinding *finding, const GPtrArray *before);

/**
 * ap_finding_to_text:
 * @finding: a finding
 *
 * Returns: message and hint, the hint's lines indented; without a newline at the end. The caller
 *   frees it.
 */
char *
ap_finding_to_text(const ApFinding *finding);
