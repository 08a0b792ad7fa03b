/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What domain XML gives QEMU behind libvirt's back. */
#include "conf/ap_domain_bypass.h"

#include <string.h>

#include "conf/ap_xml.h"

#define ESCAPE_LENGTH strlen("\\u0000")


void
ap_domain_bypass_free(ApDomainBypass *bypass)
{
    if (!bypass)
        return;
    g_free(bypass->alias);
    g_free(bypass->what);
    g_free(bypass);
}


/* Takes over @alias and @what. */
static void
add(GPtrArray *bypasses, const xmlNode *node, char *alias, char *what)
{
    ApDomainBypass *bypass = g_new0(ApDomainBypass, 1);

    bypass->line = xmlGetLineNo(node);
    bypass->alias = alias;
    bypass->what = what;
    g_ptr_array_add(bypasses, bypass);
}


/* The character of a JSON escape, "\u002d" is '-'; 0 if @text begins with none of ASCII. */
static char
read_escape(const char *text)
{
    static const char zeros[] = "\\u00";

    if (strncmp(text, zeros, strlen(zeros)) != 0 || !g_ascii_isxdigit(text[4]) ||
        !g_ascii_isxdigit(text[5]))
        return '\0';
    return g_ascii_xdigit_value(text[4]) << 4 | g_ascii_xdigit_value(text[5]);
}


/* QEMU reads an argument that begins with a brace as JSON, and what is escaped there. */
static char *
unescape(const char *text)
{
    GString *result = g_string_new(NULL);

    while (*text) {
        char c = read_escape(text);

        g_string_append_c(result, c ? c : *text);
        text += c ? ESCAPE_LENGTH : 1;
    }
    return g_string_free(result, FALSE);
}


static gboolean
speaks_of_ap(const char *text)
{
    g_autofree char *plain = unescape(text);

    return strstr(plain, "vfio-ap") || strstr(plain, "sysfsdev");
}


static void
find_arguments(const xmlNode *commandline, GPtrArray *bypasses)
{
    for (xmlNode *arg = commandline->children; arg; arg = arg->next) {
        g_autofree char *value = NULL;

        if (!ap_xml_is_of(arg, AP_DOMAIN_QEMU_NAMESPACE, "arg"))
            continue;
        value = ap_xml_get_attr(arg, "value");
        if (value && speaks_of_ap(value))
            add(bypasses, arg, NULL, g_steal_pointer(&value));
    }
}


static void
find_properties(const xmlNode *frontend, const char *alias, GPtrArray *bypasses)
{
    static const char *const chooses[] = { "sysfsdev", "fd", NULL };

    for (xmlNode *property = frontend->children; property; property = property->next) {
        g_autofree char *name = NULL;
        g_autofree char *value = NULL;

        if (!ap_xml_is_of(property, AP_DOMAIN_QEMU_NAMESPACE, "property"))
            continue;
        name = ap_xml_get_attr(property, "name");
        value = ap_xml_get_attr(property, "value");
        if (name && (g_strv_contains(chooses, name) || (value && speaks_of_ap(value))))
            add(bypasses, property, g_strdup(alias), g_steal_pointer(&name));
    }
}


static void
find_overrides(const xmlNode *override, GPtrArray *bypasses)
{
    for (xmlNode *device = override->children; device; device = device->next) {
        g_autofree char *alias = NULL;

        if (!ap_xml_is_of(device, AP_DOMAIN_QEMU_NAMESPACE, "device"))
            continue;
        alias = ap_xml_get_attr(device, "alias");
        for (xmlNode *child = device->children; child; child = child->next) {
            if (ap_xml_is_of(child, AP_DOMAIN_QEMU_NAMESPACE, "frontend"))
                find_properties(child, alias ? alias : "", bypasses);
        }
    }
}


void
ap_domain_bypass_find(const xmlNode *domain, GPtrArray *bypasses)
{
    for (const xmlNode *child = domain->children; child; child = child->next) {
        if (ap_xml_is_of(child, AP_DOMAIN_QEMU_NAMESPACE, "commandline"))
            find_arguments(child, bypasses);
        else if (ap_xml_is_of(child, AP_DOMAIN_QEMU_NAMESPACE, "override"))
            find_overrides(child, bypasses);
    }
}
