/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A set of 256 adapter or domain ids, as APM, AQM, ADM, apmask and aqmask are.
 *
 * Bit 0 is the most significant: id 0 is the leftmost digit's highest bit. (set_bit_inv() in the
 * kernel's drivers/s390/crypto; a comment in vfio_ap_private.h says the opposite and is wrong.) */
#pragma once

#include <glib.h>

/* "0x", 64 digits and the terminating NUL */
#define AP_MASK_STRING_SIZE 67

/**
 * ApMask:
 * @word: bits 0-63 in word[0], bit 0 being its most significant
 */
typedef struct {
    guint64 word[4];
} ApMask;

/**
 * ap_mask_set:
 * @mask: a mask
 * @id: 0..255
 *
 * Adds @id.
 */
void
ap_mask_set(ApMask *mask, guint id);

/**
 * ap_mask_clear:
 * @mask: a mask
 * @id: 0..255
 *
 * Removes @id.
 */
void
ap_mask_clear(ApMask *mask, guint id);

/**
 * ap_mask_has:
 * @mask: a mask
 * @id: 0..255
 *
 * Returns: whether @id is in @mask.
 */
gboolean
ap_mask_has(const ApMask *mask, guint id);

/**
 * ap_mask_is_empty:
 * @mask: a mask
 *
 * Returns: whether no id is in @mask.
 */
static inline gboolean
ap_mask_is_empty(const ApMask *mask)
{
    return (mask->word[0] | mask->word[1] | mask->word[2] | mask->word[3]) == 0;
}

/**
 * ap_mask_equal:
 * @a: a mask
 * @b: a mask
 *
 * Returns: whether both hold the same ids.
 */
gboolean
ap_mask_equal(const ApMask *a, const ApMask *b);

/**
 * ap_mask_intersects:
 * @a: a mask
 * @b: a mask
 *
 * Returns: whether some id is in both.
 */
static inline gboolean
ap_mask_intersects(const ApMask *a, const ApMask *b)
{
    return ((a->word[0] & b->word[0]) | (a->word[1] & b->word[1]) | (a->word[2] & b->word[2]) |
            (a->word[3] & b->word[3])) != 0;
}

/**
 * ap_mask_count:
 * @mask: a mask
 *
 * Returns: how many ids it holds, 0..256.
 */
guint
ap_mask_count(const ApMask *mask);

/**
 * ap_mask_and:
 * @a: a mask
 * @b: a mask
 *
 * Returns: the ids that are in both.
 */
ApMask
ap_mask_and(const ApMask *a, const ApMask *b);

/**
 * ap_mask_or:
 * @a: a mask
 * @b: a mask
 *
 * Returns: the ids that are in either.
 */
ApMask
ap_mask_or(const ApMask *a, const ApMask *b);

/**
 * ap_mask_minus:
 * @a: a mask
 * @b: a mask
 *
 * Returns: the ids of @a that are not in @b.
 */
ApMask
ap_mask_minus(const ApMask *a, const ApMask *b);

/**
 * ap_mask_range:
 * @first: 0..255
 * @last: @first..255
 *
 * Returns: a mask of the ids from @first to @last.
 */
ApMask
ap_mask_range(guint first, guint last);

/**
 * ap_mask_next:
 * @mask: a mask
 * @from: 0..256
 *
 * Returns: the lowest id of @mask that is not below @from, or -1. To visit all:
 *   for (int id = ap_mask_next(m, 0); id >= 0; id = ap_mask_next(m, id + 1)).
 */
int
ap_mask_next(const ApMask *mask, guint from);

/**
 * ap_mask_to_string:
 * @mask: a mask
 * @buffer: (out): "0x" and 64 hexadecimal digits
 *
 * Returns: @buffer.
 */
const char *
ap_mask_to_string(const ApMask *mask, char buffer[AP_MASK_STRING_SIZE]);

/**
 * ap_mask_parse_sysfs:
 * @text: what the kernel prints: "0x", 64 hexadecimal digits, perhaps one newline
 * @ret_mask: (out): the mask; untouched on failure
 * @error: return location
 *
 * Errors: AP_ERROR_MASK.
 *
 * Returns: whether @text is such a mask.
 */
gboolean
ap_mask_parse_sysfs(const char *text, ApMask *ret_mask, GError **error);

/**
 * ap_mask_parse_hex:
 * @text: an absolute mask as the kernel reads it (ap_hex2bitmap(), ap_bus.c): "0x" or "x" or
 *   nothing, up to 64 digits counted from bit 0 on, perhaps one newline; "" is the empty mask
 * @ret_mask: (out): the mask; untouched on failure
 * @error: return location
 *
 * Errors: AP_ERROR_MASK.
 *
 * Returns: whether the kernel would take @text.
 */
gboolean
ap_mask_parse_hex(const char *text, ApMask *ret_mask, GError **error);

/**
 * ap_mask_apply:
 * @mask: (inout): the mask before and after; untouched on failure
 * @text: what is written to apmask or aqmask (ap_parse_bitmap_str(), ap_bus.c): an absolute mask,
 *   or terms "+5", "-0x10-0x1f" separated by commas
 * @error: return location
 *
 * Errors: AP_ERROR_MASK.
 *
 * Returns: whether the kernel would take @text.
 */
gboolean
ap_mask_apply(ApMask *mask, const char *text, GError **error);

/**
 * ap_mask_parse_list:
 * @text: what a person typed: "5", "0x08-0x0a", or several such separated by commas
 * @ret_mask: (out): the ids; untouched on failure
 * @error: return location
 *
 * Errors: AP_ERROR_NUMBER, AP_ERROR_RANGE.
 *
 * Returns: whether @text is a list of ids, as ap_id_parse() reads each.
 */
gboolean
ap_mask_parse_list(const char *text, ApMask *ret_mask, GError **error);

/**
 * ap_mask_describe:
 * @mask: a mask
 *
 * Returns: the ids as ranges for messages, "0x04, 0x49-0x53", or "none"; the caller frees it.
 */
char *
ap_mask_describe(const ApMask *mask);

/**
 * ap_mask_to_terms:
 * @mask: a mask, not empty
 * @sign: '+' or '-'
 *
 * Returns: what adds the ids of @mask to another mask, or takes them away, as the kernel and chzdev
 *   read it: "-0x04,-0x49-0x53"; the caller frees it.
 */
char *
ap_mask_to_terms(const ApMask *mask, char sign);
