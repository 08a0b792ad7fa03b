/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our metadata element in domain XML. Unlike libvirt's own elements nothing unknown may stand in
 * it: a misspelt <ap:adaptor> must not become a guest without queues. */
#include "conf/ap_domain_metadata.h"

#include <string.h>

#include "conf/ap_xml.h"
#include "util/ap_error.h"
#include "util/ap_id.h"

#define QUEUES_MAX 65536


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


/* Whether @node looks as if it were meant for us. */
static gboolean
is_nearly_ours(const xmlNode *node)
{
    const char *name = (const char *)node->name;
    const char *namespace = node->ns ? (const char *)node->ns->href : NULL;

    return node->type == XML_ELEMENT_NODE &&
           (strcmp(name, "matrix") == 0 || g_str_has_suffix(name, ":matrix")) &&
           (!namespace || strstr(namespace, "libvirt"));
}


static const xmlNode *
find_below(const xmlNode *node, gboolean (*is_wanted)(const xmlNode *))
{
    const xmlNode *found = NULL;

    for (const xmlNode *child = node->children; child && !found; child = child->next) {
        if (is_wanted(child))
            found = child;
        else if (child->type == XML_ELEMENT_NODE)
            found = find_below(child, is_wanted);
    }
    return found;
}


const xmlNode *
ap_domain_metadata_find_stray(xmlNode *domain)
{
    const xmlNode *metadata = ap_xml_find(domain, "metadata");
    const xmlNode *stray;

    if (ap_domain_metadata_find(domain))
        return NULL;
    stray = find_below(domain, is_ours);
    return stray || !metadata ? stray : find_below(metadata, is_nearly_ours);
}


/* The name with the prefix that an element of ours has, from @node. */
static char *
add_prefix(const xmlNode *node, const char *name)
{
    const char *prefix = node->ns ? (const char *)node->ns->prefix : NULL;

    return prefix ? g_strconcat(prefix, ":", name, NULL) : g_strdup(name);
}


char *
ap_domain_metadata_name(const xmlNode *node)
{
    return add_prefix(node, (const char *)node->name);
}


/* Where the ids of elements with a name go; NULL if none of ours has it. */
static ApMask *
find_mask(ApMatrix *matrix, const char *name)
{
    if (strcmp(name, "adapter") == 0)
        return &matrix->adapters;
    if (strcmp(name, "domain") == 0)
        return &matrix->domains;
    return strcmp(name, "control-domain") == 0 ? &matrix->control_domains : NULL;
}


/* "<ap:adapter> in the metadata WHAT", and how it is written well. */
static gboolean
refuse_id(const xmlNode *node, const char *what, GError **error)
{
    g_autofree char *name = ap_domain_metadata_name(node);
    g_autofree char *good = add_prefix(node->parent, (const char *)node->name);

    ap_xml_set_error(error, node, "<%s> in the metadata %s\nwrite <%s id='0x05'/>, one for each id",
                     name, what, good);
    return FALSE;
}


static gboolean
refuse_attribute(const xmlNode *node, const xmlAttr *attr, GError **error)
{
    g_autofree char *what = g_strdup_printf("has an unknown attribute '%s'", attr->name);

    return refuse_id(node, what, error);
}


