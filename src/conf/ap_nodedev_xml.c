/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's node-device XML of an AP matrix. */
#include "conf/ap_nodedev_xml.h"

#include <string.h>

#include "conf/ap_xml.h"
#include "util/ap_error.h"

/* An element that may stand inside another, and its attributes. */
typedef struct {
    const char *name;
    const char *attrs[3];
    gboolean required;
    gboolean repeatable;
    gboolean has_text;
} ElementRule;

static const ElementRule device_rules[] = {
    { .name = "name", .has_text = TRUE },
    { .name = "path", .has_text = TRUE },
    { .name = "devnode", .attrs = { "type" }, .repeatable = TRUE, .has_text = TRUE },
    { .name = "parent", .required = TRUE, .has_text = TRUE },
    { .name = "driver" },
    { .name = "capability", .attrs = { "type" }, .required = TRUE },
    { .name = NULL },
};

static const ElementRule driver_rules[] = {
    { .name = "name", .required = TRUE, .has_text = TRUE },
    { .name = NULL },
};

static const ElementRule capability_rules[] = {
    { .name = "type", .attrs = { "id" }, .required = TRUE },
    { .name = "uuid", .has_text = TRUE },
    { .name = "parent_addr", .has_text = TRUE },
    { .name = "iommuGroup", .attrs = { "number" } },
    { .name = "attr", .attrs = { "name", "value" }, .repeatable = TRUE },
    { .name = NULL },
};

static const ElementRule no_rules[] = { { .name = NULL } };


static gboolean
check_attributes(xmlNode *node, const char *const *names, GError **error)
{
    for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
        if (attr->ns || !g_strv_contains(names, (const char *)attr->name)) {
            ap_xml_set_error(error, node, "unknown attribute '%s' in <%s>", attr->name,
                             node->name);
            return FALSE;
        }
    }
    for (; *names; names++) {
        if (!xmlHasProp(node, (const xmlChar *)*names)) {
            ap_xml_set_error(error, node, "<%s> lacks the attribute '%s'", node->name, *names);
            return FALSE;
        }
    }
    return TRUE;
}


static const ElementRule *
find_rule(const ElementRule *rules, const xmlNode *node)
{
    for (; rules->name; rules++) {
        if (ap_xml_is(node, rules->name))
            return rules;
    }
    return NULL;
}


/* Text between elements, and in elements that hold none. */
static gboolean
check_blank(const xmlNode *node, GError **error)
{
    gboolean blank = node->type == XML_COMMENT_NODE || node->type == XML_PI_NODE ||
                     (node->type == XML_TEXT_NODE && xmlIsBlankNode(node));

    if (!blank)
        ap_xml_set_error(error, node, "text where only elements may stand in <%s>",
                         node->parent->name);
    return blank;
}


static gboolean
check_text_only(const xmlNode *node, GError **error)
{
    for (const xmlNode *child = node->children; child; child = child->next) {
        if (child->type == XML_ELEMENT_NODE || child->type == XML_ENTITY_REF_NODE) {
            ap_xml_set_error(error, child, "<%s> may hold nothing but text", node->name);
            return FALSE;
        }
    }
    return TRUE;
}


static gboolean
check_children(xmlNode *node, const ElementRule *rules, GError **error);


static gboolean
check_child(xmlNode *child, const ElementRule *rule, GError **error)
{
    if (!check_attributes(child, rule->attrs, error))
        return FALSE;
    if (rule->has_text)
        return check_text_only(child, error);
    if (strcmp(rule->name, "driver") == 0)
        return check_children(child, driver_rules, error);
    if (strcmp(rule->name, "capability") == 0)
        return check_children(child, capability_rules, error);
    return check_children(child, no_rules, error);
}


