/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record that a captured host keeps of what could not be read, or was not taken: there it is to
 * stay unreadable, and not to be missing. */
#pragma once

#include <glib.h>

/* Where it is, below the root of a captured host. */
#define AP_UNREAD_FILE "libvirt-ap-capture"

/**
 * ap_unread_new:
 *
 * Returns: (element-type utf8 utf8): an empty record: path to reason; the caller unrefs it.
 */
GHashTable *
ap_unread_new(void);

/**
 * ap_unread_parse:
 * @text: the content of the file
 *
 * Returns: (element-type utf8 utf8): the record; the caller unrefs it.
 */
GHashTable *
ap_unread_parse(const char *text);

/**
 * ap_unread_format:
 * @unread: (element-type utf8 utf8): a record
 *
 * Returns: the content of the file, in the order of the paths; the caller frees it.
 */
char *
ap_unread_format(GHashTable *unread);
