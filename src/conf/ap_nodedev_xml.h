/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's node-device XML of an AP matrix; schemas/nodedev-ap.rng is its schema. */
#pragma once

#include "conf/ap_mdev_def.h"

/**
 * ap_nodedev_xml_parse:
 * @text: a document
 * @length: its length in bytes
 * @error: return location
 *
 * Reads what `virsh nodedev-define` takes and `virsh nodedev-dumpxml` prints. An element or
 * attribute that the schema does not know is refused: libvirt would ignore it, and a misspelt
 * attribute would be a queue less. The values of <attr> are not judged here, see
 * ap_mdev_def_replay().
 *
 * Errors: AP_ERROR_XML, and the message gives the line.
 *
 * Returns: (nullable): the definition; its uuid is NULL where the XML has none. The caller frees
 *   it.
 */
ApMdevDef *
ap_nodedev_xml_parse(const char *text, gsize length, GError **error);

/**
 * ap_nodedev_xml_format:
 * @def: a definition
 *
 * Returns: node-device XML that virsh takes, in libvirt's order and quoting; the caller frees it.
 */
char *
ap_nodedev_xml_format(const ApMdevDef *def);

/**
 * ap_nodedev_xml_concerns_ap:
 * @text: a document with the root <device>
 * @length: its length in bytes
 *
 * Returns: FALSE if it is clearly another device than an AP matrix: a PCI function, a disk, the
 *   mdev of another type, also a card or queue. What cannot be parsed could be one.
 */
gboolean
ap_nodedev_xml_concerns_ap(const char *text, gsize length);

/**
 * ap_nodedev_name:
 * @uuid: a UUID in lower case
 *
 * Returns: libvirt's name of the node device, "mdev_11111111_..._matrix"; the caller frees it.
 */
char *
ap_nodedev_name(const char *uuid);
