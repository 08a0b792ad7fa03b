/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Node-device XML: what was read, is written and read again as the same. */
#include <string.h>

#include "conf/ap_nodedev_xml.h"
#include "fuzz.h"
#include "util/ap_error.h"


int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ApMdevDef) def = ap_nodedev_xml_parse((const char *)data, size, &error);
    g_autoptr(ApMdevDef) again = NULL;
    g_autofree char *text = NULL;
    ApMatrix matrix;

    if (!def) {
        g_assert_true(g_error_matches(error, AP_ERROR, AP_ERROR_XML));
        return 0;
    }
    text = ap_nodedev_xml_format(def);
    again = ap_nodedev_xml_parse(text, strlen(text), &error);
    g_assert_no_error(error);
    g_assert_cmpstr(def->uuid, ==, again->uuid);
    g_assert_cmpuint(def->attrs->len, ==, again->attrs->len);
    for (guint i = 0; i < def->attrs->len; i++) {
        const ApMdevAttr *before = def->attrs->pdata[i];
        const ApMdevAttr *after = again->attrs->pdata[i];

        g_assert_cmpstr(before->name, ==, after->name);
        g_assert_cmpstr(before->value, ==, after->value);
    }
    if (!ap_mdev_def_replay(def, NULL, NULL, &matrix, &error))
        g_assert_true(g_error_matches(error, AP_ERROR, AP_ERROR_STEP));
    return 0;
}
