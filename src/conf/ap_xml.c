/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxml2 with the project's errors. */
#include "conf/ap_xml.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <string.h>

#include "util/ap_error.h"

/* libxml2 before 2.12 compares each attribute of an element with all others, and looks for a
 * namespace in all elements around. Nothing of libvirt's comes near to these. */
#define ATTRIBUTES_MAX 1000
#define DEPTH_MAX 256

#define UUID_BYTES 16

/* A document that is looked through. */
typedef struct {
    const char *p;
    const char *end;
} Scan;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlParserCtxt, xmlFreeParserCtxt)


/* Goes behind @word; FALSE if it does not come. */
static gboolean
skip_past(Scan *scan, const char *word)
{
    const char *found = memmem(scan->p, scan->end - scan->p, word, strlen(word));

    if (!found)
        return FALSE;
    scan->p = found + strlen(word);
    return TRUE;
}


/* Goes behind the tag that begins here, and counts the quoted values in it; FALSE if it does not
 * end. */
static gboolean
skip_tag(Scan *scan, guint *ret_attributes)
{
    guint n = 0;

    for (; scan->p < scan->end && *scan->p != '>'; scan->p++) {
        if (*scan->p != '"' && *scan->p != '\'')
            continue;
        *ret_attributes = ++n;
        scan->p = memchr(scan->p + 1, *scan->p, scan->end - scan->p - 1);
        if (!scan->p)
            return FALSE;
    }
    return skip_past(scan, ">");
}


/* Goes behind what begins with the "<" here; FALSE if it does not end. */
static gboolean
skip_markup(Scan *scan, guint *ret_attributes, int *depth)
{
    const char *start = scan->p;
    gsize left = scan->end - start;

    if (left >= 4 && memcmp(start, "<!--", 4) == 0) {
        scan->p += 4;
        return skip_past(scan, "-->");
    }
    if (left >= 9 && memcmp(start, "<![CDATA[", 9) == 0)
        return skip_past(scan, "]]>");
    if (left >= 2 && start[1] == '?')
        return skip_past(scan, "?>");
    if (!skip_tag(scan, ret_attributes))
        return FALSE;
    if (start[1] == '/')
        (*depth)--;
    else if (scan->p[-2] != '/')
        (*depth)++;
    return TRUE;
}


/* The line that @end is in. */
static guint
count_lines(const char *text, const char *end)
{
    guint n = 1;

    while ((text = memchr(text, '\n', end - text))) {
        text++;
        n++;
    }
    return n;
}


/* Whether the document would keep libxml2 busy for hours. What is no XML the parser finds, at the
 * latest where this gets lost. */
static gboolean
check_shape(const char *text, gsize length, GError **error)
{
    Scan scan = { text, text + length };
    gboolean goes_on = TRUE;
    int depth = 0;

    while (goes_on && (scan.p = memchr(scan.p, '<', scan.end - scan.p))) {
        const char *start = scan.p;
        guint attributes = 0;
        guint line;

        goes_on = skip_markup(&scan, &attributes, &depth);
        if (attributes <= ATTRIBUTES_MAX && depth <= DEPTH_MAX)
            continue;
        line = count_lines(text, start);
        if (depth > DEPTH_MAX)
            g_set_error(error, AP_ERROR, AP_ERROR_XML, "line %u: elements are more than %d deep",
                        line, DEPTH_MAX);
        else
            g_set_error(error, AP_ERROR, AP_ERROR_XML,
                        "line %u: an element has more than %d attributes", line, ATTRIBUTES_MAX);
        return FALSE;
    }
    return TRUE;
}


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
                    count_lines(text, memchr(text, '\0', length)));
        return NULL;
    }
    if (!check_shape(text, length, error))
        return NULL;
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


gboolean
ap_xml_is_of(const xmlNode *node, const char *uri, const char *name)
{
    return node->type == XML_ELEMENT_NODE && node->ns && node->ns->href &&
           strcmp((const char *)node->ns->href, uri) == 0 &&
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


char *
ap_xml_uuid_parse(const char *text)
{
    GString *uuid = g_string_new(NULL);
    guint n = 0;

    while (g_ascii_isspace(*text))
        text++;
    while (n < UUID_BYTES && *text) {
        if (*text == '-' || *text == ' ') {
            text++;
            continue;
        }
        if (!g_ascii_isxdigit(text[0]) || !g_ascii_isxdigit(text[1]))
            break;
        if (n == 4 || n == 6 || n == 8 || n == 10)
            g_string_append_c(uuid, '-');
        g_string_append_c(uuid, g_ascii_tolower(text[0]));
        g_string_append_c(uuid, g_ascii_tolower(text[1]));
        text += 2;
        n++;
    }
    while (g_ascii_isspace(*text))
        text++;
    return g_string_free(uuid, n < UUID_BYTES || *text != '\0');
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
