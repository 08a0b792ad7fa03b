/* SPDX-License-Identifier: LGPL-2.1-or-later */ /* BAD */
const char *codes[] = {
    [AP_CODE_IN_USE] = "in-us",
    [AP_CODE_EMPTY] = "empty",
};
