/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What we need of libvirt's domain XML. */
#include "conf/ap_domain_xml.h"

#include <string.h>

#include "conf/ap_xml.h"
#include "util/ap_error.h"
#include "util/ap_id.h"

/* virDomainState in status XML, and what virsh makes of it (tools/virsh-domain-monitor.c). */
static const struct {
    const char *xml;
    const char *virsh;
} states[] = {
    { "nostate", "no state" },     { "running", "running" },   { "blocked", "idle" },
    { "paused", "paused" },        { "shutdown", "in shutdown" }, { "shutoff", "shut off" },
    { "crashed", "crashed" },      { "pmsuspended", "pmsuspended" },
};


static void
os_free(ApDomainOs *os)
{
    if (!os)
        return;
    g_free(os->type);
    g_free(os->arch);
    g_free(os->machine);
    g_free(os);
}


void
ap_domain_def_free(ApDomainDef *def)
{
    if (!def)
        return;
    g_free(def->type);
    g_free(def->name);
    g_free(def->file);
    g_free(def->stray_name);
    g_free(def->uuid);
    g_free(def->state);
    g_ptr_array_unref(def->mdevs);
    g_ptr_array_unref(def->hostdevs);
    g_ptr_array_unref(def->bypasses);
    os_free(def->os);
    ap_domain_cpu_free(def->cpu);
    g_free(def->twice_alias);
    g_free(def->pool.name);
    g_clear_error(&def->matrix_error);
    g_free(def);
}


static gboolean
read_name(ApDomainDef *def, xmlNode *domain, GError **error)
{
    xmlNode *name = ap_xml_find(domain, "name");
    xmlNode *uuid = ap_xml_find(domain, "uuid");
    g_autofree char *uuid_text = uuid ? ap_xml_get_text(uuid) : NULL;

    def->name = name ? ap_xml_get_text(name) : NULL;
    if (!def->name || def->name[0] == '\0') {
        ap_xml_set_error(error, domain, "<domain> lacks a <name>\nadd <name>NAME</name>");
        return FALSE;
    }
    /* XML that was never defined may leave the uuid to libvirt. */
    if (!uuid_text)
        return TRUE;
    if (g_strstrip(uuid_text)[0] == '\0')
        return TRUE;
    def->uuid = ap_xml_uuid_parse(uuid_text);
    if (!def->uuid) {
        g_autofree char *printable = ap_text_printable(uuid_text);

        ap_xml_set_error(error, uuid, "'%s' is not a UUID\n"
                         "leave <uuid> out, and libvirt makes one", printable);
        return FALSE;
    }
    return TRUE;
}


static void
add_hostdev(ApDomainDef *def, xmlNode *node)
{
    ApDomainHostdev *hostdev = ap_domain_hostdev_new(node);

    g_ptr_array_add(def->hostdevs, hostdev);
    if (!ap_domain_hostdev_is_ap(hostdev) || !hostdev->uuid)
        return;
    g_ptr_array_add(def->mdevs, g_strdup(hostdev->uuid));
}


static gboolean
is_hostdev_interface(xmlNode *node)
{
    g_autofree char *type = ap_xml_is(node, "interface") ? ap_xml_get_attr(node, "type") : NULL;

    return g_strcmp0(type, "hostdev") == 0;
}


static gboolean
is_hostdev(xmlNode *node)
{
    return ap_xml_is(node, "hostdev");
}


/* XPath ./devices/hostdev: there may be several <devices>. */
static void
add_hostdevs(ApDomainDef *def, xmlNode *domain, gboolean (*is_wanted)(xmlNode *))
{
    for (xmlNode *devices = domain->children; devices; devices = devices->next) {
        xmlNode *child = ap_xml_is(devices, "devices") ? devices->children : NULL;

        for (; child; child = child->next) {
            if (is_wanted(child))
                add_hostdev(def, child);
        }
    }
}


static void
read_aliases(ApDomainDef *def, xmlNode *domain)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (xmlNode *devices = domain->children; devices; devices = devices->next) {
        xmlNode *child = ap_xml_is(devices, "devices") ? devices->children : NULL;

        for (; child; child = child->next) {
            g_autofree char *alias =
                child->type == XML_ELEMENT_NODE ? ap_domain_user_alias(child) : NULL;

            if (!alias)
                continue;
            if (!def->twice_alias && g_hash_table_contains(seen, alias)) {
                def->twice_line = xmlGetLineNo(child);
                def->twice_alias = g_strdup(alias);
            }
            g_hash_table_add(seen, g_steal_pointer(&alias));
        }
    }
}


