/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What people write about a card. */
#include "conf/ap_card_kind.h"

#include <string.h>

#include "util/ap_error.h"

static const char *const all_modes[] = { "cca", "ep11", "accel" };


const char *
ap_card_kind_parse_mode(const char *text, GError **error)
{
    g_autofree char *printable = ap_text_printable(text);

    for (guint i = 0; i < G_N_ELEMENTS(all_modes); i++) {
        if (strcmp(text, all_modes[i]) == 0)
            return all_modes[i];
    }
    g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "'%s' is no mode: wanted cca, ep11 or accel",
                printable);
    return NULL;
}


gboolean
ap_card_kind_parse_type(const char *text, int *ret_generation, GError **error)
{
    g_autofree char *printable = ap_text_printable(text);
    guint64 generation;

    if (g_ascii_strncasecmp(text, "cex", 3) == 0 &&
        g_ascii_string_to_unsigned(text + 3, 10, 1, 99, &generation, NULL)) {
        *ret_generation = generation;
        return TRUE;
    }
    g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "'%s' is no card type: wanted such as cex7",
                printable);
    return FALSE;
}
