/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a capture keeps of domain XML. */
#include <string.h>

#include "conf/ap_domain_xml.h"
#include "conf/ap_xml.h"
#include "util/ap_error.h"


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


/* Says what the guest can bind; what another type holds is of no use here. */
static gboolean
is_secure_execution(xmlNode *node)
{
    g_autofree char *type =
        ap_xml_is(node, "launchSecurity") ? ap_xml_get_attr(node, "type") : NULL;

    return g_strcmp0(type, "s390-pv") == 0;
}


static gboolean
is_nothing(xmlNode *node)
{
    (void)node;
    return FALSE;
}


static gboolean
is_kept_in_domain(xmlNode *node)
{
    static const char *const kept[] = { "name", "uuid", "os", "cpu", "devices", "metadata" };

    for (guint i = 0; i < G_N_ELEMENTS(kept); i++) {
        if (ap_xml_is(node, kept[i]))
            return TRUE;
    }
    return is_secure_execution(node);
}


static gboolean
is_domain(xmlNode *node)
{
    return ap_xml_is(node, "domain");
}


static gboolean
is_element(xmlNode *node)
{
    return node->type == XML_ELEMENT_NODE;
}


/* Removes the children of @node that @keep does not want. */
static void
strip_children(xmlNode *node, gboolean (*keep)(xmlNode *))
{
    xmlNode *next;

    for (xmlNode *child = node->children; child; child = next) {
        next = child->next;
        if (keep(child))
            continue;
        xmlUnlinkNode(child);
        xmlFreeNode(child);
    }
}


/* Nothing says that an element stands there only once: what a second one holds goes as well. */
static void
strip_domain(xmlNode *domain)
{
    strip_children(domain, is_kept_in_domain);
    for (xmlNode *child = domain->children; child; child = child->next) {
        if (ap_xml_is(child, "os"))
            strip_children(child, is_os_type);
        else if (ap_xml_is(child, "devices"))
            strip_children(child, is_mdev_hostdev);
        else if (ap_xml_is(child, "launchSecurity"))
            strip_children(child, is_nothing);
        else if (ap_xml_is(child, "metadata"))
            strip_children(child, is_our_metadata);
    }
}


static void
strip_document(xmlDoc *doc)
{
    xmlNode *root = xmlDocGetRootElement(doc);

    strip_children((xmlNode *)doc, is_element);
    if (is_domain(root)) {
        strip_domain(root);
        return;
    }
    strip_children(root, is_domain);
    for (xmlNode *domain = root->children; domain; domain = domain->next)
        strip_domain(domain);
}


static gboolean
is_no_comment(xmlNode *node)
{
    return node->type != XML_COMMENT_NODE && node->type != XML_PI_NODE;
}


/* What somebody wrote into a comment, also deep inside what is kept. */
static void
strip_comments(xmlNode *node)
{
    strip_children(node, is_no_comment);
    for (xmlNode *child = node->children; child; child = child->next) {
        if (child->type == XML_ELEMENT_NODE)
            strip_comments(child);
    }
}


char *
ap_domain_xml_strip(const char *text, gsize length, GError **error)
{
    g_autoptr(ApDomainDef) def = ap_domain_xml_parse(text, length, error);
    g_autoptr(xmlDoc) doc = def ? ap_xml_parse(text, length, error) : NULL;
    xmlChar *buffer = NULL;
    char *result;
    int size;

    if (!doc)
        return NULL;
    strip_document(doc);
    strip_comments((xmlNode *)doc);
    xmlDocDumpFormatMemoryEnc(doc, &buffer, &size, "UTF-8", 1);
    if (!buffer) {
        g_set_error(error, AP_ERROR, AP_ERROR_XML, "what is to be kept of it cannot be written");
        return NULL;
    }
    result = g_strndup((const char *)buffer, size);
    xmlFree(buffer);
    return result;
}
