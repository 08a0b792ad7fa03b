/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* udev's rules. */
#include "conf/ap_udev_rule.h"
#include "fuzz.h"

static void
check(const char *attribute, const char *value, gboolean surely, gpointer data)
{
    const char *text = data;

    /* What is set stands there. */
    g_assert_true(!attribute || g_strstr_len(text, -1, "ATTR{"));
    g_assert_nonnull(value);
    g_assert_true(surely == TRUE || surely == FALSE);
}


int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    static const char *const properties[] = { "BINDINGS=complete", "COMPLETECOUNT=1", NULL };
    static const char *const attributes[] = { "bindings_complete_count", NULL };
    const ApUdevEvent event = { "change", "ap", "ap", "/devices/ap", properties, attributes };
    g_autofree char *text = g_strndup((const char *)data, size);

    ap_udev_rule_run(text, &event, check, text);
    return 0;
}
