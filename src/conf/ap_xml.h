/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libxml2 with the project's errors: what the XML readers share. */
#pragma once

#include <glib.h>
#include <libxml/tree.h>

/**
 * ap_xml_parse:
 * @text: a document
 * @length: its length in bytes
 * @error: return location
 *
 * Parses without network and without a document type: a DOCTYPE is refused, nobody needs one here
 * and entities can grow without limit. A NUL byte is refused, and with it UTF-16 and UTF-32:
 * libvirt could not read them either. So is an element with thousands of attributes or hundreds of
 * elements around it, which takes libxml2 hours.
 *
 * Errors: AP_ERROR_XML, and the message gives the line.
 *
 * Returns: (nullable): the document; the caller frees it with xmlFreeDoc().
 */
xmlDoc *
ap_xml_parse(const char *text, gsize length, GError **error);

/**
 * ap_xml_get_root_name:
 * @text: a document
 * @length: its length in bytes
 * @error: return location
 *
 * Errors: AP_ERROR_XML.
 *
 * Returns: (nullable): the name of the root element; the caller frees it with g_free().
 */
char *
ap_xml_get_root_name(const char *text, gsize length, GError **error);

/**
 * ap_xml_is:
 * @node: a node
 * @name: a name
 *
 * Returns: whether @node is an element @name outside any namespace.
 */
gboolean
ap_xml_is(const xmlNode *node, const char *name);

/**
 * ap_xml_is_of:
 * @node: a node
 * @uri: a namespace
 * @name: a name
 *
 * Returns: whether @node is an element of that name in that namespace.
 */
gboolean
ap_xml_is_of(const xmlNode *node, const char *uri, const char *name);

/**
 * ap_xml_find:
 * @node: an element
 * @name: a name
 *
 * Returns: (nullable): the first child element @name, borrowed from the document.
 */
xmlNode *
ap_xml_find(const xmlNode *node, const char *name);

/**
 * ap_xml_get_attr:
 * @node: an element
 * @name: name of an attribute
 *
 * Returns: (nullable): its value; the caller frees it with g_free().
 */
char *
ap_xml_get_attr(xmlNode *node, const char *name);

/**
 * ap_xml_get_text:
 * @node: an element
 *
 * Returns: the text in it, "" if there is none; the caller frees it with g_free().
 */
char *
ap_xml_get_text(xmlNode *node);

/**
 * ap_xml_uuid_parse:
 * @text: a UUID in libvirt's XML
 *
 * Reads it as libvirt does (virUUIDParse(), viruuid.c): hyphens and blanks may stand between any
 * two bytes, or be left out.
 *
 * Returns: (nullable): the usual form in lower case, NULL if it is no UUID; the caller frees it.
 */
char *
ap_xml_uuid_parse(const char *text);

/**
 * ap_xml_set_error:
 * @error: return location
 * @node: where the fault is
 * @format: what is wrong, and what was wanted
 *
 * Sets AP_ERROR_XML with the line of @node in front.
 */
void
ap_xml_set_error(GError **error, const xmlNode *node, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlDoc, xmlFreeDoc)
