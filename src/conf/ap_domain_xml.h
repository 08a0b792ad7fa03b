/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What we need of libvirt's domain XML, persistent or status. */
#pragma once

#include <glib.h>

#define AP_DOMAIN_NAMESPACE "urn:libvirt-ap:domain:1"

/**
 * ApDomainDef:
 * @name: the guest's name
 * @uuid: its UUID in lower case
 * @state: as virsh prints it ("running", "shut off"); "shut off" of persistent XML
 * @pid: (status XML) QEMU's process id, else 0
 * @mdevs: (element-type utf8): UUIDs of its mdev hostdevs of model vfio-ap, in lower case, in the
 *   document's order
 */
typedef struct {
    char *name;
    char *uuid;
    char *state;
    int pid;
    GPtrArray *mdevs;
} ApDomainDef;

/**
 * ap_domain_xml_parse:
 * @text: a document with the root <domain> or <domstatus>
 * @length: its length in bytes
 * @error: return location
 *
 * Whatever is not ours is left alone.
 *
 * Errors: AP_ERROR_XML, and the message gives the line.
 *
 * Returns: (nullable): the guest; the caller frees it with ap_domain_def_free().
 */
ApDomainDef *
ap_domain_xml_parse(const char *text, gsize length, GError **error);

/**
 * ap_domain_xml_strip:
 * @text: a document with the root <domain> or <domstatus>
 * @length: its length in bytes
 * @error: return location
 *
 * Keeps name, uuid, type, os/type, cpu, the mdev hostdevs, our metadata and the state; everything
 * else can hold passwords.
 *
 * Errors: AP_ERROR_XML.
 *
 * Returns: (nullable): the document that is left; the caller frees it.
 */
char *
ap_domain_xml_strip(const char *text, gsize length, GError **error);

/**
 * ap_domain_def_free:
 * @def: (nullable): a guest
 */
void
ap_domain_def_free(ApDomainDef *def);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApDomainDef, ap_domain_def_free)
