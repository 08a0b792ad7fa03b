/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domain XML: stripping it loses nothing of what we read, and takes away all there is to take. */
#include <string.h>

#include "conf/ap_domain_xml.h"
#include "conf/ap_xml.h"
#include "fuzz.h"
#include "util/ap_error.h"


static void
check_equal(const ApDomainDef *a, const ApDomainDef *b)
{
    g_assert_cmpstr(a->name, ==, b->name);
    g_assert_cmpstr(a->uuid, ==, b->uuid);
    g_assert_cmpstr(a->state, ==, b->state);
    g_assert_cmpint(a->pid, ==, b->pid);
    g_assert_cmpuint(a->mdevs->len, ==, b->mdevs->len);
    for (guint i = 0; i < a->mdevs->len; i++)
        g_assert_cmpstr(a->mdevs->pdata[i], ==, b->mdevs->pdata[i]);
}


/* The children of <devices> and <domain> that may be left. */
static void
check_stripped(const xmlNode *node)
{
    static const char *const kept[] = { "name", "uuid", "os", "cpu", "devices", "metadata", NULL };

    for (const xmlNode *child = node->children; child; child = child->next) {
        gboolean in_devices = strcmp((const char *)node->name, "devices") == 0;

        g_assert_true(child->type == XML_ELEMENT_NODE || xmlIsBlankNode(child));
        if (child->type != XML_ELEMENT_NODE)
            continue;
        if (in_devices)
            g_assert_cmpstr((const char *)child->name, ==, "hostdev");
        else
            g_assert_true(g_strv_contains(kept, (const char *)child->name));
        if (strcmp((const char *)child->name, "devices") == 0)
            check_stripped(child);
    }
}


static void
check_text(const char *text)
{
    g_autoptr(xmlDoc) doc = ap_xml_parse(text, strlen(text), NULL);
    xmlNode *root = xmlDocGetRootElement(doc);

    g_assert_true(doc->children == root && !root->next);
    if (ap_xml_is(root, "domain")) {
        check_stripped(root);
        return;
    }
    for (xmlNode *child = root->children; child; child = child->next) {
        g_assert_true(ap_xml_is(child, "domain") || xmlIsBlankNode(child));
        if (ap_xml_is(child, "domain"))
            check_stripped(child);
    }
}


int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ApDomainDef) def = ap_domain_xml_parse((const char *)data, size, &error);
    g_autoptr(ApDomainDef) again = NULL;
    g_autofree char *text = NULL;
    g_autofree char *same = NULL;

    if (!def) {
        g_assert_true(g_error_matches(error, AP_ERROR, AP_ERROR_XML));
        return 0;
    }
    text = ap_domain_xml_strip((const char *)data, size, &error);
    g_assert_no_error(error);
    again = ap_domain_xml_parse(text, strlen(text), &error);
    g_assert_no_error(error);
    check_equal(def, again);
    check_text(text);
    same = ap_domain_xml_strip(text, strlen(text), &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, same);
    return 0;
}
