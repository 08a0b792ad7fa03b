/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a capture keeps of domain XML. */
#include <string.h>

#include "conf/ap_domain_xml.h"
#include "conf/ap_xml.h"


static gboolean
is_mdev_hostdev(xmlNode *node)
{
    g_autofree char *type = ap_xml_is(node, "hostdev") ? ap_xml_get_attr(node, "type") : NULL;

    return g_strcmp0(type, "mdev") == 0;
}


static gboolean
is_our_metadata(xmlNode *node)
{
    return node->type == XML_ELEMENT_NODE && node->ns &&
           strcmp((const char *)node->ns->href, AP_DOMAIN_NAMESPACE) == 0;
}


static gboolean
is_os_type(xmlNode *node)
{
    return ap_xml_is(node, "type");
}


/* Removes the children of @node that @keep does not want. */
static void
strip_children(xmlNode *node, gboolean (*keep)(xmlNode *))
{
    xmlNode *next;

    for (xmlNode *child = node ? node->children : NULL; child; child = next) {
        next = child->next;
        if (keep(child))
            continue;
        xmlUnlinkNode(child);
        xmlFreeNode(child);
    }
}


static gboolean
is_kept_in_domain(xmlNode *node)
{
    static const char *const kept[] = { "name", "uuid", "os", "cpu", "devices", "metadata" };

    for (guint i = 0; i < G_N_ELEMENTS(kept); i++) {
        if (ap_xml_is(node, kept[i]))
            return TRUE;
    }
    return FALSE;
}


static gboolean
is_domain(xmlNode *node)
{
    return ap_xml_is(node, "domain");
}


char *
ap_domain_xml_strip(const char *text, gsize length, GError **error)
{
    g_autoptr(ApDomainDef) def = ap_domain_xml_parse(text, length, error);
    g_autoptr(xmlDoc) doc = def ? ap_xml_parse(text, length, error) : NULL;
    xmlChar *buffer;
    xmlNode *root;
    xmlNode *domain;
    char *result;
    int size;

    if (!doc)
        return NULL;
    root = xmlDocGetRootElement(doc);
    domain = root;
    if (!is_domain(root)) {
        strip_children(root, is_domain);
        domain = ap_xml_find(root, "domain");
    }
    strip_children(domain, is_kept_in_domain);
    strip_children(ap_xml_find(domain, "os"), is_os_type);
    strip_children(ap_xml_find(domain, "devices"), is_mdev_hostdev);
    strip_children(ap_xml_find(domain, "metadata"), is_our_metadata);
    xmlDocDumpFormatMemory(doc, &buffer, &size, 1);
    result = g_strndup((const char *)buffer, size);
    xmlFree(buffer);
    return result;
}
