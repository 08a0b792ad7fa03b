/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one error domain of the project. Every layer sets these codes, the programs map them to
 * exit codes (ap_error_exit_code()). */
#pragma once

#include <glib.h>

#include "util/ap_text.h"

/**
 * ApErrorCode:
 * @AP_ERROR_NUMBER: text that should be a number or an APQN is not one
 * @AP_ERROR_RANGE: a number lies outside what is allowed
 * @AP_ERROR_MASK: text that should be a mask is not one
 * @AP_ERROR_STEP: an attribute of a definition would be refused by the kernel
 * @AP_ERROR_JSON: not the JSON that mdevctl reads or writes
 * @AP_ERROR_XML: not XML, or not the XML that was expected
 * @AP_ERROR_CONFIG: a bad configuration file
 * @AP_ERROR_NOT_FOUND: no such file, mdev, guest, card or queue
 * @AP_ERROR_IO: a file or directory could not be read or written
 * @AP_ERROR_DENIED: a file or directory that this user may not read
 * @AP_ERROR_NO_BUS: the host has no AP bus
 * @AP_ERROR_LOCKED: somebody else holds the configuration lock
 * @AP_ERROR_REFUSED: the rules, or the kernel, refuse what was asked for
 * @AP_ERROR_USAGE: wrong command line
 *
 * A message is one sentence without a full stop. Where it can say what to do, that follows
 * after a newline; ap_error_hint() finds it.
 */
typedef enum {
    AP_ERROR_NUMBER,
    AP_ERROR_RANGE,
    AP_ERROR_MASK,
    AP_ERROR_STEP,
    AP_ERROR_JSON,
    AP_ERROR_XML,
    AP_ERROR_CONFIG,
    AP_ERROR_NOT_FOUND,
    AP_ERROR_IO,
    AP_ERROR_DENIED,
    AP_ERROR_NO_BUS,
    AP_ERROR_LOCKED,
    AP_ERROR_REFUSED,
    AP_ERROR_USAGE,
} ApErrorCode;

#define AP_ERROR ap_error_quark()

/**
 * ap_error_quark:
 *
 * Returns: the domain of all errors of this project.
 */
GQuark
ap_error_quark(void);

/**
 * ap_error_code_of:
 * @errnum: what open(2) or the like failed with
 *
 * Returns: AP_ERROR_DENIED if this user may not do it, else AP_ERROR_IO.
 */
ApErrorCode
ap_error_code_of(int errnum);

/**
 * ap_error_name:
 * @error: an error
 *
 * Returns: its code as JSON output names it ("not-found"), "internal" for a foreign domain;
 *   static.
 */
const char *
ap_error_name(const GError *error);

/**
 * ap_error_exit_code:
 * @error: an error
 *
 * Returns: the exit code of a program that ends with @error: 1 refused, 2 usage, 3 no such
 *   object, 4 could not look.
 */
int
ap_error_exit_code(const GError *error);

/**
 * ap_error_message:
 * @error: an error
 *
 * Returns: the message without the hint; the caller frees it.
 */
char *
ap_error_message(const GError *error);

/**
 * ap_error_hint:
 * @error: an error
 *
 * Returns: what to do, "" where nothing is known; borrowed from @error.
 */
const char *
ap_error_hint(const GError *error);
