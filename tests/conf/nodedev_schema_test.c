/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Node-device XML: schemas/nodedev-ap.rng and the parser give one verdict, over thousands of
 * generated and mutated documents. "The parser" is ap_nodedev_xml_parse() and then
 * ap_mdev_def_replay(), as every program uses them. */
#include <string.h>

#include "conf/ap_nodedev_xml.h"
#include "conf/ap_xml.h"
#include "schema_fixture.h"


static gboolean
parser_accepts(const char *text, gsize length)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ApMdevDef) def = ap_nodedev_xml_parse(text, length, &error);
    ApMatrix matrix;
    gboolean good = def && ap_mdev_def_replay(def, NULL, NULL, &matrix, &error);

    g_assert_true(good == !error);
    return good;
}


/* Whether an attribute has more bytes than the kernel takes at once, but not more characters. */
static gboolean
has_long_value(xmlNode *node)
{
    for (; node; node = node->next) {
        for (xmlAttr *attr = node->type == XML_ELEMENT_NODE ? node->properties : NULL; attr;
             attr = attr->next) {
            xmlChar *value = xmlNodeGetContent((xmlNode *)attr);
            gboolean is_long = strlen((char *)value) > 4096 && xmlUTF8Strlen(value) <= 4096;

            xmlFree(value);
            if (is_long)
                return TRUE;
        }
        if (node->type == XML_ELEMENT_NODE && has_long_value(node->children))
            return TRUE;
    }
    return FALSE;
}


static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}


/* libvirt's own examples and ours: refused_*.xml are other kinds of devices. */
static void
load_documents(SchemaFixture *fixture)
{
    g_autofree char *dir_path =
        g_build_filename(g_getenv("SOURCE_DIR"), "tests/nodedevdata", NULL);
    g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *entry;

    g_assert_nonnull(dir);
    while ((entry = g_dir_read_name(dir)))
        g_ptr_array_add(names, g_strdup(entry));
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];
        g_autofree char *path = g_build_filename(dir_path, name, NULL);
        gboolean accepted = !g_str_has_prefix(name, "refused_");
        g_autofree char *text = NULL;
        gsize length;

        g_assert_true(g_file_get_contents(path, &text, &length, NULL));
        schema_expect(fixture, name, accepted, text, length);
        if (accepted)
            g_ptr_array_add(fixture->documents, g_bytes_new(text, length));
    }
}


/* --- attribute values ------------------------------------------------------------------------ */

#define ID64 "0123456789abcdefABCDEF0123456789abcdefABCDEF01234567890123456789"

