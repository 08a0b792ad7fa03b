/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The udev rule that chzdev writes. */
#include "conf/ap_udev_rule.h"
#include "fuzz.h"
#include "util/ap_error.h"


int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    const ApMask noise = { { 1, 2, 3, 4 } };
    ApMask apmask = noise;
    ApMask aqmask = noise;
    gboolean found = FALSE;

    if (!ap_udev_rule_parse(text, &apmask, &aqmask, &found, &error))
        g_assert_true(g_error_matches(error, AP_ERROR, AP_ERROR_MASK));
    if (error || !found)
        g_assert_true(ap_mask_equal(&apmask, &noise) && ap_mask_equal(&aqmask, &noise));
    return 0;
}
