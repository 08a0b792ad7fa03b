/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A schema against the parser of the same XML. */
#include "schema_fixture.h"

#include <libxml/parser.h>
#include <string.h>

#include "conf/ap_xml.h"
#include "util/ap_id.h"

#define SEED 20240229
#define MUTATIONS_PER_DOCUMENT 600
#define REPORTED_MAX 5

G_DEFINE_AUTOPTR_CLEANUP_FUNC(xmlParserCtxt, xmlFreeParserCtxt)


static void
be_quiet(void *context, const char *format, ...)
{
    (void)context;
    (void)format;
}


static xmlDoc *
read_as_xmllint(const char *text, gsize length)
{
    g_autoptr(xmlParserCtxt) context = xmlNewParserCtxt();

    return xmlCtxtReadMemory(context, text, length, NULL, NULL,
                             XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                                 XML_PARSE_HUGE);
}


static gboolean
schema_accepts(SchemaFixture *fixture, xmlDoc *doc)
{
    xmlRelaxNGValidCtxt *context = xmlRelaxNGNewValidCtxt(fixture->schema);
    int result;

    xmlRelaxNGSetValidErrors(context, be_quiet, be_quiet, NULL);
    result = doc ? xmlRelaxNGValidateDoc(context, doc) : 1;
    xmlRelaxNGFreeValidCtxt(context);
    g_assert_cmpint(result, >=, 0); /* an error inside libxml2 is no verdict */
    return result == 0;
}


/* Whether no schema can know it. */
static gboolean
only_parser_knows(SchemaFixture *fixture, xmlDoc *doc, const char *text, gsize length)
{
    const SchemaKind *kind = fixture->kind;

    return doc->intSubset || memchr(text, '\0', length) ||
           (kind->only_parser_knows && kind->only_parser_knows(xmlDocGetRootElement(doc)));
}


gboolean
schema_compare(SchemaFixture *fixture, const char *what, const char *text, gsize length)
{
    g_autoptr(xmlDoc) doc = read_as_xmllint(text, length);
    gboolean by_schema = schema_accepts(fixture, doc);
    gboolean by_parser = fixture->kind->parser_accepts(text, length);

    if (by_parser)
        fixture->accepted++;
    else
        fixture->refused++;
    if (by_schema == by_parser || (by_schema && only_parser_knows(fixture, doc, text, length)))
        return by_parser;
    if (fixture->different++ < REPORTED_MAX) {
        g_autofree char *printable = g_strndup(text, MIN(length, 2000));
        g_autofree char *escaped = g_strescape(printable, "\n");

        g_test_message("%s: the parser %s, the schema %s:\n%s", what,
                       by_parser ? "accepts" : "refuses", by_schema ? "accepts" : "refuses",
                       escaped);
        g_test_fail();
    }
    return by_parser;
}


void
schema_expect(SchemaFixture *fixture, const char *what, gboolean accepted, const char *text,
              gsize length)
{
    if (schema_compare(fixture, what, text, length) == accepted)
        return;
    g_test_message("%s: wanted %s", what, accepted ? "accepted" : "refused");
    g_test_fail();
}


guint
schema_below(SchemaFixture *fixture, guint n)
{
    return g_rand_int_range(fixture->rand, 0, n);
}


static void
schema_set_up(SchemaFixture *fixture, gconstpointer data)
{
    const SchemaKind *kind = data;
    const char *seed = g_getenv("AP_TEST_SEED");
    g_autofree char *path =
        g_build_filename(g_getenv("SOURCE_DIR"), "src/conf/schemas", kind->file, NULL);
    xmlRelaxNGParserCtxt *context = xmlRelaxNGNewParserCtxt(path);
    guint64 number = SEED;

    fixture->kind = kind;
    if (seed)
        g_assert_true(ap_attr_parse(seed, &number, NULL));
    fixture->schema = xmlRelaxNGParse(context);
    xmlRelaxNGFreeParserCtxt(context);
    g_assert_nonnull(fixture->schema);
    fixture->rand = g_rand_new_with_seed(number);
    fixture->documents = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    kind->load(fixture);
    g_assert_cmpuint(fixture->documents->len, >=, 4);
}