static const struct {
    const char *name;
    const char *value;
    gboolean accepted;
} steps[] = {
    { "assign_adapter", "0", TRUE },
    { "assign_adapter", "255", TRUE },
    { "assign_adapter", "256", FALSE },
    { "assign_adapter", "0xff", TRUE },
    { "assign_adapter", "0XFF", TRUE },
    { "assign_adapter", "0x100", FALSE },
    { "assign_adapter", "0x00000000000000000000ff", TRUE },
    { "assign_adapter", "0x", FALSE },
    { "assign_adapter", "0xg", FALSE },
    { "assign_adapter", "x5", FALSE },
    { "assign_adapter", "00x5", FALSE },
    { "assign_adapter", "0377", TRUE },
    { "assign_adapter", "0400", FALSE },
    { "assign_adapter", "08", FALSE },
    { "assign_adapter", "00000000", TRUE },
    { "assign_adapter", "000000007", TRUE },
    { "assign_adapter", "+5", TRUE },
    { "assign_adapter", "+0x5", TRUE },
    { "assign_adapter", "++5", FALSE },
    { "assign_adapter", "+", FALSE },
    { "assign_adapter", "-0", FALSE },
    { "assign_adapter", "-1", FALSE },
    { "assign_adapter", " 5", FALSE },
    { "assign_adapter", "5 ", FALSE },
    { "assign_adapter", "5\n", FALSE }, /* a line break in an attribute is a blank */
    { "assign_adapter", "5&#10;", TRUE },
    { "assign_adapter", "5&#10;&#10;", FALSE },
    { "assign_adapter", "&#10;5", FALSE },
    { "assign_adapter", "5&#13;", FALSE },
    { "assign_adapter", "5&#9;", FALSE },
    { "assign_adapter", "&#53;", TRUE },
    { "assign_adapter", "", FALSE },
    { "assign_adapter", "5.0", FALSE },
    { "assign_adapter", "5u", FALSE },
    { "assign_adapter", "0b101", FALSE },
    { "assign_adapter", "18446744073709551616", FALSE },
    { "assign_adapter", "18446744073709551621", FALSE }, /* 5 modulo 2^64 */
    { "assign_adapter", "4294967301", FALSE },           /* 5 modulo 2^32 */
    { "assign_adapter", "261", FALSE },                  /* 5 modulo 2^8 */
    { "assign_adapter", "\xd9\xa5", FALSE },             /* an Arabic 5 */
    { "assign_adapter", "\xef\xbc\x95", FALSE },         /* a fullwidth 5 */
    { "assign_domain", "0x0047", TRUE },
    { "assign_domain", "05.0047", FALSE },
    { "assign_control_domain", "0107", TRUE },
    { "unassign_adapter", "5", TRUE },
    { "unassign_domain", "256", FALSE },
    { "unassign_control_domain", "+0", TRUE },
    { "ap_config", ",,", TRUE },
    { "ap_config", ",", FALSE },
    { "ap_config", "", FALSE },
    { "ap_config", "0x,x,", TRUE },
    { "ap_config", "0x" ID64 ",x" ID64 "," ID64, TRUE },
    { "ap_config", "0x" ID64 ",0x" ID64 ",0x" ID64, TRUE },
    { "ap_config", "0x" ID64 ",0x" ID64 ",0x" ID64 ",", TRUE },
    { "ap_config", "0x" ID64 ",0x" ID64 ",0x" ID64 "0", FALSE },
    { "ap_config", "0x" ID64 "0,0,0", FALSE },
    { "ap_config", "0x1,0x2,0x3", TRUE },
    { "ap_config", "0x1&#10;0x2&#10;0x3&#10;", TRUE },
    { "ap_config", "0x1,0x2,0x3,anything, at all &#10;&#13;&#9;", TRUE },
    { "ap_config", "0x1,0x2,0x3,\xe2\x82\xac", TRUE },
    { "ap_config", "0x1,0x2,0x3 ", FALSE },
    { "ap_config", "0x1, 0x2,0x3", FALSE },
    { "ap_config", "0X1,0,0", FALSE },
    { "ap_config", "00x1,0,0", FALSE },
    { "ap_config", "xx1,0,0", FALSE },
    { "ap_config", "+1,0,0", FALSE },
    { "ap_config", "g,0,0", FALSE },
    { "", "5", FALSE },
    { "assign_adapter ", "5", FALSE },
    { " assign_adapter", "5", FALSE },
    { "Assign_adapter", "5", FALSE },
    { "assign_adaptor", "5", FALSE },
    { "../../remove", "1", FALSE },
    { "remove", "1", FALSE },
    { "matrix", "1", FALSE },
};


static char *
step_document(const char *name, const char *value)
{
    return g_strdup_printf("<device><parent>ap_matrix</parent><capability type='mdev'>"
                           "<type id='vfio_ap-passthrough'/><attr name='%s' value='%s'/>"
                           "</capability></device>",
                           name, value);
}


static void
expect_step(SchemaFixture *fixture, const char *name, const char *value, gboolean accepted)
{
    g_autofree char *text = step_document(name, value);
    g_autofree char *what = g_strdup_printf("%s='%.40s'", name, value);

    schema_expect(fixture, what, accepted, text, strlen(text));
}


static void
test_step_values(SchemaFixture *fixture, gconstpointer data)
{
    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++)
        expect_step(fixture, steps[i].name, steps[i].value, steps[i].accepted);
    for (guint id = 0; id < 600; id++) {
        static const char *const formats[] = { "%u", "0x%x", "0x%04X", "0%o", "+%u", "%03u" };

        for (guint f = 0; f < G_N_ELEMENTS(formats); f++) {
            char value[16];
            g_autofree char *text = NULL;

            g_snprintf(value, sizeof(value), formats[f], id);
            text = step_document("assign_domain", value);
            schema_compare(fixture, "every id", text, strlen(text));
        }
    }
}


