/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our metadata element in domain XML: schemas/domain-ap.rng and the parser give one verdict, and
 * the matrix is the one that is written. */
#include <string.h>

#include "conf/ap_domain_xml.h"
#include "conf/ap_xml.h"
#include "schema_fixture.h"
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
    { "a pool", "<ap:matrix " NS "><ap:pool name='ep11' queues='2'/></ap:matrix>", "", "", "" },
    { "a pool, spread",
      "<ap:matrix " NS ">\n<ap:pool queues='65536' spread='yes' name='a b'/></ap:matrix>", "", "",
      "" },
    { "a pool, not spread",
      "<ap:matrix " NS "><ap:pool name='ep11' queues='10' spread='no'/></ap:matrix>", "", "", "" },
    { "a pool without a name", "<ap:matrix " NS "><ap:pool queues='2'/></ap:matrix>", NULL },
    { "a pool with an empty name", "<ap:matrix " NS "><ap:pool name='' queues='2'/></ap:matrix>",
      NULL },
    { "a pool without a number", "<ap:matrix " NS "><ap:pool name='p'/></ap:matrix>", NULL },
    { "no queue of a pool", "<ap:matrix " NS "><ap:pool name='p' queues='0'/></ap:matrix>", NULL },
    { "a leading zero of queues", "<ap:matrix " NS "><ap:pool name='p' queues='02'/></ap:matrix>",
      NULL },
    { "hexadecimal queues", "<ap:matrix " NS "><ap:pool name='p' queues='0x2'/></ap:matrix>",
      NULL },
    { "a sign before queues", "<ap:matrix " NS "><ap:pool name='p' queues='+2'/></ap:matrix>",
      NULL },
    { "too many queues", "<ap:matrix " NS "><ap:pool name='p' queues='65537'/></ap:matrix>", NULL },
    { "an unknown spread",
      "<ap:matrix " NS "><ap:pool name='p' queues='2' spread='1'/></ap:matrix>", NULL },
    { "an unknown attribute of a pool",
      "<ap:matrix " NS "><ap:pool name='p' queues='2' mode='cca'/></ap:matrix>", NULL },
    { "two pools",
      "<ap:matrix " NS "><ap:pool name='p' queues='2'/><ap:pool name='q' queues='2'/></ap:matrix>",
      NULL },
    { "a pool beside an id",
      "<ap:matrix " NS "><ap:pool name='p' queues='2'/><ap:domain id='1'/></ap:matrix>", NULL },
    { "an id beside a pool",
      "<ap:matrix " NS "><ap:adapter id='1'/><ap:pool name='p' queues='2'/></ap:matrix>", NULL },
    { "text in a pool", "<ap:matrix " NS "><ap:pool name='p' queues='2'>2</ap:pool></ap:matrix>",
      NULL },
    { "a pool of no namespace", "<ap:matrix " NS "><pool name='p' queues='2'/></ap:matrix>", NULL },
};


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
test_case(gconstpointer data)
{
    const Case *test = data;
    g_autofree char *text = make_domain(test->xml);
    g_autoptr(GError) error = NULL;
    g_autoptr(ApDomainDef) def = ap_domain_xml_parse(text, strlen(text), &error);

    g_assert_no_error(error);
    g_assert_cmpint(def->metadata_line, ==, 3);
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


/* --- the schema ------------------------------------------------------------------------------ */

/* As it is found in a guest's document. */
static gboolean
parser_accepts(const char *text, gsize length)
{
    g_autoptr(xmlDoc) doc = ap_xml_parse(text, length, NULL);
    g_autoptr(xmlDoc) guest = xmlNewDoc((const xmlChar *)"1.0");
    xmlNode *domain = xmlNewDocNode(guest, NULL, (const xmlChar *)"domain", NULL);
    xmlNode *metadata = xmlNewChild(domain, NULL, (const xmlChar *)"metadata", NULL);
    g_autoptr(GError) error = NULL;
    xmlNode *node;
    g_autofree char *pool_name = NULL;
    ApDomainPool pool = { 0 };
    ApMatrix matrix;
    gboolean good;

    xmlDocSetRootElement(guest, domain);
    if (!doc)
        return FALSE;
    xmlAddChild(metadata, xmlDocCopyNode(xmlDocGetRootElement(doc), guest, 1));
    node = ap_domain_metadata_find(domain);
    good = node && ap_domain_metadata_parse(node, &matrix, &pool, &error);
    pool_name = pool.name;
    g_assert_true(good || !node || error);
    return good;
}


static void
load(SchemaFixture *fixture)
{
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        if (cases[i].adapters)
            schema_take_document(fixture, cases[i].name, g_strconcat(cases[i].xml, "\n", NULL));
    }
}


