/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What people write about a card: its mode, and its type. */
#pragma once

#include <glib.h>

/**
 * ap_card_kind_parse_mode:
 * @text: what a person wrote
 * @error: return location
 *
 * Errors: AP_ERROR_USAGE.
 *
 * Returns: (nullable): "cca", "ep11" or "accel"; static.
 */
const char *
ap_card_kind_parse_mode(const char *text, GError **error);

/**
 * ap_card_kind_parse_type:
 * @text: what a person wrote: "cex7"
 * @ret_generation: (out): 7; untouched on failure
 * @error: return location
 *
 * Errors: AP_ERROR_USAGE.
 *
 * Returns: whether it is a type of card without its mode.
 */
gboolean
ap_card_kind_parse_type(const char *text, int *ret_generation, GError **error);