/* write(2) takes a page of a longer value and mdevctl writes the rest as a second value. */
static void
test_long_values(SchemaFixture *fixture, gconstpointer data)
{
    g_autofree char *zeros = g_strnfill(4095, '0');
    g_autofree char *fits = g_strconcat(zeros, "5", NULL);
    g_autofree char *too_long = g_strconcat(zeros, "05", NULL);
    g_autofree char *megabytes = g_strnfill(10 * 1024 * 1024, '0');
    g_autofree char *tail = g_strnfill(4096 - 2, ',');
    g_autofree char *wide = g_strconcat(tail, "\xc3\xa9", NULL);
    g_autofree char *wider = g_strconcat(wide, "\xc3\xa9", NULL);

    (void)data;
    expect_step(fixture, "assign_adapter", fits, TRUE);
    expect_step(fixture, "assign_adapter", too_long, FALSE);
    expect_step(fixture, "assign_adapter", megabytes, FALSE);
    expect_step(fixture, "ap_config", wide, TRUE);
    expect_step(fixture, "ap_config", wider, FALSE);
    expect_step(fixture, "ap_config", megabytes, FALSE);
}


/* --- whole documents ------------------------------------------------------------------------- */

#define PARENT "<parent>ap_matrix</parent>"
#define TYPE "<type id='vfio_ap-passthrough'/>"
#define CAPABILITY "<capability type='mdev'>" TYPE "</capability>"
#define UUID "11111111-2222-4333-8444-555555555555"
#define GOOD "<device>" PARENT CAPABILITY "</device>"
#define IN_DEVICE(more) "<device>" PARENT CAPABILITY more "</device>"
#define IN_CAPABILITY(more)                                                                        \
    "<device>" PARENT "<capability type='mdev'>" TYPE more "</capability></device>"

