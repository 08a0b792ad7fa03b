/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of the host's own zkey repository. */
#include "node_device/inventory/ap_zkey.h"

#include <string.h>

#include "node_device/inventory/ap_problem.h"
#include "util/ap_error.h"


gboolean
ap_zkey_parse(const char *text, ApApqnSet *set, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree ApApqnSet *found = g_new0(ApApqnSet, 1);

    for (char **line = lines; *line; line++) {
        g_auto(GStrv) names = NULL;

        if (!g_str_has_prefix(*line, "apqns="))
            continue;
        names = g_strsplit(*line + strlen("apqns="), ",", -1);
        for (char **name = names; *name; name++) {
            g_autofree char *lower = g_ascii_strdown(*name, -1);
            g_autofree char *printable = ap_text_printable(*name);
            ApApqn apqn;

            if (!ap_apqn_parse(lower, &apqn)) {
                g_set_error(error, AP_ERROR, AP_ERROR_NUMBER, "'%s' is not an APQN", printable);
                return FALSE;
            }
            ap_mask_set(&found->domains[apqn.adapter], apqn.domain);
        }
    }
    ap_apqn_set_add_all(set, found);
    return TRUE;
}


void
ap_zkey_load(const ApRoot *root, ApApqnSet *ret_set, GPtrArray *problems)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = ap_root_list(root, AP_ZKEY_DIR, &error);

    memset(ret_set, 0, sizeof(*ret_set));
    if (!names && !g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
        ap_problem_add_hidden(problems, g_steal_pointer(&error), AP_PROBLEM_HIDES_NEED);
    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path = g_strconcat(AP_ZKEY_DIR "/", names->pdata[i], NULL);
        g_autofree char *text = NULL;

        if (!g_str_has_suffix(names->pdata[i], ".info"))
            continue;
        text = ap_root_read(root, path, AP_ROOT_SMALL_MAX, NULL, &error);
        if (text && !ap_zkey_parse(text, ret_set, &error)) {
            g_autofree char *full = ap_root_describe(root, path);

            g_prefix_error(&error, "%s: ", full);
        }
        if (error)
            ap_problem_add_hidden(problems, g_steal_pointer(&error), AP_PROBLEM_HIDES_NEED);
    }
}
