/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our metadata element in domain XML. Unlike libvirt's own elements nothing unknown may stand in
 * it: a misspelt <ap:adaptor> must not become a guest without queues. */
#include "conf/ap_domain_metadata.h"

#include <string.h>

#include "conf/ap_xml.h"
#include "util/ap_error.h"
#include "util/ap_id.h"


static gboolean
is_ours(const xmlNode *node)
{
    return node->type == XML_ELEMENT_NODE && node->ns &&
           strcmp((const char *)node->ns->href, AP_DOMAIN_NAMESPACE) == 0;
}


xmlNode *
ap_domain_metadata_find(xmlNode *domain)
{
    xmlNode *metadata = ap_xml_find(domain, "metadata");

    for (xmlNode *child = metadata ? metadata->children : NULL; child; child = child->next) {
        if (is_ours(child))
            return child;
    }
    return NULL;
}


/* Where an element's ids go; NULL if it is none of ours. */
static ApMask *
find_mask(ApMatrix *matrix, const xmlNode *node)
{
    const char *name = (const char *)node->name;

    if (!is_ours(node))
        return NULL;
    if (strcmp(name, "adapter") == 0)
        return &matrix->adapters;
    if (strcmp(name, "domain") == 0)
        return &matrix->domains;
    return strcmp(name, "control-domain") == 0 ? &matrix->control_domains : NULL;
}


static gboolean
check_attributes(const xmlNode *node, const char *allowed, GError **error)
{
    for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
        if (!attr->ns && allowed && strcmp((const char *)attr->name, allowed) == 0)
            continue;
        ap_xml_set_error(error, node, "unknown attribute '%s' in the metadata's <%s>", attr->name,
                         node->name);
        return FALSE;
    }
    return TRUE;
}


/* Blanks, comments and processing instructions may stand anywhere. */
static gboolean
is_filler(const xmlNode *node)
{
    return node->type == XML_COMMENT_NODE || node->type == XML_PI_NODE ||
           (node->type == XML_TEXT_NODE && xmlIsBlankNode(node));
}


static gboolean
check_empty(const xmlNode *node, GError **error)
{
    for (const xmlNode *child = node->children; child; child = child->next) {
        if (is_filler(child))
            continue;
        ap_xml_set_error(error, node, "the metadata's <%s> must be empty\nwrite <%s id='0x05'/>",
                         node->name, node->name);
        return FALSE;
    }
    return TRUE;
}


static gboolean
read_id(ApMatrix *matrix, xmlNode *node, GError **error)
{
    ApMask *mask = find_mask(matrix, node);
    g_autofree char *text = mask ? ap_xml_get_attr(node, "id") : NULL;
    g_autoptr(GError) local = NULL;
    guint id;

    if (!mask) {
        ap_xml_set_error(error, node,
                         "unknown element <%s> in the metadata's <matrix>\n"
                         "wanted adapter, domain or control-domain of " AP_DOMAIN_NAMESPACE,
                         node->name);
        return FALSE;
    }
    if (!check_attributes(node, "id", error) || !check_empty(node, error))
        return FALSE;
    if (!text) {
        ap_xml_set_error(error, node, "the metadata's <%s> lacks the attribute 'id'", node->name);
        return FALSE;
    }
    if (!ap_id_parse(text, &id, &local)) {
        ap_xml_set_error(error, node, "the metadata's <%s>: %s", node->name, local->message);
        return FALSE;
    }
    ap_mask_set(mask, id);
    return TRUE;
}


static const xmlNode *
find_second(const xmlNode *first)
{
    for (const xmlNode *node = first->next; node; node = node->next) {
        if (is_ours(node))
            return node;
    }
    return NULL;
}


gboolean
ap_domain_metadata_parse(xmlNode *node, ApMatrix *ret_matrix, GError **error)
{
    const xmlNode *second = find_second(node);
    ApMatrix matrix = { 0 };

    if (strcmp((const char *)node->name, "matrix") != 0) {
        ap_xml_set_error(error, node, "unknown element <%s> of " AP_DOMAIN_NAMESPACE
                                      " in <metadata>: wanted <matrix>",
                         node->name);
        return FALSE;
    }
    if (second) {
        ap_xml_set_error(error, second, "a second element of " AP_DOMAIN_NAMESPACE
                                        " in <metadata>\nput all ids into one <matrix>");
        return FALSE;
    }
    if (!check_attributes(node, NULL, error))
        return FALSE;
    for (xmlNode *child = node->children; child; child = child->next) {
        if (is_filler(child))
            continue;
        if (child->type != XML_ELEMENT_NODE) {
            ap_xml_set_error(error, child, "text in the metadata's <matrix>");
            return FALSE;
        }
        if (!read_id(&matrix, child, error))
            return FALSE;
    }
    *ret_matrix = matrix;
    return TRUE;
}