static const struct {
    const char *what;
    const char *text;
    gboolean accepted;
} documents[] = {
    { "the smallest", GOOD, TRUE },
    { "nothing", "", FALSE },
    { "blanks alone", " \n", FALSE },
    { "no XML", "{}", FALSE },
    { "not closed", "<device>", FALSE },
    { "two roots", GOOD GOOD, FALSE },
    { "text after it", GOOD "x", FALSE },
    { "a blank line after it", GOOD "\n\n", TRUE },
    { "a blank line before the declaration", "\n<?xml version='1.0'?>" GOOD, FALSE },
    { "comments around it", "<!-- a -->" GOOD "<!-- b -->", TRUE },
    { "instructions around it", "<?a b?>" GOOD "<?c d?>", TRUE },
    { "comments and instructions inside", IN_CAPABILITY("<!-- a --><?b c?>"), TRUE },
    { "text between elements", IN_CAPABILITY("x"), FALSE },
    { "a no-break space between elements", IN_CAPABILITY("&#160;"), FALSE },
    { "a blank by reference between elements", IN_CAPABILITY("&#32;&#10;"), TRUE },
    { "blanks in CDATA between elements", IN_CAPABILITY("<![CDATA[ \n]]>"), TRUE },
    { "text in CDATA between elements", IN_CAPABILITY("<![CDATA[x]]>"), FALSE },
    { "an empty CDATA between elements", IN_CAPABILITY("<![CDATA[]]>"), TRUE },
    { "an XML declaration", "<?xml version='1.0' encoding='UTF-8' standalone='yes'?>" GOOD, TRUE },
    { "XML 1.1", "<?xml version='1.1'?>" GOOD, TRUE },
    { "an unknown encoding", "<?xml version='1.0' encoding='x-none'?>" GOOD, FALSE },
    { "a byte order mark", "\xef\xbb\xbf" GOOD, TRUE },
    { "Latin-1", "<?xml version='1.0' encoding='ISO-8859-1'?>" IN_DEVICE("<name>\xe9</name>"),
      TRUE },
    { "bytes that are not UTF-8", IN_DEVICE("<name>\xe9</name>"), FALSE },
    { "a control character", IN_DEVICE("<name>\x01</name>"), FALSE },
    { "a control character by reference", IN_DEVICE("<name>&#1;</name>"), FALSE },
    { "a document type", "<!DOCTYPE device>" GOOD, FALSE },
    { "an entity", "<!DOCTYPE device [<!ENTITY a 'ap_matrix'>]><device><parent>&a;</parent>"
      CAPABILITY "</device>", FALSE },
    { "a default attribute", "<!DOCTYPE device [<!ATTLIST capability type CDATA 'mdev'>]><device>"
      PARENT "<capability>" TYPE "</capability></device>", FALSE },
    { "an external entity", "<!DOCTYPE device [<!ENTITY a SYSTEM '/etc/passwd'>]>"
      IN_DEVICE("<name>&a;</name>"), FALSE },
    { "an entity nobody declared", IN_DEVICE("<name>&a;</name>"), FALSE },
    { "the five entities of XML", IN_DEVICE("<name>&amp;&lt;&gt;&quot;&apos;</name>"), TRUE },
    { "a default namespace", "<device xmlns='urn:x'>" PARENT CAPABILITY "</device>", FALSE },
    { "no namespace, said so", "<device xmlns=''>" PARENT CAPABILITY "</device>", TRUE },
    { "a namespace nobody uses", "<device xmlns:x='urn:x'>" PARENT CAPABILITY "</device>", TRUE },
    { "an element of another namespace", IN_DEVICE("<x:name xmlns:x='urn:x'/>"), FALSE },
    { "an element of another namespace by default", IN_DEVICE("<name xmlns='urn:x'/>"), FALSE },
    { "a prefix nobody declared", IN_DEVICE("<x:name/>"), FALSE },
    { "an attribute of another namespace",
      "<device xmlns:x='urn:x' x:a='1'>" PARENT CAPABILITY "</device>", FALSE },
    { "an attribute of another namespace with our name",
      "<device xmlns:x='urn:x'>" PARENT "<capability x:type='mdev'>" TYPE "</capability></device>",
      FALSE },
    { "an attribute with a prefix nobody declared",
      "<device>" PARENT "<capability x:type='mdev'>" TYPE "</capability></device>", FALSE },
    { "xml:base", "<device xml:base='/'>" PARENT CAPABILITY "</device>", FALSE },
    { "xml:space", IN_DEVICE("<name xml:space='preserve'> </name>"), FALSE },
    { "xml:id", "<device>" PARENT "<capability xml:id='a' type='mdev'>" TYPE
      "</capability></device>", FALSE },
    { "an XInclude", IN_DEVICE("<x:include xmlns:x='http://www.w3.org/2001/XInclude' "
      "href='/etc/passwd' parse='text'/>"), FALSE },
    { "a second attribute of the name", "<device>" PARENT "<capability type='mdev' type='mdev'>"
      TYPE "</capability></device>", FALSE },
    { "another root", "<domain>" PARENT CAPABILITY "</domain>", FALSE },
    { "an attribute of <device>", "<device a='1'>" PARENT CAPABILITY "</device>", FALSE },
    { "no parent", "<device>" CAPABILITY "</device>", FALSE },
    { "no capability", "<device>" PARENT "</device>", FALSE },
    { "two parents", IN_DEVICE(PARENT), FALSE },
    { "two capabilities", IN_DEVICE(CAPABILITY), FALSE },
    { "the parent computer", "<device><parent>computer</parent>" CAPABILITY "</device>", TRUE },
    { "another parent", "<device><parent>css_0_0_0042</parent>" CAPABILITY "</device>", FALSE },
    { "blanks in the parent", "<device><parent> ap_matrix </parent>" CAPABILITY "</device>",
      FALSE },
    { "a parent in CDATA", "<device><parent><![CDATA[ap_matrix]]></parent>" CAPABILITY "</device>",
      TRUE },
    { "a comment in the parent", "<device><parent>ap_<!-- a -->matrix</parent>" CAPABILITY
      "</device>", TRUE },
    { "an instruction in the parent", "<device><parent>ap_<?a b?>matrix</parent>" CAPABILITY
      "</device>", TRUE },
    { "a parent half in CDATA", "<device><parent>ap_<![CDATA[matrix]]></parent>" CAPABILITY
      "</device>", TRUE },
    { "an element in the parent", "<device><parent>ap_matrix<a/></parent>" CAPABILITY "</device>",
      FALSE },
    { "an attribute of the parent", "<device><parent a='1'>ap_matrix</parent>" CAPABILITY
      "</device>", FALSE },
    { "an empty name", IN_DEVICE("<name/>"), TRUE },
    { "two names", IN_DEVICE("<name>a</name><name>a</name>"), FALSE },
    { "an element in the name", IN_DEVICE("<name><b/></name>"), FALSE },
    { "a devnode", IN_DEVICE("<devnode type='dev'>/dev/vfio/0</devnode>"), TRUE },
    { "a devnode of no type", IN_DEVICE("<devnode>/dev/vfio/0</devnode>"), FALSE },
    { "a devnode of another type", IN_DEVICE("<devnode type='x'>/dev/vfio/0</devnode>"), FALSE },
    { "a driver", IN_DEVICE("<driver><name>vfio_ap_mdev</name></driver>"), TRUE },
    { "a driver without a name", IN_DEVICE("<driver/>"), FALSE },
    { "a driver with two names", IN_DEVICE("<driver><name>a</name><name>a</name></driver>"),
      FALSE },
    { "two drivers", IN_DEVICE("<driver><name>a</name></driver><driver><name>a</name></driver>"),
      FALSE },
    { "a UUID", IN_CAPABILITY("<uuid>" UUID "</uuid>"), TRUE },
    { "a UUID in upper case", IN_CAPABILITY("<uuid>AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE</uuid>"),
      TRUE },
    { "blanks around a UUID", IN_CAPABILITY("<uuid>\n" UUID "\n</uuid>"), TRUE },
    { "a UUID without dashes", IN_CAPABILITY("<uuid>11111111222243338444555555555555</uuid>"),
      TRUE },
    { "a UUID with other dashes",
      IN_CAPABILITY("<uuid>1111-1111 2222433384445555555555-55</uuid>"), TRUE },
    { "a UUID with a dash inside a byte",
      IN_CAPABILITY("<uuid>1-1111111222243338444555555555555</uuid>"), FALSE },
    { "a UUID with a dash behind it", IN_CAPABILITY("<uuid>" UUID "-</uuid>"), FALSE },
    { "a UUID with a line break in it",
      IN_CAPABILITY("<uuid>11111111\n-2222-4333-8444-555555555555</uuid>"), FALSE },
    { "a blank UUID", IN_CAPABILITY("<uuid> </uuid>"), FALSE },
    { "a UUID that is too short",
      IN_CAPABILITY("<uuid>1111111122224333844455555555555</uuid>"), FALSE },
    { "a UUID that is too long", IN_CAPABILITY("<uuid>" UUID "5</uuid>"), FALSE },
    { "an empty UUID", IN_CAPABILITY("<uuid/>"), TRUE },
    { "two UUIDs", IN_CAPABILITY("<uuid>" UUID "</uuid><uuid>" UUID "</uuid>"), FALSE },
    { "another parent address", IN_CAPABILITY("<parent_addr>0.0.0042</parent_addr>"), FALSE },
    { "an iommuGroup", IN_CAPABILITY("<iommuGroup number='12'/>"), TRUE },
    { "an iommuGroup with blanks in it", IN_CAPABILITY("<iommuGroup number='12'> \n</iommuGroup>"),
      TRUE },
    { "an iommuGroup with a comment", IN_CAPABILITY("<iommuGroup number='1'><!--a--></iommuGroup>"),
      TRUE },
    { "an iommuGroup with text", IN_CAPABILITY("<iommuGroup number='12'>a</iommuGroup>"), FALSE },
    { "an iommuGroup with members", IN_CAPABILITY("<iommuGroup number='1'><address/></iommuGroup>"),
      FALSE },
    { "an iommuGroup without a number", IN_CAPABILITY("<iommuGroup/>"), FALSE },
    { "an iommuGroup that is no number", IN_CAPABILITY("<iommuGroup number='-1'/>"), FALSE },
    { "an iommuGroup with a blank number", IN_CAPABILITY("<iommuGroup number=' 1'/>"), FALSE },
    { "two iommuGroups", IN_CAPABILITY("<iommuGroup number='1'/><iommuGroup number='1'/>"),
      FALSE },
    { "two types", IN_CAPABILITY(TYPE), FALSE },
    { "another type", "<device>" PARENT "<capability type='mdev'><type id='vfio_ccw-io'/>"
      "</capability></device>", FALSE },
    { "blanks around the type", "<device>" PARENT "<capability type='mdev'>"
      "<type id=' vfio_ap-passthrough '/></capability></device>", FALSE },
    { "another capability", "<device>" PARENT "<capability type='ap_matrix'>" TYPE
      "</capability></device>", FALSE },
    { "a capability in a capability", IN_CAPABILITY(CAPABILITY), FALSE },
    { "an attr without a value", IN_CAPABILITY("<attr name='assign_adapter'/>"), FALSE },
    { "an attr without a name", IN_CAPABILITY("<attr value='5'/>"), FALSE },
    { "an attr with more", IN_CAPABILITY("<attr name='assign_adapter' value='5' a='1'/>"), FALSE },
    { "an attr with text", IN_CAPABILITY("<attr name='assign_adapter' value='5'>5</attr>"),
      FALSE },
    { "an attr with blanks", IN_CAPABILITY("<attr value='5' name='assign_adapter'> </attr>"),
      TRUE },
    { "an attr outside the capability", IN_DEVICE("<attr name='assign_adapter' value='5'/>"),
      FALSE },
    { "a start element", IN_CAPABILITY("<start type='auto'/>"), FALSE },
};


