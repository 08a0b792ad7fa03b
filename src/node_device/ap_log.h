/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal, for programs whose standard error nobody sees when they succeed. */
#pragma once

#include "node_device/conflict/ap_finding.h"

/**
 * ap_log_finding:
 * @finding: a finding
 *
 * Writes a warning to the journal, with the fields CODE, MDEV, GUEST and APQN.
 */
void
ap_log_finding(const ApFinding *finding);

/**
 * ap_log_warning:
 * @guest: (nullable): a guest's name
 * @mdev: (nullable): UUID of an mdev
 * @message: what happened
 *
 * Writes a warning to the journal.
 */
void
ap_log_warning(const char *guest, const char *mdev, const char *message);