static gboolean
check_children(xmlNode *node, const ElementRule *rules, GError **error)
{
    for (xmlNode *child = node->children; child; child = child->next) {
        const ElementRule *rule;

        if (child->type != XML_ELEMENT_NODE) {
            if (!check_blank(child, error))
                return FALSE;
            continue;
        }
        rule = find_rule(rules, child);
        if (!rule) {
            ap_xml_set_error(error, child, "unknown element <%s> in <%s>", child->name,
                             node->name);
            return FALSE;
        }
        if (!rule->repeatable && ap_xml_find(node, rule->name) != child) {
            ap_xml_set_error(error, child, "a second <%s> in <%s>", child->name, node->name);
            return FALSE;
        }
        if (!check_child(child, rule, error))
            return FALSE;
    }
    for (; rules->name; rules++) {
        if (rules->required && !ap_xml_find(node, rules->name)) {
            ap_xml_set_error(error, node, "<%s> lacks <%s>", node->name, rules->name);
            return FALSE;
        }
    }
    return TRUE;
}


/* Checks that @node's text, or its attribute @attr, is one of two values. */
static gboolean
check_value(xmlNode *node, const char *attr, const char *wanted, const char *also, GError **error)
{
    g_autofree char *value = attr ? ap_xml_get_attr(node, attr) : ap_xml_get_text(node);
    g_autofree char *printable = ap_text_printable(value);

    if (strcmp(value, wanted) == 0 || (also && strcmp(value, also) == 0))
        return TRUE;
    if (attr)
        ap_xml_set_error(error, node, "<%s %s='%s'>: wanted '%s'", node->name, attr, printable,
                         wanted);
    else
        ap_xml_set_error(error, node, "<%s> is '%s': wanted '%s'", node->name, printable, wanted);
    return FALSE;
}


static gboolean
check_digits(xmlNode *node, const char *attr, GError **error)
{
    g_autofree char *value = ap_xml_get_attr(node, attr);

    if (value[0] != '\0' && strspn(value, "0123456789") == strlen(value))
        return TRUE;
    ap_xml_set_error(error, node, "<%s %s>: wanted decimal digits", node->name, attr);
    return FALSE;
}


static gboolean
check_devnodes(xmlNode *device, GError **error)
{
    for (xmlNode *child = device->children; child; child = child->next) {
        if (ap_xml_is(child, "devnode") && !check_value(child, "type", "dev", "link", error))
            return FALSE;
    }
    return TRUE;
}


static gboolean
read_uuid(ApMdevDef *def, xmlNode *node, GError **error)
{
    g_autofree char *text = ap_xml_get_text(node);
    g_autofree char *printable = ap_text_printable(text);

    /* libvirt makes one then. */
    if (text[0] == '\0')
        return TRUE;
    def->uuid = ap_xml_uuid_parse(text);
    if (!def->uuid)
        ap_xml_set_error(error, node, "'%s' is not a UUID", printable);
    return def->uuid != NULL;
}


static gboolean
read_capability(ApMdevDef *def, xmlNode *capability, GError **error)
{
    for (xmlNode *child = capability->children; child; child = child->next) {
        g_autofree char *name = NULL;
        g_autofree char *value = NULL;

        if (ap_xml_is(child, "type") && !check_value(child, "id", AP_MDEV_TYPE, NULL, error))
            return FALSE;
        if (ap_xml_is(child, "parent_addr") &&
            !check_value(child, NULL, AP_MDEV_PARENT, NULL, error))
            return FALSE;
        if (ap_xml_is(child, "iommuGroup") && !check_digits(child, "number", error))
            return FALSE;
        if (ap_xml_is(child, "uuid") && !read_uuid(def, child, error))
            return FALSE;
        if (!ap_xml_is(child, "attr"))
            continue;
        name = ap_xml_get_attr(child, "name");
        value = ap_xml_get_attr(child, "value");
        ap_mdev_def_add_attr(def, name, value);
    }
    return TRUE;
}