static void
read_os(ApDomainDef *def, xmlNode *node)
{
    ApDomainOs *os = g_new0(ApDomainOs, 1);
    xmlNode *type = ap_xml_find(node, "type");

    def->os = os;
    os->line = xmlGetLineNo(type ? type : node);
    os->has_boot = ap_xml_find(node, "boot") != NULL;
    if (!type)
        return;
    os->type = ap_xml_get_text(type);
    os->arch = ap_xml_get_attr(type, "arch");
    os->machine = ap_xml_get_attr(type, "machine");
}


static gboolean
is_qemu(const xmlNode *node, const char *name)
{
    return ap_xml_is_of(node, AP_DOMAIN_QEMU_NAMESPACE, name);
}


/* What <qemu:add> gives and <qemu:del> takes, is taken (qemuProcessStartUpdateCustomCaps()). */
static void
read_capabilities(ApDomainDef *def, const xmlNode *capabilities)
{
    for (xmlNode *child = capabilities->children; child; child = child->next) {
        g_autofree char *name = NULL;

        if (!is_qemu(child, "del") && !is_qemu(child, "add"))
            continue;
        name = ap_xml_get_attr(child, "capability");
        if (!name || name[0] == '\0')
            def->capabilities.line = xmlGetLineNo(child);
        if (is_qemu(child, "add"))
            continue;
        def->capabilities.no_json |= g_strcmp0(name, "device.json+hotplug") == 0;
        def->capabilities.no_vfio_ap |= g_strcmp0(name, "vfio-ap") == 0;
    }
}


static void
read_metadata(ApDomainDef *def, xmlNode *domain)
{
    xmlNode *node = ap_domain_metadata_find(domain);
    const xmlNode *stray = ap_domain_metadata_find_stray(domain);

    if (stray) {
        def->stray_line = xmlGetLineNo(stray);
        def->stray_name = ap_domain_metadata_name(stray);
    }
    if (!node)
        return;
    def->metadata_line = xmlGetLineNo(node);
    ap_domain_metadata_parse(node, &def->matrix, &def->pool, &def->matrix_error);
}


static gboolean
has_secure_execution(xmlNode *domain)
{
    xmlNode *security = ap_xml_find(domain, "launchSecurity");
    g_autofree char *type = security ? ap_xml_get_attr(security, "type") : NULL;

    return g_strcmp0(type, "s390-pv") == 0;
}


static gboolean
means_ap(xmlNode *node)
{
    g_autoptr(ApDomainHostdev) hostdev = ap_domain_hostdev_new(node);

    return ap_domain_hostdev_means_ap(hostdev);
}


static void
read_settings(ApDomainDef *def, xmlNode *domain)
{
    xmlNode *os = ap_xml_find(domain, "os");
    xmlNode *cpu = ap_xml_find(domain, "cpu");

    def->line = xmlGetLineNo(domain);
    def->type = ap_xml_get_attr(domain, "type");
    if (os)
        read_os(def, os);
    if (cpu)
        def->cpu = ap_domain_cpu_new(cpu);
    for (xmlNode *child = domain->children; child; child = child->next) {
        if (is_qemu(child, "capabilities"))
            read_capabilities(def, child);
        if (ap_xml_is(child, "hostdev") && means_ap(child))
            def->outside_line = xmlGetLineNo(child);
    }
    def->is_secure = has_secure_execution(domain);
    read_aliases(def, domain);
    ap_domain_bypass_find(domain, def->bypasses);
    read_metadata(def, domain);
}


/* A state that a newer libvirt has, or a process id that cannot be read, does not mean that the
 * guest has ended. */
static void
read_status(ApDomainDef *def, xmlNode *status)
{
    g_autofree char *state = ap_xml_get_attr(status, "state");
    g_autofree char *pid = ap_xml_get_attr(status, "pid");

    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        if (g_strcmp0(state, states[i].xml) == 0)
            def->state = g_strdup(states[i].virsh);
    }
    if (!def->state)
        def->state = state ? ap_text_printable(state) : g_strdup("unknown");
    if (!pid || !ap_pid_parse(pid, &def->pid))
        def->pid = 0;
}


