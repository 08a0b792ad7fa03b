/* SPDX-License-Identifier: LGPL-2.1-or-later */
typedef enum {
    AP_CODE_IN_USE,
    AP_CODE_EMPTY,
    AP_CODE_BUSY,
    AP_CODE_DIFFERS,
    AP_CODE_LOST,
} ApCode;
