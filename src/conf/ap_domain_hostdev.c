/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The <hostdev> of domain XML. */
#include "conf/ap_domain_hostdev.h"

#include <string.h>

#include "conf/ap_xml.h"


char *
ap_domain_user_alias(xmlNode *node)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_-";
    xmlNode *alias = ap_xml_find(node, "alias");
    g_autofree char *name = alias ? ap_xml_get_attr(alias, "name") : NULL;

    if (!name || !g_str_has_prefix(name, "ua-") || name[strspn(name, allowed)] != '\0')
        return NULL;
    return g_steal_pointer(&name);
}


/* XPath ./source/address: of several sources the first that has one counts. */
static void
read_source(ApDomainHostdev *hostdev, xmlNode *node)
{
    for (xmlNode *child = node->children; child && !hostdev->has_address; child = child->next) {
        xmlNode *address;

        if (!ap_xml_is(child, "source"))
            continue;
        hostdev->has_source = TRUE;
        address = ap_xml_find(child, "address");
        if (!address)
            continue;
        hostdev->has_address = TRUE;
        hostdev->uuid_text = ap_xml_get_attr(address, "uuid");
        hostdev->uuid = hostdev->uuid_text ? ap_xml_uuid_parse(hostdev->uuid_text) : NULL;
    }
}


ApDomainHostdev *
ap_domain_hostdev_new(xmlNode *node)
{
    ApDomainHostdev *hostdev = g_new0(ApDomainHostdev, 1);
    xmlNode *address = ap_xml_find(node, "address");

    hostdev->line = xmlGetLineNo(node);
    hostdev->is_interface = ap_xml_is(node, "interface");
    hostdev->mode = ap_xml_get_attr(node, "mode");
    hostdev->type = ap_xml_get_attr(node, "type");
    hostdev->model = ap_xml_get_attr(node, "model");
    hostdev->managed = ap_xml_get_attr(node, "managed");
    hostdev->display = ap_xml_get_attr(node, "display");
    hostdev->ramfb = ap_xml_get_attr(node, "ramfb");
    read_source(hostdev, node);
    hostdev->has_boot = ap_xml_find(node, "boot") != NULL;
    hostdev->has_teaming = ap_xml_find(node, "teaming") != NULL;
    hostdev->has_guest_address = address != NULL;
    hostdev->address_type = address ? ap_xml_get_attr(address, "type") : NULL;
    hostdev->user_alias = ap_domain_user_alias(node);
    return hostdev;
}


void
ap_domain_hostdev_free(ApDomainHostdev *hostdev)
{
    if (!hostdev)
        return;
    g_free(hostdev->mode);
    g_free(hostdev->type);
    g_free(hostdev->model);
    g_free(hostdev->managed);
    g_free(hostdev->display);
    g_free(hostdev->ramfb);
    g_free(hostdev->uuid_text);
    g_free(hostdev->uuid);
    g_free(hostdev->address_type);
    g_free(hostdev->user_alias);
    g_free(hostdev);
}


char *
ap_domain_hostdev_format(const char *uuid)
{
    return g_strdup_printf("<hostdev mode='subsystem' type='mdev' model='vfio-ap'>\n"
                           "  <source>\n"
                           "    <address uuid='%s'/>\n"
                           "  </source>\n"
                           "</hostdev>",
                           uuid);
}


gboolean
ap_domain_hostdev_is_ap(const ApDomainHostdev *hostdev)
{
    return !hostdev->is_interface && g_strcmp0(hostdev->type, "mdev") == 0 &&
           g_strcmp0(hostdev->model, "vfio-ap") == 0;
}


gboolean
ap_domain_hostdev_means_ap(const ApDomainHostdev *hostdev)
{
    static const char *const others[] = { "vfio-pci", "vfio-ccw", NULL };
    const char *model = hostdev->model;

    if (hostdev->is_interface)
        return FALSE;
    if (model && (g_str_has_prefix(model, "vfio-ap") || g_str_has_prefix(model, "vfio_ap")))
        return TRUE;
    return g_strcmp0(hostdev->type, "mdev") == 0 && !(model && g_strv_contains(others, model));
}
