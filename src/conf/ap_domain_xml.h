/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What we need of libvirt's domain XML, persistent or status. */
#pragma once

#include "conf/ap_domain_bypass.h"
#include "conf/ap_domain_cpu.h"
#include "conf/ap_domain_hostdev.h"
#include "conf/ap_domain_metadata.h"
#include "conf/ap_guest_view.h"

/**
 * ApDomainOs:
 * @line: where it stands
 * @type: (nullable): "hvm"
 * @arch: (nullable): "s390x"; NULL means the host's
 * @machine: (nullable): "s390-ccw-virtio"; NULL means the architecture's default
 * @has_boot: whether it says what to boot from
 */
typedef struct {
    long line;
    char *type;
    char *arch;
    char *machine;
    gboolean has_boot;
} ApDomainOs;

/**
 * ApDomainCapabilities:
 * @line: where one is named that lacks its name; 0 where there is none
 * @no_json: whether <qemu:del> takes "device.json+hotplug" away: QEMU's legacy syntax
 * @no_vfio_ap: whether <qemu:del> takes "vfio-ap" away
 */
typedef struct {
    long line;
    gboolean no_json;
    gboolean no_vfio_ap;
} ApDomainCapabilities;

/**
 * ApDomainDef:
 * @line: where <domain> stands
 * @type: (nullable): "kvm", "qemu"
 * @name: the guest's name
 * @uuid: (nullable): its UUID in lower case
 * @state: as virsh prints it ("running", "shut off"); "shut off" of persistent XML; one that is not
 *   known as it stands there
 * @pid: (status XML) QEMU's process id, else 0; 0 also if it cannot be read
 * @mdevs: (element-type utf8): UUIDs of its mdev hostdevs of model vfio-ap, in lower case, in the
 *   document's order
 * @hostdevs: (element-type ApDomainHostdev): all host devices as libvirt counts them: interfaces
 *   of type hostdev first
 * @os: (nullable): its <os>
 * @cpu: (nullable): its <cpu>
 * @is_secure: whether it is an IBM Secure Execution guest: <launchSecurity type='s390-pv'/>
 * @bypasses: (element-type ApDomainBypass): what QEMU gets that libvirt does not know
 * @capabilities: QEMU capabilities that the document takes away
 * @twice_alias: (nullable): a user's alias that two devices have
 * @twice_line: where it stands for the second time
 * @file: (nullable): where the document was read, for messages; set by who reads it
 * @outside_line: where a <hostdev> that could be an AP matrix stands outside <devices>, where
 *   libvirt does not look; else 0
 * @stray_line: where our element stands in the wrong place or namespace; 0 if nowhere
 * @stray_name: (nullable): its name
 * @metadata_line: where our metadata element stands, 0 if there is none
 * @matrix: the matrix that it describes; empty while @pool is to give it
 * @pool: what it asks a pool for
 * @matrix_error: (nullable): why it describes none
 */
typedef struct {
    long line;
    char *type;
    char *name;
    char *uuid;
    char *state;
    int pid;
    GPtrArray *mdevs;
    GPtrArray *hostdevs;
    GPtrArray *bypasses;
    ApDomainOs *os;
    ApDomainCpu *cpu;
    gboolean is_secure;
    ApDomainCapabilities capabilities;
    char *twice_alias;
    long twice_line;
    char *file;
    long outside_line;
    long stray_line;
    char *stray_name;
    long metadata_line;
    ApMatrix matrix;
    ApDomainPool pool;
    GError *matrix_error;
} ApDomainDef;

/**
 * ap_domain_xml_parse:
 * @text: a document with the root <domain> or <domstatus>
 * @length: its length in bytes
 * @error: return location
 *
 * Whatever is not ours is left alone. What libvirt would refuse is not judged here.
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
 * ap_domain_def_find_ap:
 * @def: a guest
 * @n: 0 for the first
 *
 * Returns: (nullable): its @n-th vfio-ap hostdev, borrowed from @def.
 */
const ApDomainHostdev *
ap_domain_def_find_ap(const ApDomainDef *def, guint n);

/**
 * ap_domain_def_is_ap_feature:
 * @def: a guest
 * @feature: one of its CPU's features
 *
 * Returns: whether it is one of AP's by its name, "ap...", and not x86's "apic".
 */
gboolean
ap_domain_def_is_ap_feature(const ApDomainDef *def, const ApDomainFeature *feature);

/**
 * ap_domain_def_has_matrix:
 * @def: a guest
 *
 * Returns: whether its metadata tells which queues it brings, or a pool has given it some.
 */
gboolean
ap_domain_def_has_matrix(const ApDomainDef *def);

/**
 * ap_domain_def_get_view:
 * @def: a guest
 *
 * A named CPU model has only what the document asks for; any other CPU has what the host has,
 * unless the document switches it off.
 *
 * Returns: what keeps it from its queues.
 */
ApGuestView
ap_domain_def_get_view(const ApDomainDef *def);

/**
 * ap_domain_def_concerns_ap:
 * @def: a guest
 *
 * Returns: whether it has to do with AP: a <hostdev> that is an AP matrix or is meant to be one,
 *   our metadata, or a CPU feature of AP's. Whatever else is wrong with a guest is none of our
 *   business.
 */
gboolean
ap_domain_def_concerns_ap(const ApDomainDef *def);

/**
 * ap_domain_def_free:
 * @def: (nullable): a guest
 */
void
ap_domain_def_free(ApDomainDef *def);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApDomainDef, ap_domain_def_free)
