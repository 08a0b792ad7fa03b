/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What we need of libvirt's domain XML. */
#include "conf/ap_domain_xml.h"

#include <string.h>

#include "conf/ap_xml.h"
#include "util/ap_error.h"
#include "util/ap_id.h"

/* virDomainState in status XML, and what virsh makes of it (tools/virsh-domain-monitor.c). */
static const struct {
    const char *xml;
    const char *virsh;
} states[] = {
    { "nostate", "no state" },     { "running", "running" },   { "blocked", "idle" },
    { "paused", "paused" },        { "shutdown", "in shutdown" }, { "shutoff", "shut off" },
    { "crashed", "crashed" },      { "pmsuspended", "pmsuspended" },
};


void
ap_domain_def_free(ApDomainDef *def)
{
    if (!def)
        return;
    g_free(def->name);
    g_free(def->uuid);
    g_free(def->state);
    if (def->mdevs)
        g_ptr_array_unref(def->mdevs);
    g_free(def);
}


static gboolean
read_name(ApDomainDef *def, xmlNode *domain, GError **error)
{
    xmlNode *name = ap_xml_find(domain, "name");
    xmlNode *uuid = ap_xml_find(domain, "uuid");
    g_autofree char *uuid_text = uuid ? ap_xml_get_text(uuid) : NULL;

    def->name = name ? ap_xml_get_text(name) : NULL;
    if (!def->name || def->name[0] == '\0') {
        ap_xml_set_error(error, domain, "<domain> lacks a <name>");
        return FALSE;
    }
    /* XML that was never defined may leave the uuid to libvirt. */
    if (!uuid_text)
        return TRUE;
    def->uuid = ap_uuid_normalize(g_strstrip(uuid_text));
    if (!def->uuid) {
        g_autofree char *printable = ap_text_printable(uuid_text);

        ap_xml_set_error(error, uuid, "'%s' is not a UUID", printable);
        return FALSE;
    }
    return TRUE;
}


static gboolean
read_hostdev(ApDomainDef *def, xmlNode *hostdev, GError **error)
{
    g_autofree char *type = ap_xml_get_attr(hostdev, "type");
    g_autofree char *model = ap_xml_get_attr(hostdev, "model");
    xmlNode *source = ap_xml_find(hostdev, "source");
    xmlNode *address = source ? ap_xml_find(source, "address") : NULL;
    g_autofree char *text = address ? ap_xml_get_attr(address, "uuid") : NULL;
    g_autofree char *uuid = NULL;

    if (g_strcmp0(type, "mdev") != 0 || g_strcmp0(model, "vfio-ap") != 0)
        return TRUE;
    uuid = text ? ap_uuid_normalize(text) : NULL;
    if (!uuid) {
        ap_xml_set_error(error, address ? address : hostdev,
                         "the vfio-ap <hostdev> lacks <source><address uuid='...'/></source> "
                         "with a valid UUID");
        return FALSE;
    }
    g_ptr_array_add(def->mdevs, g_steal_pointer(&uuid));
    return TRUE;
}


/* In all <devices> there are: libvirt looks for ./devices/hostdev. */
static gboolean
read_hostdevs(ApDomainDef *def, xmlNode *domain, GError **error)
{
    for (xmlNode *devices = domain->children; devices; devices = devices->next) {
        if (!ap_xml_is(devices, "devices"))
            continue;
        for (xmlNode *child = devices->children; child; child = child->next) {
            if (ap_xml_is(child, "hostdev") && !read_hostdev(def, child, error))
                return FALSE;
        }
    }
    return TRUE;
}


static gboolean
read_status(ApDomainDef *def, xmlNode *status, GError **error)
{
    g_autofree char *state = ap_xml_get_attr(status, "state");
    g_autofree char *pid = ap_xml_get_attr(status, "pid");

    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        if (g_strcmp0(state, states[i].xml) == 0)
            def->state = g_strdup(states[i].virsh);
    }
    if (!def->state || !pid || !ap_pid_parse(pid, &def->pid)) {
        ap_xml_set_error(error, status, "<domstatus> lacks a known state, or the pid");
        return FALSE;
    }
    return TRUE;
}


ApDomainDef *
ap_domain_xml_parse(const char *text, gsize length, GError **error)
{
    g_autoptr(xmlDoc) doc = ap_xml_parse(text, length, error);
    g_autoptr(ApDomainDef) def = g_new0(ApDomainDef, 1);
    xmlNode *root;
    xmlNode *domain;

    if (!doc)
        return NULL;
    root = xmlDocGetRootElement(doc);
    domain = ap_xml_is(root, "domstatus") ? ap_xml_find(root, "domain") : root;
    if (!domain || !ap_xml_is(domain, "domain")) {
        ap_xml_set_error(error, root, "the root is <%s>: wanted <domain> or <domstatus>",
                         root->name);
        return NULL;
    }
    def->mdevs = g_ptr_array_new_with_free_func(g_free);
    if (domain != root && !read_status(def, root, error))
        return NULL;
    if (!def->state)
        def->state = g_strdup("shut off");
    if (!read_name(def, domain, error) || !read_hostdevs(def, domain, error))
        return NULL;
    return g_steal_pointer(&def);
}


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
    xmlChar *buffer;
    char *result;
    int size;

    if (!doc)
        return NULL;
    strip_document(doc);
    strip_comments((xmlNode *)doc);
    xmlDocDumpFormatMemoryEnc(doc, &buffer, &size, "UTF-8", 1);
    result = g_strndup((const char *)buffer, size);
    xmlFree(buffer);
    return result;
}
