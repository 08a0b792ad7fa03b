/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration file. */
#include <string.h>

#include "conf/ap_config.h"
#include "fuzz.h"
#include "util/ap_error.h"


static void
check_severities(const ApConfig *config)
{
    const char *mdevs[] = { "11111111-2222-4333-8444-555555555555", NULL };
    const char *guests[] = { "payroll", NULL };

    for (guint code = 0; code < AP_N_CODES; code++) {
        for (guint phase = 0; phase < AP_N_PHASES; phase++) {
            ApSeverity severity =
                ap_config_get_severity(config, code, phase, AP_SEVERITY_WARN, mdevs, guests, 2);

            g_assert_nonnull(ap_severity_to_string(severity));
        }
    }
}


int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ApConfig) config = ap_config_parse((const char *)data, size, "FILE", &error);

    if (!config) {
        g_assert_true(g_error_matches(error, AP_ERROR, AP_ERROR_CONFIG));
        g_assert_true(g_str_has_prefix(error->message, "FILE: "));
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        return 0;
    }
    g_assert_cmpuint(config->lock_timeout_s, <=, 600);
    for (guint i = 0; i < config->pools->len; i++) {
        const ApPool *pool = config->pools->pdata[i];

        g_assert_true(pool->name && pool->guests);
    }
    check_severities(config);
    return 0;
}
