/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's crypto control block (CRYCB) as KVM fills it from a matrix. We never write one: this
 * predicts what KVM will, for comparison with its trace. */
#pragma once

#include "util/ap_matrix.h"

/* sizeof(struct kvm_s390_crypto_cb), arch/s390/include/asm/kvm_host.h */
#define AP_CRYCB_SIZE 256

/**
 * ApCrycbFormat:
 * @AP_CRYCB_FORMAT0: no MSAX3 (facility 76); 64 adapters, 16 domains
 * @AP_CRYCB_FORMAT1: MSAX3 without APXA; 64 adapters, 16 domains
 * @AP_CRYCB_FORMAT2: MSAX3 and APXA; 256 of each
 *
 * kvm_s390_set_crycb_format(), arch/s390/kvm/kvm-s390.c.
 */
typedef enum {
    AP_CRYCB_FORMAT0,
    AP_CRYCB_FORMAT1,
    AP_CRYCB_FORMAT2,
} ApCrycbFormat;

/**
 * ap_crycb_format:
 * @msax3: whether facility 76 is installed
 * @apxa: whether QCI reports APXA
 *
 * Returns: the format that KVM chooses.
 */
ApCrycbFormat
ap_crycb_format(gboolean msax3, gboolean apxa);

/**
 * ap_crycb_fill:
 * @image: (out): the block, all of it
 * @format: its format
 * @matrix: what the guest gets, after filtering
 *
 * Writes what kvm_arch_crypto_set_masks() leaves in a block that was zero: format 2 in APCB1,
 * formats 0 and 1 in APCB0, which has room for adapters 0..63 and domains 0..15.
 */
void
ap_crycb_fill(guint8 image[AP_CRYCB_SIZE], ApCrycbFormat format, const ApMatrix *matrix);

/**
 * ap_crycb_digits:
 * @format: a format
 * @mask: one of the masks of a matrix
 * @is_apm: whether it is the adapters' mask
 *
 * Returns: the mask with the digits of KVM's "SET CRYCB" lines: four groups of 16 in format 2;
 *   in formats 0 and 1 16 digits for adapters and 4 for domains. The caller frees it.
 */
char *
ap_crycb_digits(ApCrycbFormat format, const ApMask *mask, gboolean is_apm);
