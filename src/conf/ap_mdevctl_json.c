/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mdevctl's JSON, read with json-c. */
#include "conf/ap_mdevctl_json.h"

#include <string.h>

#include "conf/ap_json.h"
#include "conf/ap_json_check.h"
#include "conf/ap_mdevctl_plain.h"
#include "util/ap_error.h"

/* What is in the innermost level counts as one for json-c. */
#define DEPTH_MAX (AP_JSON_DEPTH_MAX + 1)

typedef struct json_tokener JsonTokener;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(JsonTokener, json_tokener_free)


static gboolean
is_blank(const char *p, const char *end)
{
    while (p < end && strchr(" \t\r\n", *p))
        p++;
    return p >= end;
}


static JsonObject *
parse_text(const char *text, gsize length, GError **error)
{
    g_autoptr(JsonTokener) tokener = json_tokener_new_ex(DEPTH_MAX);
    g_autoptr(JsonObject) object = NULL;
    enum json_tokener_error code;

    if (!ap_json_check(text, length, error))
        return NULL;
    object = json_tokener_parse_ex(tokener, text, length);
    code = json_tokener_get_error(tokener);
    if (code == json_tokener_continue) {
        /* A number or null at the very end is complete only when something follows. */
        object = json_tokener_parse_ex(tokener, "", 1);
        code = json_tokener_get_error(tokener);
    }
    if (code == json_tokener_continue || code == json_tokener_error_parse_eof) {
        g_set_error(error, AP_ERROR, AP_ERROR_JSON, "not JSON: it ends too early");
        return NULL;
    }
    if (code != json_tokener_success) {
        g_set_error(error, AP_ERROR, AP_ERROR_JSON, "not JSON: %s at byte %zu",
                    json_tokener_error_desc(code), json_tokener_get_parse_end(tokener));
        return NULL;
    }
    if (json_tokener_get_parse_end(tokener) > 0 &&
        !is_blank(text + json_tokener_get_parse_end(tokener), text + length)) {
        g_set_error(error, AP_ERROR, AP_ERROR_JSON, "not JSON: something follows at byte %zu",
                    json_tokener_get_parse_end(tokener));
        return NULL;
    }
    return g_steal_pointer(&object);
}


static gboolean
set_shape_error(GError **error, const char *what)
{
    g_set_error(error, AP_ERROR, AP_ERROR_JSON, "not a definition as mdevctl writes it: %s", what);
    return FALSE;
}


static gboolean
add_attr(ApMdevDef *def, JsonObject *item, GError **error)
{
    struct lh_entry *entry;
    JsonObject *value;

    if (!json_object_is_type(item, json_type_object) || json_object_object_length(item) != 1)
        return set_shape_error(error, "an element of 'attrs' is no object with one key");
    entry = lh_table_head(json_object_get_object(item));
    value = (JsonObject *)lh_entry_v(entry);
    if (!json_object_is_type(value, json_type_string))
        return set_shape_error(error, "the value of an attribute is not a string");
    ap_mdev_def_add_attr(def, lh_entry_k(entry), json_object_get_string(value));
    return TRUE;
}


static gboolean
add_attrs(ApMdevDef *def, JsonObject *attrs, GError **error)
{
    if (!attrs)
        return TRUE;
    if (!json_object_is_type(attrs, json_type_array))
        return set_shape_error(error, "'attrs' is not an array");
    for (gsize i = 0; i < json_object_array_length(attrs); i++) {
        if (!add_attr(def, json_object_array_get_idx(attrs, i), error))
            return FALSE;
    }
    return TRUE;
}


static ApMdevDef *
parse_any(const char *text, gsize length, GError **error)
{
    g_autoptr(JsonObject) object = parse_text(text, length, error);
    g_autoptr(ApMdevDef) def = NULL;
    JsonObject *type;
    JsonObject *start;

    if (!object) {
        if (error && !*error)
            set_shape_error(error, "it is null");
        return NULL;
    }
    if (!json_object_is_type(object, json_type_object)) {
        set_shape_error(error, "it is not an object");
        return NULL;
    }
    type = json_object_object_get(object, "mdev_type");
    start = json_object_object_get(object, "start");
    if (!json_object_is_type(type, json_type_string)) {
        set_shape_error(error, "'mdev_type' is missing or not a string");
        return NULL;
    }
    if (!start) {
        set_shape_error(error, "'start' is missing");
        return NULL;
    }
    def = ap_mdev_def_new(json_object_get_string(type));
    def->autostart = json_object_is_type(start, json_type_string) &&
                     strcmp(json_object_get_string(start), "auto") == 0;
    if (!add_attrs(def, json_object_object_get(object, "attrs"), error))
        return NULL;
    return g_steal_pointer(&def);
}


ApMdevDef *
ap_mdevctl_json_parse(const char *text, gsize length, GError **error)
{
    ApMdevDef *def = ap_mdevctl_plain_parse(text, length);

    return def ? def : parse_any(text, length, error);
}


/* A JSON string with serde_json's escapes. */
static void
append_string(GString *text, const char *string)
{
    g_string_append_c(text, '"');
    for (const char *p = string; *p; p++) {
        const char *escapes = "\"\"\\\\\bb\ff\nn\rr\tt";
        const char *found = NULL;

        for (const char *e = escapes; *e && !found; e += 2)
            found = *e == *p ? e + 1 : NULL;
        if (found)
            g_string_append_printf(text, "\\%c", *found);
        else if ((guchar)*p < 0x20)
            g_string_append_printf(text, "\\u%04x", *p);
        else
            g_string_append_c(text, *p);
    }
    g_string_append_c(text, '"');
}


char *
ap_mdevctl_json_format(const ApMdevDef *def)
{
    GString *text = g_string_new("{\n  \"mdev_type\": ");

    append_string(text, def->type);
    g_string_append_printf(text, ",\n  \"start\": \"%s\",\n  \"attrs\": [",
                           def->autostart ? "auto" : "manual");
    for (guint i = 0; i < def->attrs->len; i++) {
        const ApMdevAttr *attr = def->attrs->pdata[i];

        g_string_append_printf(text, "%s\n    {\n      ", i > 0 ? "," : "");
        append_string(text, attr->name);
        g_string_append(text, ": ");
        append_string(text, attr->value);
        g_string_append(text, "\n    }");
    }
    g_string_append(text, def->attrs->len > 0 ? "\n  ]\n}" : "]\n}");
    return g_string_free(text, FALSE);
}


char *
ap_mdevctl_json_format_attrs(const ApMatrix *matrix)
{
    g_autoptr(ApMdevDef) def = ap_mdev_def_new(AP_MDEV_TYPE);
    GString *text = g_string_new("[");

    ap_mdev_def_add_matrix(def, matrix, FALSE);
    for (guint i = 0; i < def->attrs->len; i++) {
        const ApMdevAttr *attr = def->attrs->pdata[i];

        g_string_append_printf(text, "%s{\"%s\": \"%s\"}", i > 0 ? "," : "", attr->name,
                               attr->value);
    }
    g_string_append(text, "]");
    return g_string_free(text, FALSE);
}
