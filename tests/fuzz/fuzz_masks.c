/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The three parsers of masks. */
#include <string.h>

#include "fuzz.h"
#include "util/ap_error.h"
#include "util/ap_mask.h"


static void
check_error(const GError *error)
{
    g_assert_true(g_error_matches(error, AP_ERROR, AP_ERROR_MASK));
}


/* What the kernel prints it also reads, and it means the same. */
static void
check_sysfs(const char *text, const ApMask *noise)
{
    g_autoptr(GError) error = NULL;
    char buffer[AP_MASK_STRING_SIZE];
    ApMask mask = *noise;
    ApMask again;

    if (!ap_mask_parse_sysfs(text, &mask, &error)) {
        check_error(error);
        g_assert_true(ap_mask_equal(&mask, noise));
        return;
    }
    g_assert_cmpint(g_ascii_strncasecmp(ap_mask_to_string(&mask, buffer), text, 66), ==, 0);
    g_assert_true(ap_mask_parse_hex(text, &again, NULL) && ap_mask_equal(&mask, &again));
}


static void
check_hex(const char *text, const ApMask *noise)
{
    g_autoptr(GError) error = NULL;
    char buffer[AP_MASK_STRING_SIZE];
    ApMask mask = *noise;
    ApMask again = *noise;

    if (!ap_mask_parse_hex(text, &mask, &error)) {
        check_error(error);
        g_assert_true(ap_mask_equal(&mask, noise));
        return;
    }
    g_assert_true(ap_mask_parse_sysfs(ap_mask_to_string(&mask, buffer), &again, NULL));
    g_assert_true(ap_mask_equal(&mask, &again));
    again = *noise;
    g_assert_true(ap_mask_apply(&again, text, NULL) && ap_mask_equal(&mask, &again));
}


/* Terms set or clear what they name whatever was there: a second time changes nothing. */
static void
check_apply(const char *text, const ApMask *noise)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *description = NULL;
    ApMask mask = *noise;
    ApMask again;

    if (!ap_mask_apply(&mask, text, &error)) {
        check_error(error);
        g_assert_true(ap_mask_equal(&mask, noise));
        return;
    }
    again = mask;
    g_assert_true(ap_mask_apply(&again, text, NULL) && ap_mask_equal(&mask, &again));
    description = ap_mask_describe(&mask);
    g_assert_cmpint(strcmp(description, "none") == 0, ==, ap_mask_is_empty(&mask));
}


int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    ApMask noise = { { 0xdeadbeefcafef00d, 0, G_MAXUINT64, 0x0123456789abcdef } };

    check_sysfs(text, &noise);
    check_hex(text, &noise);
    check_apply(text, &noise);
    return 0;
}
