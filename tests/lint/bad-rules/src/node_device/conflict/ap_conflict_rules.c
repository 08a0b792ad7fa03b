/* SPDX-License-Identifier: LGPL-2.1-or-later */ /* BAD: lost */
#define CONFLICT "src/node_device/conflict/ap_conflict"

static const ApRule rules[AP_N_CODES] = {
    [AP_CODE_IN_USE] = {
        CONFLICT "_share.c:judge_use", TRUE,
        { { WARN, REJECT, REJECT }, { REJECT, REJECT, REJECT } },
        "it is active",
    },
    [AP_CODE_EMPTY] = { /* BAD: the document says otherwise */
        CONFLICT "_share.c:judge_use", FALSE,
        { { WARN, WARN, REJECT }, { WARN, WARN, REJECT } },
    },
    [AP_CODE_BUSY] = { /* BAD: no such function */
        CONFLICT "_share.c:judge_busy", FALSE,
        { { ALLOW, ALLOW, REJECT }, { ALLOW, ALLOW, REJECT } },
    },
    [AP_CODE_DIFFERS] = { /* BAD: found, and no judge */
        NULL, FALSE,
        { { WARN, WARN, WARN }, { WARN, WARN, WARN } },
    },
};
