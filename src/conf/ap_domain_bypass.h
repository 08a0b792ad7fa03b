/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What domain XML gives QEMU behind libvirt's back: <qemu:commandline> and <qemu:override>. Neither
 * libvirt nor we know what a device takes that comes that way. */
#pragma once

#include <libxml/tree.h>

#include <glib.h>

#define AP_DOMAIN_QEMU_NAMESPACE "http://libvirt.org/schemas/domain/qemu/1.0"

/**
 * ApDomainBypass:
 * @line: where it stands
 * @alias: (nullable): alias of the device whose property is overridden; NULL: an argument of the
 *   command line
 * @what: the argument, or the property's name
 */
typedef struct {
    long line;
    char *alias;
    char *what;
} ApDomainBypass;

/**
 * ap_domain_bypass_find:
 * @domain: a <domain> element
 * @bypasses: (element-type ApDomainBypass): where to add what is found
 *
 * Finds arguments and overridden properties that speak of vfio-ap, or that choose what a device
 * opens.
 */
void
ap_domain_bypass_find(const xmlNode *domain, GPtrArray *bypasses);

/**
 * ap_domain_bypass_free:
 * @bypass: (nullable): a bypass
 */
void
ap_domain_bypass_free(ApDomainBypass *bypass);
