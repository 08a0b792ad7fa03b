/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The arguments that AP adds to QEMU's command line, as libvirt generates them. */
#pragma once

#include "conf/ap_domain_xml.h"

/**
 * qemu_ap_command_build:
 * @def: a guest
 * @legacy: whether to use QEMU's old syntax, driver,key=value, instead of JSON; the document can
 *   ask for it too, by <qemu:del capability='device.json+hotplug'/>
 * @error: return location
 *
 * Errors: AP_ERROR_REFUSED where libvirt would refuse the document.
 *
 * Returns: (nullable) (element-type utf8): the arguments: -cpu with the terms of the AP features
 *   that the document names, -device with the device; the caller unrefs it.
 */
GPtrArray *
qemu_ap_command_build(const ApDomainDef *def, gboolean legacy, GError **error);

/**
 * qemu_ap_command_alias:
 * @def: a guest
 * @hostdev: one of its host devices
 *
 * Returns: its id on QEMU's command line, "hostdev0"; the caller frees it.
 */
char *
qemu_ap_command_alias(const ApDomainDef *def, const ApDomainHostdev *hostdev);
