/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Adapter ids, domain ids and APQNs: text to number and back. The only place that parses
 * numbers, with ap_pid.h. */
#pragma once

#include <glib.h>

#include "util/ap_pid.h"

/* APID and APQI are 8 bits each: the APQN in GR0 of PQAP, arch/s390/include/asm/ap.h. */
#define AP_ID_MAX 255

/**
 * ApApqn:
 * @adapter: APID, 0..255
 * @domain: APQI, 0..255
 *
 * One queue: an adapter and a usage domain.
 */
typedef struct {
    guint8 adapter;
    guint8 domain;
} ApApqn;

/**
 * ap_id_parse:
 * @text: what a person typed, or an attribute of our own XML
 * @ret_id: (out): the id, 0..255; untouched on failure
 * @error: return location
 *
 * Accepts decimal ("71") and hexadecimal with a lower-case prefix ("0x47"), nothing around it.
 * A decimal number with a leading 0 is refused: the kernel would read it as octal, lszcrypt
 * prints hexadecimal so.
 *
 * Errors: AP_ERROR_NUMBER, AP_ERROR_RANGE.
 *
 * Returns: whether @text is an id.
 */
gboolean
ap_id_parse(const char *text, guint *ret_id, GError **error);

/**
 * ap_attr_parse:
 * @text: value of an mdev attribute such as assign_adapter
 * @ret_value: (out): the number; untouched on failure
 * @error: return location
 *
 * Reads a number as the kernel does (kstrtoul() with base 0, lib/kstrtox.c): decimal, 0x or 0X
 * hexadecimal, 0 octal, one leading '+', one trailing newline. The range is unsigned long's;
 * whether the id fits is the caller's question.
 *
 * Errors: AP_ERROR_NUMBER (the kernel: EINVAL), AP_ERROR_RANGE (ERANGE).
 *
 * Returns: whether the kernel would read a number.
 */
gboolean
ap_attr_parse(const char *text, guint64 *ret_value, GError **error);

/**
 * ap_apqn_parse:
 * @text: an APQN as lszcrypt prints it, "05.0047": two and four hexadecimal digits
 * @ret_apqn: (out): the APQN; untouched on failure
 *
 * Returns: whether @text is an APQN with a domain up to 255.
 */
gboolean
ap_apqn_parse(const char *text, ApApqn *ret_apqn);

/**
 * ap_card_parse:
 * @text: name of a card in sysfs, "card05"
 * @ret_adapter: (out): its APID; untouched on failure
 *
 * Returns: whether @text names a card.
 */
gboolean
ap_card_parse(const char *text, guint *ret_adapter);

/**
 * ap_apqn_to_string:
 * @apqn: an APQN
 *
 * Returns: "05.0047"; the caller frees it.
 */
char *
ap_apqn_to_string(ApApqn apqn);

/**
 * ap_apqn_describe:
 * @apqn: an APQN
 *
 * Returns: "05.0047 (adapter 5, domain 71)", for messages; the caller frees it.
 */
char *
ap_apqn_describe(ApApqn apqn);

/**
 * ap_uuid_normalize:
 * @text: a UUID
 *
 * Returns: (nullable): @text in lower case, as the kernel and mdevctl store it, or NULL if it is
 *   no UUID; the caller frees it.
 */
char *
ap_uuid_normalize(const char *text);

/**
 * ap_uuid_from_name:
 * @name: name of a file in mdevctl's directory
 *
 * mdevctl takes every spelling of a UUID that its parser knows (uuid-rs, parser.rs): with hyphens,
 * without any, in braces, as a URN, each in any case.
 *
 * Returns: (nullable): the UUID in lower case, with hyphens, or NULL if mdevctl passes over the
 *   file; the caller frees it.
 */
char *
ap_uuid_from_name(const char *name);
