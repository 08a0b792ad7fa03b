/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The <hostdev> of domain XML: those of model vfio-ap, and how libvirt names them among the
 * others. */
#pragma once

#include <libxml/tree.h>

#include <glib.h>

/**
 * ApDomainHostdev:
 * @line: where it stands
 * @is_interface: whether it is an <interface type='hostdev'>, which libvirt counts as a host
 *   device too
 * @mode: (nullable): "subsystem" or "capabilities"; NULL means "subsystem"
 * @type: (nullable): "mdev", "pci", ...
 * @model: (nullable): of type mdev: "vfio-ap", "vfio-ccw", "vfio-pci"
 * @managed: (nullable): "yes" or "no"; without meaning for an mdev
 * @display: (nullable): "on" or "off"
 * @ramfb: (nullable): "on" or "off"
 * @has_source: whether there is a <source>
 * @has_address: whether there is an <address> in it
 * @uuid_text: (nullable): UUID of the mdev as the document has it
 * @uuid: (nullable): the same as libvirt reads it, in lower case; NULL if it is none
 * @has_boot: whether there is a <boot>
 * @has_teaming: whether there is a <teaming>
 * @has_guest_address: whether there is an <address> of the device in the guest
 * @address_type: (nullable): its type
 * @user_alias: (nullable): an alias that the user gave it, "ua-..."
 *
 * Strings are as the document has them: whether libvirt takes them is qemu_ap_validate()'s
 * question.
 */
typedef struct {
    long line;
    gboolean is_interface;
    char *mode;
    char *type;
    char *model;
    char *managed;
    char *display;
    char *ramfb;
    gboolean has_source;
    gboolean has_address;
    char *uuid_text;
    char *uuid;
    gboolean has_boot;
    gboolean has_teaming;
    gboolean has_guest_address;
    char *address_type;
    char *user_alias;
} ApDomainHostdev;

/**
 * ap_domain_hostdev_new:
 * @node: a <hostdev> or <interface> element
 *
 * Returns: what it says; the caller frees it with ap_domain_hostdev_free().
 */
ApDomainHostdev *
ap_domain_hostdev_new(xmlNode *node);

/**
 * ap_domain_hostdev_free:
 * @hostdev: (nullable): a host device
 */
void
ap_domain_hostdev_free(ApDomainHostdev *hostdev);

/**
 * ap_domain_hostdev_format:
 * @uuid: UUID of an mdev
 *
 * Returns: the <hostdev> that gives the AP matrix to a guest, without a final newline; the caller
 *   frees it.
 */
char *
ap_domain_hostdev_format(const char *uuid);

/**
 * ap_domain_hostdev_is_ap:
 * @hostdev: a host device
 *
 * Returns: whether it is an mdev of model vfio-ap.
 */
gboolean
ap_domain_hostdev_is_ap(const ApDomainHostdev *hostdev);

/**
 * ap_domain_hostdev_means_ap:
 * @hostdev: a host device
 *
 * Returns: whether it is an mdev of model vfio-ap, or one that is misspelt or lacks its model: not
 *   what is clearly another device.
 */
gboolean
ap_domain_hostdev_means_ap(const ApDomainHostdev *hostdev);

/**
 * ap_domain_user_alias:
 * @node: an element of <devices>
 *
 * libvirt ignores an alias that does not begin with "ua-" or has other characters than letters,
 * digits, _ and - (virDomainDeviceInfoParseXML(), domain_conf.c).
 *
 * Returns: (nullable): the alias that the user gave the device; the caller frees it.
 */
char *
ap_domain_user_alias(xmlNode *node);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApDomainHostdev, ap_domain_hostdev_free)