static gboolean
check_attributes(const xmlNode *node, GError **error)
{
    for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
        if (attr->ns || strcmp((const char *)attr->name, "id") != 0)
            return refuse_attribute(node, attr, error);
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
is_empty(const xmlNode *node)
{
    for (const xmlNode *child = node->children; child; child = child->next) {
        if (!is_filler(child))
            return FALSE;
    }
    return TRUE;
}


static gboolean
refuse_element(const xmlNode *node, GError **error)
{
    g_autofree char *name = ap_domain_metadata_name(node);
    g_autofree char *adapter = add_prefix(node->parent, "adapter");
    g_autofree char *domain = add_prefix(node->parent, "domain");
    g_autofree char *control = add_prefix(node->parent, "control-domain");

    ap_xml_set_error(error, node,
                     "<%s> in the metadata is unknown\nwanted <%s>, <%s> or <%s>", name, adapter,
                     domain, control);
    return FALSE;
}


static gboolean
refuse_text(const xmlNode *node, const char *text, const char *reason, GError **error)
{
    g_autofree char *name = ap_domain_metadata_name(node);
    g_autofree char *as_hex = g_strconcat("0x", text, NULL);
    gboolean is_hex = ap_id_parse(as_hex, &(guint){ 0 }, NULL);

    ap_xml_set_error(error, node, "<%s> in the metadata: %s\nwrite <%s id='%s'/>, one for each id",
                     name, reason, name, is_hex ? as_hex : "0x05");
    return FALSE;
}


/* "<ap:pool> in the metadata WHAT". */
static gboolean
refuse_pool(const xmlNode *node, const char *what, GError **error)
{
    g_autofree char *name = ap_domain_metadata_name(node);
    g_autofree char *good = add_prefix(node->parent, "pool");

    ap_xml_set_error(error, node,
                     "<%s> in the metadata %s\nwrite <%s name='POOL' queues='2' spread='yes'/>, "
                     "alone",
                     name, what, good);
    return FALSE;
}


static gboolean
check_pool_attributes(const xmlNode *node, GError **error)
{
    static const char *const known[] = { "name", "queues", "spread", NULL };

    for (const xmlAttr *attr = node->properties; attr; attr = attr->next) {
        g_autofree char *what = g_strdup_printf("has an unknown attribute '%s'", attr->name);

        if (attr->ns || !g_strv_contains(known, (const char *)attr->name))
            return refuse_pool(node, what, error);
    }
    return TRUE;
}


static gboolean
read_pool(ApDomainPool *pool, xmlNode *node, GError **error)
{
    g_autofree char *name = ap_xml_get_attr(node, "name");
    g_autofree char *queues = ap_xml_get_attr(node, "queues");
    g_autofree char *spread = ap_xml_get_attr(node, "spread");
    guint64 n_queues;

    if (!is_ours(node))
        return refuse_pool(node, "is not of the namespace " AP_DOMAIN_NAMESPACE, error);
    if (!check_pool_attributes(node, error))
        return FALSE;
    if (!name || name[0] == '\0')
        return refuse_pool(node, "names no pool", error);
    if (!queues || queues[0] == '0' ||
        !g_ascii_string_to_unsigned(queues, 10, 1, QUEUES_MAX, &n_queues, NULL))
        return refuse_pool(node, "does not say how many queues, 1 to 65536, decimal", error);
    if (spread && strcmp(spread, "yes") != 0 && strcmp(spread, "no") != 0)
        return refuse_pool(node, "has a 'spread' that is neither yes nor no", error);
    if (!is_empty(node))
        return refuse_pool(node, "is not empty", error);
    if (pool->name)
        return refuse_pool(node, "is a second one", error);
    *pool = (ApDomainPool){ g_steal_pointer(&name), n_queues, g_strcmp0(spread, "yes") == 0 };
    return TRUE;
}


static gboolean
read_id(ApMatrix *matrix, xmlNode *node, GError **error)
{
    ApMask *mask = find_mask(matrix, (const char *)node->name);
    g_autofree char *text = NULL;
    g_autoptr(GError) local = NULL;
    guint id;

    if (!mask)
        return refuse_element(node, error);
    if (!is_ours(node))
        return refuse_id(node, "is not of the namespace " AP_DOMAIN_NAMESPACE, error);
    if (!check_attributes(node, error))
        return FALSE;
    text = ap_xml_get_attr(node, "id");
    if (!text)
        return refuse_id(node, "lacks the attribute 'id'", error);
    if (!is_empty(node))
        return refuse_id(node, "is not empty", error);
    if (!ap_id_parse(text, &id, &local))
        return refuse_text(node, text, local->message, error);
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


/* That the element is a matrix, alone, and without attributes. */
static gboolean
check_matrix(const xmlNode *node, GError **error)
{
    const xmlNode *second = find_second(node);
    g_autofree char *name = ap_domain_metadata_name(node);
    g_autofree char *matrix = add_prefix(node, "matrix");

    if (strcmp((const char *)node->name, "matrix") != 0) {
        ap_xml_set_error(error, node, "<%s> in the metadata is unknown\nwanted <%s>", name, matrix);
        return FALSE;
    }
    if (second) {
        ap_xml_set_error(error, second,
                         "a second element of " AP_DOMAIN_NAMESPACE " in the metadata\n"
                         "put all ids into one <%s>: libvirt drops the second",
                         matrix);
        return FALSE;
    }
    if (node->properties) {
        ap_xml_set_error(error, node,
                         "<%s> in the metadata has an attribute '%s'\n"
                         "remove it; the mdev's UUID is that of the <hostdev>",
                         matrix, node->properties->name);
        return FALSE;
    }
    return TRUE;
}


static gboolean
refuse_stray_text(const xmlNode *text, GError **error)
{
    g_autofree char *name = ap_domain_metadata_name(text->parent);
    g_autofree char *adapter = add_prefix(text->parent, "adapter");

    ap_xml_set_error(error, text, "text inside <%s> in the metadata\nwrite <%s id='0x05'/>", name,
                     adapter);
    return FALSE;
}


static gboolean
is_pool(const xmlNode *node)
{
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, "pool") == 0;
}


static gboolean
read_children(xmlNode *node, ApMatrix *matrix, ApDomainPool *pool, GError **error)
{
    const xmlNode *of_ids = NULL;

    for (xmlNode *child = node->children; child; child = child->next) {
        if (is_filler(child))
            continue;
        if (child->type != XML_ELEMENT_NODE)
            return refuse_stray_text(child, error);
        if (is_pool(child) ? !read_pool(pool, child, error) : !read_id(matrix, child, error))
            return FALSE;
        if (!is_pool(child))
            of_ids = child;
    }
    return !pool->name || !of_ids ||
           refuse_pool(of_ids, "stands beside a pool, which chooses the queues", error);
}


gboolean
ap_domain_metadata_parse(xmlNode *node, ApMatrix *ret_matrix, ApDomainPool *ret_pool,
                         GError **error)
{
    ApMatrix matrix = { 0 };
    ApDomainPool pool = { 0 };

    if (!check_matrix(node, error))
        return FALSE;
    if (!read_children(node, &matrix, &pool, error)) {
        g_free(pool.name);
        return FALSE;
    }
    *ret_matrix = matrix;
    *ret_pool = pool;
    return TRUE;
}
