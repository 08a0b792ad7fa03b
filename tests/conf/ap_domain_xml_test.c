/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Domain XML: what is read of it, and what a capture keeps. */
#include "conf/ap_domain_xml.h"

#include "ap_test.h"

#define UUID_A "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
#define UUID_B "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
#define HOSTDEV(type, model, uuid)                                                                 \
    "<hostdev mode='subsystem' type='" type "' model='" model "'><source><address uuid='" uuid     \
    "'/></source></hostdev>"
#define STATUS(attrs) "<domstatus " attrs "><domain><name>g</name></domain></domstatus>"

static const char *const bad[] = {
    "",
    "<domain>",
    "<network/>",
    "<domstatus state='running' pid='5'/>",
    "<domain/>",
    "<domain><name/></domain>",
    "<domain xmlns='urn:x'><name>g</name></domain>",
    "<domain><name>g</name><uuid>5</uuid></domain>",
    "<!DOCTYPE domain [<!ENTITY a 'b'>]><domain><name>g</name></domain>",
};


/* It may run all the same. */
static void
test_a_state_that_is_not_known_is_no_error(void)
{
    static const struct {
        const char *text;
        const char *state;
        int pid;
    } cases[] = {
        { STATUS("state='running'"), "running", 0 },
        { STATUS("state='running' pid='0'"), "running", 0 },
        { STATUS("state='running' pid='x'"), "running", 0 },
        { STATUS("state='asleep' pid='5'"), "asleep", 5 },
        { STATUS("state='' pid='5'"), "", 5 },
        { STATUS("pid='5'"), "unknown", 5 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(ApDomainDef) def =
            ap_domain_xml_parse(cases[i].text, strlen(cases[i].text), NULL);

        g_assert_nonnull(def);
        g_assert_cmpstr(def->state, ==, cases[i].state);
        g_assert_cmpint(def->pid, ==, cases[i].pid);
    }
}


static void
test_what_is_no_guest_is_refused(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_test_message("%s", bad[i]);
        g_assert_null(ap_domain_xml_parse(bad[i], strlen(bad[i]), &error));
        assert_error(&error, AP_ERROR_XML);
        g_assert_null(ap_domain_xml_strip(bad[i], strlen(bad[i]), &error));
        assert_error(&error, AP_ERROR_XML);
    }
}


/* 10 times as much for each entity: who expands them does not come back. */
static void
test_entities_do_not_grow(void)
{
    g_autoptr(GString) text = g_string_new("<!DOCTYPE domain [<!ENTITY e0 'xxxxxxxxxx'>");
    g_autoptr(GError) error = NULL;

    for (guint i = 1; i <= 12; i++) {
        g_string_append_printf(text, "<!ENTITY e%u '", i);
        for (guint k = 0; k < 10; k++)
            g_string_append_printf(text, "&e%u;", i - 1);
        g_string_append(text, "'>");
    }
    g_string_append(text, "]><domain type='&e12;'><name>g</name></domain>");
    g_assert_null(ap_domain_xml_parse(text->str, text->len, &error));
    g_assert_nonnull(strstr(error->message, "DOCTYPE"));
    assert_error(&error, AP_ERROR_XML);
}