static void
schema_tear_down(SchemaFixture *fixture, gconstpointer data)
{
    (void)data;
    g_test_message("%u documents accepted, %u refused, %u different", fixture->accepted,
                   fixture->refused, fixture->different);
    g_assert_cmpuint(fixture->different, ==, 0);
    xmlRelaxNGFree(fixture->schema);
    g_rand_free(fixture->rand);
    g_ptr_array_unref(fixture->documents);
}


static void
shuffle(SchemaFixture *fixture, GPtrArray *parts)
{
    for (guint i = parts->len; i > 1; i--) {
        guint k = schema_below(fixture, i);
        gpointer part = parts->pdata[i - 1];

        parts->pdata[i - 1] = parts->pdata[k];
        parts->pdata[k] = part;
    }
}


void
schema_append_parts(SchemaFixture *fixture, GString *text, GPtrArray *parts)
{
    static const char *const between[] = { "", "", "\n  ", "\t", "<!-- a -->", "<?a b?>",
                                           "<![CDATA[ ]]>", "&#32;" };

    shuffle(fixture, parts);
    for (guint i = 0; i < parts->len; i++) {
        g_string_append(text, between[schema_below(fixture, G_N_ELEMENTS(between))]);
        g_string_append(text, parts->pdata[i]);
    }
}


void
schema_test_cut(SchemaFixture *fixture, gconstpointer data)
{
    (void)data;
    for (guint i = 0; i < fixture->documents->len; i++) {
        gsize length;
        const char *text = g_bytes_get_data(fixture->documents->pdata[i], &length);

        /* The newline at the end may go. */
        for (gsize n = 0; n < length - 1; n++)
            schema_expect(fixture, "cut", FALSE, text, n);
        g_assert_true(schema_compare(fixture, "whole", text, length - 1));
    }
}


void
schema_test_flipped(SchemaFixture *fixture, gconstpointer data)
{
    (void)data;
    for (guint i = 0; i < fixture->documents->len * MUTATIONS_PER_DOCUMENT; i++) {
        GBytes *bytes = fixture->documents->pdata[i % fixture->documents->len];
        gsize length = g_bytes_get_size(bytes);
        g_autofree char *text = g_memdup2(g_bytes_get_data(bytes, NULL), length);

        for (guint n = 1 + schema_below(fixture, 3); n > 0; n--) {
            guint at = schema_below(fixture, length);

            text[at] = schema_below(fixture, 2) ? text[at] ^ (1 << schema_below(fixture, 8))
                                         : (char)schema_below(fixture, 256);
        }
        schema_compare(fixture, "flipped", text, length);
    }
    g_assert_cmpuint(fixture->accepted, >, 5);
    g_assert_cmpuint(fixture->refused, >, 1000);
}


static void
collect_elements(xmlNode *node, GPtrArray *elements)
{
    for (; node; node = node->next) {
        if (node->type != XML_ELEMENT_NODE)
            continue;
        g_ptr_array_add(elements, node);
        collect_elements(node->children, elements);
    }
}


static xmlNode *
pick_element(SchemaFixture *fixture, xmlDoc *doc)
{
    g_autoptr(GPtrArray) elements = g_ptr_array_new();

    collect_elements(xmlDocGetRootElement(doc), elements);
    return elements->pdata[schema_below(fixture, elements->len)];
}


static const xmlChar *
pick_word(SchemaFixture *fixture)
{
    const char *const *words = fixture->kind->words;

    return (const xmlChar *)words[schema_below(fixture, g_strv_length((char **)words))];
}


static const xmlChar *
pick_name(SchemaFixture *fixture)
{
    const xmlChar *word = pick_word(fixture);

    return xmlValidateNCName(word, 0) == 0 ? word : (const xmlChar *)"y";
}


