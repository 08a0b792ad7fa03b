/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The definition of a mediated device. */
#include "conf/ap_mdev_def.h"

#include <string.h>

#include "util/ap_error.h"
#include "util/ap_id.h"

/* sysfs takes a page at a time (kernfs_fop_write_iter()): mdevctl would write the rest of a longer
 * value as a second value. */
#define VALUE_LENGTH_MAX 4096

#define AP_CONFIG_ATTR "ap_config"

/* The attributes that change one bit: which mask, and whether it is set or cleared. */
static const struct {
    const char *name;
    gsize mask_offset;
    gboolean assign;
} bit_attrs[] = {
    { "assign_adapter", G_STRUCT_OFFSET(ApMatrix, adapters), TRUE },
    { "assign_domain", G_STRUCT_OFFSET(ApMatrix, domains), TRUE },
    { "assign_control_domain", G_STRUCT_OFFSET(ApMatrix, control_domains), TRUE },
    { "unassign_adapter", G_STRUCT_OFFSET(ApMatrix, adapters), FALSE },
    { "unassign_domain", G_STRUCT_OFFSET(ApMatrix, domains), FALSE },
    { "unassign_control_domain", G_STRUCT_OFFSET(ApMatrix, control_domains), FALSE },
};


gboolean
ap_mdev_attr_is_known(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(bit_attrs); i++) {
        if (strcmp(name, bit_attrs[i].name) == 0)
            return TRUE;
    }
    return strcmp(name, AP_CONFIG_ATTR) == 0;
}


/* What nearly every definition is made of, "assign_domain" "71": tens of thousands of definitions
 * have hundreds of them. */
static ApMdevAttr shared_attrs[G_N_ELEMENTS(bit_attrs)][AP_ID_MAX + 1];


static gpointer
make_shared_attrs(gpointer data)
{
    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(bit_attrs); i++) {
        for (guint id = 0; id <= AP_ID_MAX; id++)
            shared_attrs[i][id] =
                (ApMdevAttr){ (char *)bit_attrs[i].name, g_strdup_printf("%u", id) };
    }
    return shared_attrs;
}


/* The shared attribute of this name and value, NULL if there is none. */
static ApMdevAttr *
find_shared(const char *name, const char *value)
{
    static GOnce once = G_ONCE_INIT;
    guint id = 0;
    gsize n = 0;

    for (; g_ascii_isdigit(value[n]) && n < 4; n++)
        id = 10 * id + g_ascii_digit_value(value[n]);
    if (n == 0 || value[n] != '\0' || id > AP_ID_MAX || (value[0] == '0' && n > 1))
        return NULL;
    g_once(&once, make_shared_attrs, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(bit_attrs); i++) {
        if (strcmp(name, bit_attrs[i].name) == 0)
            return &shared_attrs[i][id];
    }
    return NULL;
}


static gboolean
is_shared(const ApMdevAttr *attr)
{
    return attr >= shared_attrs[0] && attr < shared_attrs[G_N_ELEMENTS(bit_attrs)];
}


static void
attr_free(gpointer data)
{
    ApMdevAttr *attr = data;

    if (is_shared(attr))
        return;
    g_free(attr->name);
    g_free(attr->value);
    g_free(attr);
}


ApMdevDef *
ap_mdev_def_new(const char *type)
{
    ApMdevDef *def = g_new0(ApMdevDef, 1);

    def->type = g_strdup(type);
    def->attrs = g_ptr_array_new_with_free_func(attr_free);
    return def;
}


void
ap_mdev_def_free(ApMdevDef *def)
{
    if (!def)
        return;
    g_free(def->uuid);
    g_free(def->type);
    g_free(def->parent);
    g_ptr_array_unref(def->attrs);
    g_free(def);
}


void
ap_mdev_def_add_attr(ApMdevDef *def, const char *name, const char *value)
{
    ApMdevAttr *attr = find_shared(name, value);

    if (!attr) {
        attr = g_new0(ApMdevAttr, 1);
        attr->name = g_strdup(name);
        attr->value = g_strdup(value);
    }
    g_ptr_array_add(def->attrs, attr);
}


ApMdevDef *
ap_mdev_def_copy(const ApMdevDef *def)
{
    ApMdevDef *copy = ap_mdev_def_new(def->type);

    copy->uuid = g_strdup(def->uuid);
    copy->parent = g_strdup(def->parent);
    copy->autostart = def->autostart;
    for (guint i = 0; i < def->attrs->len; i++) {
        const ApMdevAttr *attr = def->attrs->pdata[i];

        ap_mdev_def_add_attr(copy, attr->name, attr->value);
    }
    return copy;
}