static void
test_states_are_virshs(void)
{
    static const char *const cases[][2] = {
        { "nostate", "no state" },    { "running", "running" },   { "blocked", "idle" },
        { "paused", "paused" },       { "shutdown", "in shutdown" }, { "shutoff", "shut off" },
        { "crashed", "crashed" },     { "pmsuspended", "pmsuspended" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strdup_printf(
            "<domstatus state='%s' reason='booted' pid='4711'><domain><name>g</name></domain>"
            "</domstatus>",
            cases[i][0]);
        g_autoptr(ApDomainDef) def = ap_domain_xml_parse(text, strlen(text), NULL);

        g_assert_cmpstr(def->state, ==, cases[i][1]);
        g_assert_cmpint(def->pid, ==, 4711);
    }
}


static void
test_only_vfio_ap_hostdevs_are_taken(void)
{
    const char *text =
        "<domain type='kvm'><name>p&amp;q</name>"
        "<uuid>\nAAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA\n</uuid>"
        "<devices>" HOSTDEV("mdev", "vfio-ccw", UUID_A) HOSTDEV("mdev", "vfio-ap", UUID_B)
        HOSTDEV("pci", "vfio-ap", "x")
        HOSTDEV("mdev", "vfio-ap", "AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA")
        "</devices><metadata><devices>" HOSTDEV("mdev", "vfio-ap", "x") "</devices></metadata>"
        "</domain>";
    g_autoptr(GError) error = NULL;
    g_autoptr(ApDomainDef) def = ap_domain_xml_parse(text, strlen(text), &error);

    g_assert_no_error(error);
    g_assert_cmpstr(def->name, ==, "p&q");
    g_assert_cmpstr(def->uuid, ==, UUID_A);
    g_assert_cmpstr(def->state, ==, "shut off");
    g_assert_cmpint(def->pid, ==, 0);
    g_assert_cmpuint(def->mdevs->len, ==, 2);
    g_assert_cmpstr(def->mdevs->pdata[0], ==, UUID_B);
    g_assert_cmpstr(def->mdevs->pdata[1], ==, UUID_A);
}


/* Everything that is not kept holds the word SECRET. */
static const char full[] =
    "<?xml version='1.0'?><!-- SECRET --><?pi SECRET?>"
    "<domstatus state='paused' reason='user' pid='77'>"
    "<monitor path='SECRET'/><vcpus>SECRET</vcpus>"
    "<domain type='kvm' id='3' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
    "<!-- SECRET --><name>g</name><uuid>" UUID_A "</uuid><title>SECRET</title>"
    "<description>SECRET</description>"
    "<metadata><x:y xmlns:x='urn:x'>SECRET</x:y>"
    "<ap:matrix xmlns:ap='urn:libvirt-ap:domain:1'><ap:adapter id='0x05'/></ap:matrix></metadata>"
    "<os><type arch='s390x'>hvm</type><kernel>SECRET</kernel><cmdline>SECRET</cmdline></os>"
    "<cpu mode='host-model'><!-- SECRET --><feature name='ap' policy='require'/></cpu>"
    "<devices>"
    "<disk type='network'><auth username='SECRET'><secret usage='SECRET'/></auth></disk>"
    "<graphics type='vnc' passwd='SECRET'/>"
    "<hostdev mode='subsystem' type='pci'><source>SECRET</source></hostdev>"
    HOSTDEV("mdev", "vfio-ap", UUID_B) "</devices>"
    "<qemu:commandline><qemu:arg value='SECRET'/></qemu:commandline>"
    "<launchSecurity type='s390-pv'><x>SECRET</x></launchSecurity>"
    "<launchSecurity type='sev'><session>SECRET</session></launchSecurity>"
    "</domain></domstatus>";


static void
test_a_capture_keeps_no_secret(void)
{
    static const char *const kept[] = { "state=\"paused\"", "pid=\"77\"", "type=\"kvm\"",
                                        "<name>g</name>", UUID_A, UUID_B, "hvm", "host-model",
                                        "name=\"ap\"", "id=\"0x05\"", "type=\"s390-pv\"" };
    g_autoptr(GError) error = NULL;
    g_autofree char *text = ap_domain_xml_strip(full, strlen(full), &error);
    g_autoptr(ApDomainDef) def = NULL;

    g_assert_no_error(error);
    g_assert_null(strstr(text, "SECRET"));
    for (gsize i = 0; i < G_N_ELEMENTS(kept); i++) {
        g_test_message("%s", kept[i]);
        g_assert_nonnull(strstr(text, kept[i]));
    }
    def = ap_domain_xml_parse(text, strlen(text), &error);
    g_assert_no_error(error);
    g_assert_cmpstr(def->state, ==, "paused");
    g_assert_cmpstr(def->mdevs->pdata[0], ==, UUID_B);
    g_assert_true(def->is_secure);
}


static void
test_what_the_cpu_hides_is_known(void)
{
#define CPU(attrs, inside) "<cpu " attrs ">" inside "</cpu>"
#define ON(name) "<feature policy='require' name='" name "'/>"
#define OFF(name) "<feature policy='disable' name='" name "'/>"
#define SECURE "<launchSecurity type='s390-pv'/>"
    static const struct {
        const char *xml;
        ApGuestView view;
    } cases[] = {
        { "", 0 },
        { CPU("mode='host-model'", ""), 0 },
        { CPU("mode='host-model'", OFF("apft")), AP_VIEW_NO_APFT },
        { CPU("mode='host-passthrough'", OFF("apqci")), AP_VIEW_NO_APQCI },
        { CPU("", "<model>z14</model>" ON("ap")), AP_VIEW_NO_APFT | AP_VIEW_NO_APQCI },
        { CPU("", "<model>z14</model>" ON("ap") ON("apft") ON("apqci")), 0 },
        { CPU("", "<model>z14</model>" ON("apft")), 0 },
        { SECURE, AP_VIEW_SECURE },
        { SECURE CPU("mode='host-model'", OFF("appv")), AP_VIEW_SECURE | AP_VIEW_NO_APPV },
        { "<launchSecurity type='sev'/>", 0 },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text =
            g_strconcat("<domain type='kvm'><name>g</name>", cases[i].xml, "</domain>", NULL);
        g_autoptr(ApDomainDef) def = ap_domain_xml_parse(text, strlen(text), NULL);

        g_test_message("%s", cases[i].xml);
        g_assert_cmpuint(ap_domain_def_get_view(def), ==, cases[i].view);
    }
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/domain-xml/a-state-that-is-not-known-is-no-error",
                    test_a_state_that_is_not_known_is_no_error);
    g_test_add_func("/domain-xml/what-is-no-guest-is-refused", test_what_is_no_guest_is_refused);
    g_test_add_func("/domain-xml/entities-do-not-grow", test_entities_do_not_grow);
    g_test_add_func("/domain-xml/what-the-cpu-hides-is-known", test_what_the_cpu_hides_is_known);
    g_test_add_func("/domain-xml/states-are-virshs", test_states_are_virshs);
    g_test_add_func("/domain-xml/only-vfio-ap-hostdevs-are-taken",
                    test_only_vfio_ap_hostdevs_are_taken);
    g_test_add_func("/domain-xml/a-capture-keeps-no-secret", test_a_capture_keeps_no_secret);
    return g_test_run();
}
