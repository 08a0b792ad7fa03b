/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration in force: reads the file that conf/ap_config.h describes. */
#pragma once

#include "conf/ap_config.h"
#include "util/ap_root.h"

/**
 * ap_config_load:
 * @root: a root
 * @error: return location
 *
 * Errors: AP_ERROR_CONFIG, AP_ERROR_IO.
 *
 * Returns: (nullable): the configuration, the default one where there is no file; the caller
 *   releases it with ap_config_unref().
 */
ApConfig *
ap_config_load(const ApRoot *root, GError **error);
