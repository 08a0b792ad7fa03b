/* SPDX-License-Identifier: LGPL-2.1-or-later */
typedef enum {
    AP_ERROR_IO,
} ApErrorCode;
