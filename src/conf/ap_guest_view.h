/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What keeps a guest from its queues, although the kernel shows them to it: its CPU, and that it is
 * an IBM Secure Execution guest. */
#pragma once

/**
 * ApGuestView:
 * @AP_VIEW_NO_APFT: the CPU lacks apft: the guest's drivers find no card from CEX4 on
 * @AP_VIEW_NO_APQCI: the CPU lacks apqci: they look for adapters to 63 and domains to 15 alone
 * @AP_VIEW_SECURE: it is an IBM Secure Execution guest
 * @AP_VIEW_NO_APPV: such a guest's CPU lacks appv: it can bind no queue
 *
 * A set of these; 0 for a guest that uses whatever the kernel shows it.
 */
typedef enum {
    AP_VIEW_NO_APFT = 1 << 0,
    AP_VIEW_NO_APQCI = 1 << 1,
    AP_VIEW_SECURE = 1 << 2,
    AP_VIEW_NO_APPV = 1 << 3,
} ApGuestView;