static void
add_ids(ApMdevDef *def, const char *name, const ApMask *mask, const char *format)
{
    for (int id = ap_mask_next(mask, 0); id >= 0; id = ap_mask_next(mask, id + 1)) {
        char value[16];

        g_snprintf(value, sizeof(value), format, id);
        ap_mdev_def_add_attr(def, name, value);
    }
}


void
ap_mdev_def_add_matrix(ApMdevDef *def, const ApMatrix *matrix, gboolean hex)
{
    add_ids(def, "assign_adapter", &matrix->adapters, hex ? "0x%02x" : "%u");
    add_ids(def, "assign_domain", &matrix->domains, hex ? "0x%04x" : "%u");
    add_ids(def, "assign_control_domain", &matrix->control_domains, hex ? "0x%04x" : "%u");
}


static void
set_bit(ApMatrix *matrix, gsize mask_offset, gboolean assign, guint id)
{
    ApMask *mask = G_STRUCT_MEMBER_P(matrix, mask_offset);

    if (assign)
        ap_mask_set(mask, id);
    else
        ap_mask_clear(mask, id);
}


static gboolean
apply_bit(ApMatrix *matrix, gsize mask_offset, gboolean assign, const char *value, GError **error)
{
    guint64 id;

    if (!ap_attr_parse(value, &id, error))
        return FALSE;
    if (id > AP_ID_MAX) {
        g_set_error(error, AP_ERROR, AP_ERROR_RANGE,
                    "id %" G_GUINT64_FORMAT " is outside 0..255", id);
        return FALSE;
    }
    set_bit(matrix, mask_offset, assign, id);
    return TRUE;
}


/* Where it stands says what it means. */
static void
apply_shared(ApMatrix *matrix, const ApMdevAttr *attr)
{
    gsize index = attr - shared_attrs[0];
    guint i = index / G_N_ELEMENTS(shared_attrs[0]);

    set_bit(matrix, bit_attrs[i].mask_offset, bit_attrs[i].assign,
            index % G_N_ELEMENTS(shared_attrs[0]));
}


static gboolean
apply_attr(ApMatrix *matrix, const ApMdevAttr *attr, GError **error)
{
    if (is_shared(attr)) {
        apply_shared(matrix, attr);
        return TRUE;
    }
    if (attr->value[0] == '\0') {
        g_set_error(error, AP_ERROR, AP_ERROR_NUMBER, "the value is empty");
        return FALSE;
    }
    if (strlen(attr->value) > VALUE_LENGTH_MAX) {
        g_set_error(error, AP_ERROR, AP_ERROR_RANGE,
                    "the value has more than %d bytes, which the kernel would take for two",
                    VALUE_LENGTH_MAX);
        return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(bit_attrs); i++) {
        if (strcmp(attr->name, bit_attrs[i].name) == 0)
            return apply_bit(matrix, bit_attrs[i].mask_offset, bit_attrs[i].assign, attr->value,
                             error);
    }
    if (strcmp(attr->name, AP_CONFIG_ATTR) == 0)
        return ap_matrix_parse_written_ap_config(attr->value, matrix, error);
    g_set_error(error, AP_ERROR, AP_ERROR_STEP,
                "no such attribute: wanted assign_ or unassign_ with adapter, domain or "
                "control_domain, or ap_config");
    return FALSE;
}


gboolean
ap_mdev_def_replay(const ApMdevDef *def, ApMdevStepFunc func, gpointer data, ApMatrix *ret_matrix,
                   GError **error)
{
    ApMatrix matrix = { 0 };

    for (guint i = 0; i < def->attrs->len; i++) {
        const ApMdevAttr *attr = def->attrs->pdata[i];
        g_autoptr(GError) local = NULL;

        if (!apply_attr(&matrix, attr, &local)) {
            g_autofree char *name = ap_text_printable(attr->name);

            g_set_error(error, AP_ERROR, AP_ERROR_STEP, "attribute %u (%s): %s", i + 1,
                        name[0] ? name : "without a name", local->message);
            return FALSE;
        }
        if (func)
            func(i + 1, attr, &matrix, data);
    }
    *ret_matrix = matrix;
    return TRUE;
}