static void
test_documents(SchemaFixture *fixture, gconstpointer data)
{
    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(documents); i++)
        schema_expect(fixture, documents[i].what, documents[i].accepted, documents[i].text,
                      strlen(documents[i].text));
}


static void
test_encodings(SchemaFixture *fixture, gconstpointer data)
{
    static const char *const encodings[] = { "UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32LE",
                                             "ISO-8859-15", "IBM1047" };

    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(encodings); i++) {
        g_autofree char *plain = g_strdup_printf("<?xml version='1.0' encoding='%s'?>" GOOD,
                                                 encodings[i]);
        gsize length;
        g_autofree char *text = g_convert(plain, -1, encodings[i], "UTF-8", NULL, &length, NULL);

        schema_compare(fixture, encodings[i], plain, strlen(plain));
        if (text)
            schema_compare(fixture, encodings[i], text, length);
    }
    schema_expect(fixture, "a NUL byte inside", FALSE, "<device>\0</device>", 18);
    schema_expect(fixture, "a NUL byte behind", FALSE, GOOD, sizeof(GOOD));
}


/* @n times @part between @before and @after. */
static char *
repeat(const char *before, const char *part, guint n, const char *after)
{
    GString *text = g_string_new(before);

    for (guint i = 0; i < n; i++)
        g_string_append(text, part);
    g_string_append(text, after);
    return g_string_free(text, FALSE);
}