static void
mutate_attribute(SchemaFixture *fixture, xmlNode *node)
{
    xmlAttr *attr = node->properties;

    switch (attr ? schema_below(fixture, 4) : 0) {
    case 0:
        xmlSetProp(node, pick_name(fixture), pick_word(fixture));
        break;
    case 1:
        xmlRemoveProp(attr);
        break;
    case 2:
        xmlNodeSetName((xmlNode *)attr, pick_name(fixture));
        break;
    default:
        xmlSetProp(node, attr->name, pick_word(fixture));
    }
}


static void
mutate_tree(SchemaFixture *fixture, xmlDoc *doc)
{
    xmlNode *node = pick_element(fixture, doc);
    xmlNode *other = pick_element(fixture, doc);
    gboolean is_root = node == xmlDocGetRootElement(doc);

    switch (schema_below(fixture, 6)) {
    case 0: /* rename */
        xmlNodeSetName(node, pick_name(fixture));
        break;
    case 1: /* duplicate, beside it or somewhere else */
        xmlAddChild(schema_below(fixture, 2) && !is_root ? node->parent : other,
                    xmlCopyNode(node, 1));
        break;
    case 2: /* drop */
        if (!is_root) {
            xmlUnlinkNode(node);
            xmlFreeNode(node);
        }
        break;
    case 3:
        xmlAddChild(node, xmlNewText(pick_word(fixture)));
        break;
    case 4:
        xmlNewChild(node, NULL, pick_name(fixture), pick_word(fixture));
        break;
    default:
        mutate_attribute(fixture, node);
    }
}


void
schema_test_mutated(SchemaFixture *fixture, gconstpointer data)
{
    (void)data;
    for (guint i = 0; i < fixture->documents->len * MUTATIONS_PER_DOCUMENT; i++) {
        gsize length;
        const char *text =
            g_bytes_get_data(fixture->documents->pdata[i % fixture->documents->len], &length);
        g_autoptr(xmlDoc) doc = read_as_xmllint(text, length);
        xmlChar *mutated;
        int mutated_length;

        for (guint n = 1 + schema_below(fixture, 3); n > 0; n--)
            mutate_tree(fixture, doc);
        xmlDocDumpMemory(doc, &mutated, &mutated_length);
        schema_compare(fixture, "mutated", (char *)mutated, mutated_length);
        xmlFree(mutated);
    }
    g_assert_cmpuint(fixture->accepted, >, 5);
    g_assert_cmpuint(fixture->refused, >, 1000);
}


/* Compares @text with @blank at the byte @at. */
static void
compare_with_blank(SchemaFixture *fixture, const char *text, gsize at, const char *blank)
{
    g_autofree char *before = g_strndup(text, at);
    g_autofree char *mutated = g_strconcat(before, blank, text + at, NULL);

    schema_compare(fixture, "a blank more", mutated, strlen(mutated));
}


void
schema_test_blanks(SchemaFixture *fixture, gconstpointer data)
{
    (void)data;
    for (guint i = 0; i < fixture->documents->len; i++) {
        gsize length;
        const char *bytes = g_bytes_get_data(fixture->documents->pdata[i], &length);
        g_autofree char *text = g_strndup(bytes, length);

        for (gsize at = 0; at <= length; at++) {
            compare_with_blank(fixture, text, at, " ");
            compare_with_blank(fixture, text, at, "&#10;");
        }
    }
}


void
schema_take_document(SchemaFixture *fixture, const char *name, char *text)
{
    GBytes *bytes = g_bytes_new_take(text, strlen(text));

    g_ptr_array_add(fixture->documents, bytes);
    schema_expect(fixture, name, TRUE, text, strlen(text));
}


void
schema_add(const char *path, const SchemaKind *kind,
           void (*test)(SchemaFixture *fixture, gconstpointer data))
{
    g_test_add(path, SchemaFixture, kind, schema_set_up, test, schema_tear_down);
}
