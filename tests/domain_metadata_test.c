/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our metadata element in domain XML: schemas/domain-ap.rng and the parser give one verdict, and
 * the matrix is the one that is written. */
#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <string.h>

#include "conf/ap_domain_xml.h"
#include "conf/ap_xml.h"
#include "util/ap_error.h"

#define NS "xmlns:ap='urn:libvirt-ap:domain:1'"

/* What stands in <metadata>; @adapters, @domains and @control as ap_mask_describe() prints them,
 * NULL where the document is refused. */
typedef struct {
    const char *name;
    const char *xml;
    const char *adapters;
    const char *domains;
    const char *control;
} Case;

static const Case cases[] = {
    { "the example of the documentation",
      "<ap:matrix " NS "><ap:adapter id='0x05'/><ap:domain id='0x0047'/>"
      "<ap:control-domain id='0x0047'/></ap:matrix>",
      "0x05", "0x47", "0x47" },
    { "decimal and hexadecimal, any order, another prefix",
      "<m:matrix xmlns:m='urn:libvirt-ap:domain:1'>\n <m:domain id='255'/><!-- c -->"
      "<m:adapter id='0'/><m:domain id='0xFf'/><m:adapter id='0x0001'/></m:matrix>",
      "0x00-0x01", "0xff", "" },
    { "the default namespace", "<matrix xmlns='urn:libvirt-ap:domain:1'><adapter id='7'/></matrix>",
      "0x07", "", "" },
    { "an empty matrix", "<ap:matrix " NS "/>", "", "", "" },
    { "an id above 255", "<ap:matrix " NS "><ap:adapter id='256'/></ap:matrix>", NULL },
    { "a hexadecimal id above 255", "<ap:matrix " NS "><ap:domain id='0x100'/></ap:matrix>",
      NULL },
    { "a leading zero", "<ap:matrix " NS "><ap:adapter id='05'/></ap:matrix>", NULL },
    { "bare hexadecimal", "<ap:matrix " NS "><ap:domain id='4f'/></ap:matrix>", NULL },
    { "an upper-case prefix", "<ap:matrix " NS "><ap:domain id='0X4f'/></ap:matrix>", NULL },
    { "a negative id", "<ap:matrix " NS "><ap:domain id='-1'/></ap:matrix>", NULL },
    { "a blank around the id", "<ap:matrix " NS "><ap:domain id=' 1'/></ap:matrix>", NULL },
    { "an empty id", "<ap:matrix " NS "><ap:domain id=''/></ap:matrix>", NULL },
    { "no id", "<ap:matrix " NS "><ap:domain/></ap:matrix>", NULL },
    { "an id in our namespace", "<ap:matrix " NS "><ap:domain ap:id='1'/></ap:matrix>", NULL },
    { "another attribute", "<ap:matrix " NS "><ap:domain id='1' x='1'/></ap:matrix>", NULL },
    { "an attribute of the matrix", "<ap:matrix " NS " id='1'/>", NULL },
    { "text in an id element", "<ap:matrix " NS "><ap:domain id='1'>1</ap:domain></ap:matrix>",
      NULL },
    { "an element in an id element",
      "<ap:matrix " NS "><ap:domain id='1'><ap:adapter id='1'/></ap:domain></ap:matrix>", NULL },
    { "text in the matrix", "<ap:matrix " NS ">5</ap:matrix>", NULL },
    { "a misspelt element", "<ap:matrix " NS "><ap:adaptor id='1'/></ap:matrix>", NULL },
    { "an element of no namespace", "<ap:matrix " NS "><adapter id='1'/></ap:matrix>", NULL },
    { "an element of another namespace",
      "<ap:matrix " NS "><x:adapter xmlns:x='urn:x' id='1'/></ap:matrix>", NULL },
    { "another element of ours", "<ap:adapter " NS " id='1'/>", NULL },
};


static gboolean
schema_accepts(xmlRelaxNG *schema, xmlNode *node)
{
    g_autoptr(xmlDoc) doc = xmlNewDoc((const xmlChar *)"1.0");
    xmlRelaxNGValidCtxt *context = xmlRelaxNGNewValidCtxt(schema);
    int result;

    xmlDocSetRootElement(doc, xmlDocCopyNode(node, doc, 1));
    xmlRelaxNGSetValidErrors(context, NULL, NULL, NULL);
    result = xmlRelaxNGValidateDoc(context, doc);
    xmlRelaxNGFreeValidCtxt(context);
    g_assert_cmpint(result, >=, 0);
    return result == 0;
}


static xmlRelaxNG *
load_schema(void)
{
    g_autofree char *path =
        g_build_filename(g_getenv("SOURCE_DIR"), "src/conf/schemas/domain-ap.rng", NULL);
    xmlRelaxNGParserCtxt *context = xmlRelaxNGNewParserCtxt(path);
    xmlRelaxNG *schema = xmlRelaxNGParse(context);

    xmlRelaxNGFreeParserCtxt(context);
    g_assert_nonnull(schema);
    return schema;
}


static char *
make_domain(const char *metadata)
{
    return g_strdup_printf("<domain type='kvm'>\n<name>g</name>\n<metadata><o:os "
                           "xmlns:o='urn:o'/>%s</metadata></domain>",
                           metadata);
}


static void
assert_mask(const ApMask *mask, const char *expected)
{
    g_autofree char *text = ap_mask_is_empty(mask) ? g_strdup("") : ap_mask_describe(mask);

    g_assert_cmpstr(text, ==, expected);
}


static void
check_schema(const Case *test)
{
    xmlRelaxNG *schema = load_schema();
    g_autofree char *text = make_domain(test->xml);
    g_autoptr(xmlDoc) doc = ap_xml_parse(text, strlen(text), NULL);
    xmlNode *node = ap_domain_metadata_find(xmlDocGetRootElement(doc));

    g_assert_nonnull(node);
    g_assert_cmpint(schema_accepts(schema, node), ==, test->adapters != NULL);
    xmlRelaxNGFree(schema);
}


static void
test_case(gconstpointer data)
{
    const Case *test = data;
    g_autofree char *text = make_domain(test->xml);
    g_autoptr(GError) error = NULL;
    g_autoptr(ApDomainDef) def = ap_domain_xml_parse(text, strlen(text), &error);

    g_assert_no_error(error);
    g_assert_cmpint(def->metadata_line, ==, 3);
    check_schema(test);
    if (!test->adapters) {
        g_assert_error(def->matrix_error, AP_ERROR, AP_ERROR_XML);
        g_assert_true(g_str_has_prefix(def->matrix_error->message, "line 3: "));
        return;
    }
    g_assert_no_error(def->matrix_error);
    assert_mask(&def->matrix.adapters, test->adapters);
    assert_mask(&def->matrix.domains, test->domains);
    assert_mask(&def->matrix.control_domains, test->control);
}


static void
test_second_element(void)
{
    g_autofree char *text = make_domain("<ap:matrix " NS "/><ap:matrix " NS "/>");
    g_autoptr(ApDomainDef) def = ap_domain_xml_parse(text, strlen(text), NULL);

    g_assert_error(def->matrix_error, AP_ERROR, AP_ERROR_XML);
}


static void
test_none(void)
{
    g_autofree char *text = make_domain("");
    g_autoptr(ApDomainDef) def = ap_domain_xml_parse(text, strlen(text), NULL);

    g_assert_cmpint(def->metadata_line, ==, 0);
    g_assert_no_error(def->matrix_error);
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/domain-metadata/", cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/domain-metadata/a second element", test_second_element);
    g_test_add_func("/domain-metadata/none", test_none);
    return g_test_run();
}