ApDomainDef *
ap_domain_xml_parse(const char *text, gsize length, GError **error)
{
    g_autoptr(xmlDoc) doc = ap_xml_parse(text, length, error);
    g_autoptr(ApDomainDef) def = g_new0(ApDomainDef, 1);
    xmlNode *root;
    xmlNode *domain;

    def->mdevs = g_ptr_array_new_with_free_func(g_free);
    def->bypasses = g_ptr_array_new_with_free_func((GDestroyNotify)ap_domain_bypass_free);
    def->hostdevs = g_ptr_array_new_with_free_func((GDestroyNotify)ap_domain_hostdev_free);
    if (!doc)
        return NULL;
    root = xmlDocGetRootElement(doc);
    domain = ap_xml_is(root, "domstatus") ? ap_xml_find(root, "domain") : root;
    if (!domain || !ap_xml_is(domain, "domain")) {
        ap_xml_set_error(error, root,
                         "the root is <%s>%s%s: wanted <domain> or <domstatus>\n"
                         "give the whole document, as virsh dumpxml prints it",
                         root->name, root->ns ? " of namespace " : "",
                         root->ns ? (const char *)root->ns->href : "");
        return NULL;
    }
    if (domain != root)
        read_status(def, root);
    if (!def->state)
        def->state = g_strdup("shut off");
    if (!read_name(def, domain, error))
        return NULL;
    add_hostdevs(def, domain, is_hostdev_interface);
    add_hostdevs(def, domain, is_hostdev);
    read_settings(def, domain);
    return g_steal_pointer(&def);
}


const ApDomainHostdev *
ap_domain_def_find_ap(const ApDomainDef *def, guint n)
{
    for (guint i = 0; i < def->hostdevs->len; i++) {
        const ApDomainHostdev *hostdev = def->hostdevs->pdata[i];

        if (ap_domain_hostdev_is_ap(hostdev) && n-- == 0)
            return hostdev;
    }
    return NULL;
}


gboolean
ap_domain_def_is_ap_feature(const ApDomainDef *def, const ApDomainFeature *feature)
{
    const char *arch = def->os ? def->os->arch : NULL;
    const char *name = feature->name ? feature->name : "";

    if (arch ? strcmp(arch, "s390x") != 0 : strcmp(name, "apic") == 0)
        return FALSE;
    return g_str_has_prefix(name, "ap");
}


static gboolean
has_ap_feature(const ApDomainDef *def)
{
    for (guint i = 0; def->cpu && i < def->cpu->features->len; i++) {
        if (ap_domain_def_is_ap_feature(def, def->cpu->features->pdata[i]))
            return TRUE;
    }
    return FALSE;
}


gboolean
ap_domain_def_concerns_ap(const ApDomainDef *def)
{
    if (def->metadata_line > 0 || def->stray_line > 0 || def->outside_line > 0)
        return TRUE;
    for (guint i = 0; i < def->hostdevs->len; i++) {
        if (ap_domain_hostdev_means_ap(def->hostdevs->pdata[i]))
            return TRUE;
    }
    return has_ap_feature(def);
}


static gboolean
lacks_feature(const ApDomainDef *def, const char *name)
{
    const ApDomainFeature *feature = ap_domain_cpu_find_feature(def->cpu, name);

    return feature ? !ap_domain_feature_is_on(feature) : ap_domain_cpu_is_custom(def->cpu);
}


gboolean
ap_domain_def_has_matrix(const ApDomainDef *def)
{
    return def->metadata_line > 0 && !def->matrix_error &&
           (!def->pool.name || !ap_mask_is_empty(&def->matrix.adapters));
}


ApGuestView
ap_domain_def_get_view(const ApDomainDef *def)
{
    ApGuestView view = def->is_secure ? AP_VIEW_SECURE : 0;

    /* Then it has no AP at all, and nothing else matters. */
    if (lacks_feature(def, "ap"))
        return view;
    if (lacks_feature(def, "apft"))
        view |= AP_VIEW_NO_APFT;
    if (lacks_feature(def, "apqci"))
        view |= AP_VIEW_NO_APQCI;
    if (def->is_secure && lacks_feature(def, "appv"))
        view |= AP_VIEW_NO_APPV;
    return view;
}