ApMdevDef *
ap_nodedev_xml_parse(const char *text, gsize length, GError **error)
{
    g_autoptr(xmlDoc) doc = ap_xml_parse(text, length, error);
    g_autoptr(ApMdevDef) def = NULL;
    const char *const no_attrs[] = { NULL };
    xmlNode *device;
    xmlNode *capability;

    if (!doc)
        return NULL;
    device = xmlDocGetRootElement(doc);
    if (!ap_xml_is(device, "device")) {
        ap_xml_set_error(error, device, "the root is <%s>: wanted <device>", device->name);
        return NULL;
    }
    if (!check_attributes(device, no_attrs, error) ||
        !check_children(device, device_rules, error))
        return NULL;
    capability = ap_xml_find(device, "capability");
    /* libvirt says 'computer' of a definition while vfio_ap is not loaded. */
    if (!check_value(ap_xml_find(device, "parent"), NULL, "ap_matrix", "computer", error) ||
        !check_value(capability, "type", "mdev", NULL, error) || !check_devnodes(device, error))
        return NULL;
    def = ap_mdev_def_new(AP_MDEV_TYPE);
    def->parent = g_strdup(AP_MDEV_PARENT);
    if (!read_capability(def, capability, error))
        return NULL;
    return g_steal_pointer(&def);
}


gboolean
ap_nodedev_xml_concerns_ap(const char *text, gsize length)
{
    g_autoptr(xmlDoc) doc = ap_xml_parse(text, length, NULL);
    xmlNode *device = doc ? xmlDocGetRootElement(doc) : NULL;
    xmlNode *parent = device ? ap_xml_find(device, "parent") : NULL;
    xmlNode *capability = device ? ap_xml_find(device, "capability") : NULL;
    xmlNode *type = capability ? ap_xml_find(capability, "type") : NULL;
    g_autofree char *parent_name = parent ? ap_xml_get_text(parent) : NULL;
    g_autofree char *kind = capability ? ap_xml_get_attr(capability, "type") : NULL;
    g_autofree char *id = type ? ap_xml_get_attr(type, "id") : NULL;

    if (!kind || g_strcmp0(parent_name, "ap_matrix") == 0)
        return TRUE;
    return id ? g_str_has_prefix(id, "vfio_ap") : strcmp(kind, "mdev") == 0;
}


char *
ap_nodedev_name(const char *uuid)
{
    char *name = g_strdup_printf("mdev_%s_matrix", uuid);

    return g_strdelimit(name, "-", '_');
}


/* A parser makes a blank of a line break or tab that is not written as a reference; the kernel
 * takes "5\n", but not "5 ". */
static void
append_escaped(GString *text, const char *value)
{
    g_autofree char *escaped = g_markup_escape_text(value, -1);

    for (const char *p = escaped; *p; p++) {
        if (*p == '\n' || *p == '\t' || *p == '\r')
            g_string_append_printf(text, "&#%d;", *p);
        else
            g_string_append_c(text, *p);
    }
}


char *
ap_nodedev_xml_format(const ApMdevDef *def)
{
    GString *text = g_string_new("<device>\n");

    if (def->uuid) {
        g_autofree char *name = ap_nodedev_name(def->uuid);

        g_string_append_printf(text, "  <name>%s</name>\n", name);
    }
    g_string_append(text, "  <parent>ap_matrix</parent>\n"
                          "  <capability type='mdev'>\n");
    g_string_append_printf(text, "    <type id='%s'/>\n", def->type);
    if (def->uuid)
        g_string_append_printf(text, "    <uuid>%s</uuid>\n", def->uuid);
    for (guint i = 0; i < def->attrs->len; i++) {
        const ApMdevAttr *attr = def->attrs->pdata[i];

        g_string_append(text, "    <attr name='");
        append_escaped(text, attr->name);
        g_string_append(text, "' value='");
        append_escaped(text, attr->value);
        g_string_append(text, "'/>\n");
    }
    g_string_append(text, "  </capability>\n</device>\n");
    return g_string_free(text, FALSE);
}
