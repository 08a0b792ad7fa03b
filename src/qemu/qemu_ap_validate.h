/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of domain XML libvirt, QEMU or we would refuse, as far as it concerns AP; reads no host. */
#pragma once

#include "conf/ap_domain_xml.h"
#include "conf/ap_policy.h"

/**
 * QemuApRefusal:
 * @QEMU_AP_BY_LIBVIRT: libvirt refuses to define or start the guest
 * @QEMU_AP_BY_QEMU: libvirt takes it, QEMU ends with an error
 * @QEMU_AP_BY_US: both take it, and nobody can tell what it does
 * @QEMU_AP_BY_NOBODY: taken, and without effect
 */
typedef enum {
    QEMU_AP_BY_LIBVIRT,
    QEMU_AP_BY_QEMU,
    QEMU_AP_BY_US,
    QEMU_AP_BY_NOBODY,
} QemuApRefusal;

/**
 * QemuApFault:
 * @code: bad-xml, too-many or cpu-no-ap
 * @by: who would refuse it
 * @message: what is wrong, the line first
 * @hint: what to do
 */
typedef struct {
    ApCode code;
    QemuApRefusal by;
    char *message;
    char *hint;
} QemuApFault;

/**
 * qemu_ap_validate:
 * @def: a guest
 *
 * Of a guest that has nothing to do with AP nothing is said: it may be of another architecture, or
 * of another hypervisor.
 *
 * Returns: (element-type QemuApFault): what is wrong with it, in the order in which libvirt looks;
 *   the caller unrefs it.
 */
GPtrArray *
qemu_ap_validate(const ApDomainDef *def);
