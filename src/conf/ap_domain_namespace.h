/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The name of our element in a domain's metadata, for those who only look for it. */
#pragma once

#define AP_DOMAIN_NAMESPACE "urn:libvirt-ap:domain:1"
