/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* json-c with GLib's automatic clean-up. */
#pragma once

#include <json-c/json.h>

#include <glib.h>

typedef struct json_object JsonObject;

/**
 * ap_json_release:
 * @object: (nullable): an object
 *
 * Gives back one reference: json_object_put() without its answer.
 */
static inline void
ap_json_release(JsonObject *object)
{
    json_object_put(object);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonObject, ap_json_release)

/**
 * ap_json_get_string:
 * @object: (nullable): an object
 * @key: one of its keys
 *
 * Returns: (nullable): the string, NULL if there is none; borrowed from @object.
 */
static inline const char *
ap_json_get_string(JsonObject *object, const char *key)
{
    JsonObject *value = json_object_object_get(object, key);

    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}