static void
test_schema_cases(SchemaFixture *fixture, gconstpointer data)
{
    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
        schema_expect(fixture, cases[i].name, cases[i].adapters != NULL, cases[i].xml,
                      strlen(cases[i].xml));
}


/* The first six are right. */
static const char *const values[] = {
    "0", "5", "255", "0x0", "0xfF", "0x00000000000000000000ff", "256", "0x100", "0X5", "05", "00",
    "", "0x", "x5", "4f", "-1", "+5", " 5", "5 ", "5&#10;", "0x05\n", "5,6", "5-6", "05.0047",
    "&#53;", "\xef\xbc\x95", "1e1", "0b1", "4294967301",
};


static void
test_every_id(SchemaFixture *fixture, gconstpointer data)
{
    static const char *const formats[] = { "%u", "0x%x", "0x%04X", "0%u", "%03u", "%x" };

    (void)data;
    for (guint id = 0; id < 600; id++) {
        for (guint f = 0; f < G_N_ELEMENTS(formats); f++) {
            g_autoptr(GString) text = g_string_new("<ap:matrix " NS "><ap:domain id='");
            char value[16];

            g_snprintf(value, sizeof(value), formats[f], id);
            g_string_append_printf(text, "%s'/></ap:matrix>", value);
            schema_compare(fixture, "every id", text->str, text->len);
        }
    }
}


/* A document that is right but for its values, perhaps, and a name now and then. */
static char *
generate(SchemaFixture *fixture)
{
    static const char *const names[] = { "ap:adapter", "ap:domain", "ap:control-domain",
                                         "m:adapter",  "adapter",   "ap:matrix" };
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
    GString *text = g_string_new("<ap:matrix " NS " xmlns:m='urn:libvirt-ap:domain:1'>");
    guint n_values = schema_below(fixture, 2) ? 6 : G_N_ELEMENTS(values);
    guint n_names = schema_below(fixture, 8) ? 4 : G_N_ELEMENTS(names);

    for (guint n = schema_below(fixture, 6); n > 0; n--)
        g_ptr_array_add(parts, g_strdup_printf("<%s id=\"%s\"/>",
                                               names[schema_below(fixture, n_names)],
                                               values[schema_below(fixture, n_values)]));
    schema_append_parts(fixture, text, parts);
    g_string_append(text, "</ap:matrix>");
    return g_string_free(text, FALSE);
}


static void
test_generated(SchemaFixture *fixture, gconstpointer data)
{
    (void)data;
    for (guint i = 0; i < 2000; i++) {
        g_autofree char *text = generate(fixture);

        schema_compare(fixture, "generated", text, strlen(text));
    }
    g_assert_cmpuint(fixture->accepted, >, 300);
    g_assert_cmpuint(fixture->refused, >, 300);
}


static void
add_schema_tests(void)
{
    static const char *const words[] = {
        "matrix", "adapter", "domain", "control-domain", "adaptor", "id", "value", "x",
        "0x05",   "0x0047",  "255",    "256",            "4f",      "05", "0",     NULL,
    };
    static const SchemaKind kind = {
        .file = "domain-ap.rng",
        .words = words,
        .parser_accepts = parser_accepts,
        .load = load,
    };

    schema_add("/domain-metadata/schema/each-case", &kind, test_schema_cases);
    schema_add("/domain-metadata/schema/every-id", &kind, test_every_id);
    schema_add("/domain-metadata/schema/generated", &kind, test_generated);
    schema_add("/domain-metadata/schema/cut-at-every-byte", &kind, schema_test_cut);
    schema_add("/domain-metadata/schema/blanks-at-every-byte", &kind, schema_test_blanks);
    schema_add("/domain-metadata/schema/flipped-bytes", &kind, schema_test_flipped);
    schema_add("/domain-metadata/schema/mutated-trees", &kind, schema_test_mutated);
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
    add_schema_tests();
    return g_test_run();
}