static void
test_large_documents(SchemaFixture *fixture, gconstpointer data)
{
    g_autofree char *name = repeat("<device>" PARENT CAPABILITY "<name>", "0123456789", 1100000,
                                   "</name></device>");
    g_autofree char *attrs = repeat("<device>" PARENT "<capability type='mdev'>" TYPE,
                                    "<attr name='assign_adapter' value='5'/>", 10000,
                                    "</capability></device>");
    g_autofree char *nested = repeat("<device>" PARENT, "<capability>", 3000, "</device>");
    g_autofree char *blanks = repeat("<device>", "          ", 1100000,
                                     PARENT CAPABILITY "</device>");

    (void)data;
    schema_expect(fixture, "11 MB of text", TRUE, name, strlen(name));
    schema_expect(fixture, "11 MB of blanks", TRUE, blanks, strlen(blanks));
    schema_expect(fixture, "10,000 attributes", TRUE, attrs, strlen(attrs));
    schema_expect(fixture, "3,000 levels", FALSE, nested, strlen(nested));
}


/* --- generated ------------------------------------------------------------------------------- */

/* Adds each of @optional with the chance of one half. */
static void
add_some(SchemaFixture *fixture, GPtrArray *parts, const char *const *optional)
{
    for (; *optional; optional++) {
        if (schema_below(fixture, 2))
            g_ptr_array_add(parts, g_strdup(*optional));
    }
}


