/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's definition against the host: what `virt-ap check` says of domain XML, and what the
 * hook lets through. */
#pragma once

#include "conf/ap_domain_xml.h"
#include "node_device/conflict/ap_conflict.h"

/**
 * qemu_ap_guest_new:
 * @def: a guest's definition
 * @inventory: what there is
 *
 * Returns: the guest as the rules of conflict want it, with the state that @inventory knows; the
 *   caller frees it with ap_guest_free().
 */
ApGuest *
qemu_ap_guest_new(const ApDomainDef *def, ApInventory *inventory);

/**
 * qemu_ap_guest_check_taken:
 * @def: a guest's live definition, which libvirt has taken
 * @config: the configuration in force
 *
 * What QEMU would refuse, whatever the host is: by then libvirt has expanded the CPU.
 *
 * Returns: (element-type ApFinding): cpu-no-ap and bad-xml; the caller unrefs it.
 */
GPtrArray *
qemu_ap_guest_check_taken(const ApDomainDef *def, const ApConfig *config);

/**
 * qemu_ap_guest_check:
 * @inventory: what there is
 * @def: a guest's definition
 * @guest: (nullable): the same guest as @inventory knows it; NULL: as @def alone describes it
 * @phases: AP_PHASE_BIT() of each phase, 0 for those that apply
 *
 * Returns: (element-type ApFinding): everything that is found, settled; the caller unrefs it.
 */
GPtrArray *
qemu_ap_guest_check(ApInventory *inventory, const ApDomainDef *def, const ApGuest *guest,
                    guint phases);

/**
 * qemu_ap_guest_check_start:
 * @inventory: what there is
 * @def: a guest's live definition, which libvirt has taken
 * @phases: AP_PHASE_BIT() of each phase
 *
 * The same, without what libvirt itself has judged.
 *
 * Returns: (element-type ApFinding): everything that is found, settled; the caller unrefs it.
 */
GPtrArray *
qemu_ap_guest_check_start(ApInventory *inventory, const ApDomainDef *def, guint phases);
