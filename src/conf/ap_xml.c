/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxml2 with the project's errors. */
#include "conf/ap_xml.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <string.h>

#include "util/ap_error.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlParserCtxt, xmlFreeParserCtxt)


/* Called where a document type begins. Its entities can grow without limit while the rest is
 * parsed, so that ends here. */
static void
stop_at_doctype(void *data, const xmlChar *name, const xmlChar *external_id,
                const xmlChar *system_id)
{
    xmlParserCtxt *context = data;
    long *doctype_line = context->_private;

    (void)name;
    (void)external_id;
    (void)system_id;
    *doctype_line = xmlSAX2GetLineNumber(context);
    xmlStopParser(context);
}


static guint
count_lines(const char *text)
{
    guint n = 1;

    while ((text = strchr(text, '\n'))) {
        text++;
        n++;
    }
    return n;
}


xmlDoc *
ap_xml_parse(const char *text, gsize length, GError **error)
{
    g_autoptr(xmlParserCtxt) context = xmlNewParserCtxt();
    g_autoptr(xmlDoc) doc = NULL;
    long doctype_line = 0;
    int options = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_HUGE |
                  XML_PARSE_BIG_LINES | XML_PARSE_NOCDATA;

    if (length > G_MAXINT) {
        g_set_error(error, AP_ERROR, AP_ERROR_XML, "not XML: larger than 2 GiB");
        return NULL;
    }
    /* libvirt reads text up to a NUL, libxml2 before 2.12 in some places too. */
    if (memchr(text, '\0', length)) {
        g_set_error(error, AP_ERROR, AP_ERROR_XML,
                    "line %u: not XML: a NUL byte in the text\nsave the file as UTF-8",
                    count_lines(text));
        return NULL;
    }
    context->_private = &doctype_line;
    context->sax->internalSubset = stop_at_doctype;
    doc = xmlCtxtReadMemory(context, text, length, NULL, NULL, options);
    if (doctype_line > 0) {
        g_set_error(error, AP_ERROR, AP_ERROR_XML,
                    "line %ld: a document type (DOCTYPE) is not allowed\n"
                    "remove it, and write out what its entities stand for",
                    doctype_line);
        return NULL;
    }
    if (!doc || !xmlDocGetRootElement(doc)) {
        const xmlError *last = xmlCtxtGetLastError(context);
        g_autofree char *message = g_strdup(last && last->message ? last->message : "it is empty");

        g_strdelimit(g_strchomp(message), "\n", ' ');
        g_set_error(error, AP_ERROR, AP_ERROR_XML,
                    "line %d: not XML: %s\nxmllint --noout FILE shows the place",
                    last ? MAX(last->line, 1) : 1, message);
        return NULL;
    }
    return g_steal_pointer(&doc);
}


char *
ap_xml_get_root_name(const char *text, gsize length, GError **error)
{
    g_autoptr(xmlDoc) doc = ap_xml_parse(text, length, error);

    return doc ? g_strdup((const char *)xmlDocGetRootElement(doc)->name) : NULL;
}


gboolean
ap_xml_is(const xmlNode *node, const char *name)
{
    return node->type == XML_ELEMENT_NODE && !node->ns &&
           strcmp((const char *)node->name, name) == 0;
}


xmlNode *
ap_xml_find(const xmlNode *node, const char *name)
{
    for (xmlNode *child = node->children; child; child = child->next) {
        if (ap_xml_is(child, name))
            return child;
    }
    return NULL;
}


/* libxml2's strings come from its own allocator. */
static char *
take_string(xmlChar *string)
{
    char *copy = g_strdup((const char *)string);

    xmlFree(string);
    return copy;
}


char *
ap_xml_get_attr(xmlNode *node, const char *name)
{
    return take_string(xmlGetNoNsProp(node, (const xmlChar *)name));
}


char *
ap_xml_get_text(xmlNode *node)
{
    return take_string(xmlNodeGetContent(node));
}


void
ap_xml_set_error(GError **error, const xmlNode *node, const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list args;

    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, AP_ERROR, AP_ERROR_XML, "line %ld: %s", xmlGetLineNo(node), message);
}