/* A document that is right but for the values of its attributes, perhaps: all optional parts in
 * any order. @good: only values that are right. */
static char *
generate(SchemaFixture *fixture, gboolean good)
{
    static const char *const in_capability[] = {
        "<uuid>" UUID "</uuid>", "<parent_addr>matrix</parent_addr>", "<iommuGroup number='0'/>",
        NULL,
    };
    static const char *const in_device[] = {
        "<name>a</name>", "<path>/sys</path>", "<devnode type='dev'>/dev/a</devnode>",
        "<devnode type='link'/>", "<driver><name>a</name></driver>", NULL,
    };
    g_autoptr(GPtrArray) inner = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) outer = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) capability = g_string_new("<capability type=\"mdev\">");
    GString *text = g_string_new("<device>");

    g_ptr_array_add(inner, g_strdup(TYPE));
    add_some(fixture, inner, in_capability);
    for (guint n = schema_below(fixture, 6); n > 0; n--) {
        guint i = schema_below(fixture, G_N_ELEMENTS(steps));

        if (!good || steps[i].accepted)
            g_ptr_array_add(inner, g_strdup_printf("<attr value='%s' name='%s'/>", steps[i].value,
                                                   steps[i].name));
    }
    schema_append_parts(fixture, capability, inner);
    g_string_append(capability, "</capability>");
    g_ptr_array_add(outer, g_strdup(PARENT));
    g_ptr_array_add(outer, g_strdup(capability->str));
    add_some(fixture, outer, in_device);
    schema_append_parts(fixture, text, outer);
    g_string_append(text, "</device>");
    return g_string_free(text, FALSE);
}


static void
test_generated_documents(SchemaFixture *fixture, gconstpointer data)
{
    (void)data;
    for (guint i = 0; i < 2000; i++) {
        g_autofree char *good = generate(fixture, TRUE);
        g_autofree char *mixed = generate(fixture, FALSE);

        schema_expect(fixture, "generated, good values", TRUE, good, strlen(good));
        schema_compare(fixture, "generated, any values", mixed, strlen(mixed));
    }
    g_assert_cmpuint(fixture->accepted, >, 2500);
    g_assert_cmpuint(fixture->refused, >, 200);
}


int
main(int argc, char **argv)
{
    static const char *const words[] = {
        "device", "name", "path", "devnode", "parent", "driver", "capability", "type", "uuid",
        "parent_addr", "iommuGroup", "attr", "number", "id", "value", "mdev", "dev", "link",
        "ap_matrix", "computer", "matrix", "vfio_ap-passthrough", "assign_adapter", "ap_config",
        "x", UUID, "0", "5", "0xff", "0x1,0x2,0x3", NULL,
    };
    static const SchemaKind kind = {
        .file = "nodedev-ap.rng",
        .words = words,
        .parser_accepts = parser_accepts,
        .only_parser_knows = has_long_value,
        .load = load_documents,
    };

    g_test_init(&argc, &argv, NULL);
    schema_add("/nodedev-schema/what-the-kernel-takes-of-a-value", &kind, test_step_values);
    schema_add("/nodedev-schema/a-value-is-no-longer-than-a-page", &kind, test_long_values);
    schema_add("/nodedev-schema/each-document-of-the-table", &kind, test_documents);
    schema_add("/nodedev-schema/encodings", &kind, test_encodings);
    schema_add("/nodedev-schema/large-documents", &kind, test_large_documents);
    schema_add("/nodedev-schema/generated-documents", &kind, test_generated_documents);
    schema_add("/nodedev-schema/cut-at-every-byte", &kind, schema_test_cut);
    schema_add("/nodedev-schema/blanks-at-every-byte", &kind, schema_test_blanks);
    schema_add("/nodedev-schema/flipped-bytes", &kind, schema_test_flipped);
    schema_add("/nodedev-schema/mutated-trees", &kind, schema_test_mutated);
    return g_test_run();
}
