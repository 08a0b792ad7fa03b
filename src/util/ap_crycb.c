/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The guest's crypto control block (CRYCB) as KVM fills it from a matrix. */
#include "util/ap_crycb.h"

#include <string.h>

/* Offsets in struct kvm_s390_crypto_cb: apcb0 and apcb1, and the masks in them. */
#define APCB0_APM 0x00
#define APCB0_AQM 0x08
#define APCB0_ADM 0x10
#define APCB1_APM 0x80
#define APCB1_AQM 0xa0
#define APCB1_ADM 0xc0


ApCrycbFormat
ap_crycb_format(gboolean msax3, gboolean apxa)
{
    if (!msax3)
        return AP_CRYCB_FORMAT0;
    return apxa ? AP_CRYCB_FORMAT2 : AP_CRYCB_FORMAT1;
}


/* The block is big-endian: bit 0 of the mask is the first bit in memory. */
static void
store_mask(guint8 *image, const ApMask *mask, gsize size)
{
    for (gsize i = 0; i < size; i++)
        image[i] = mask->word[i / 8] >> (56 - i % 8 * 8);
}


void
ap_crycb_fill(guint8 image[AP_CRYCB_SIZE], ApCrycbFormat format, const ApMatrix *matrix)
{
    memset(image, 0, AP_CRYCB_SIZE);
    if (format == AP_CRYCB_FORMAT2) {
        store_mask(image + APCB1_APM, &matrix->adapters, 32);
        store_mask(image + APCB1_AQM, &matrix->domains, 32);
        store_mask(image + APCB1_ADM, &matrix->control_domains, 32);
        return;
    }
    store_mask(image + APCB0_APM, &matrix->adapters, 8);
    store_mask(image + APCB0_AQM, &matrix->domains, 2);
    store_mask(image + APCB0_ADM, &matrix->control_domains, 2);
}


char *
ap_crycb_digits(ApCrycbFormat format, const ApMask *mask, gboolean is_apm)
{
    if (format == AP_CRYCB_FORMAT2)
        return g_strdup_printf("%016" G_GINT64_MODIFIER "x %016" G_GINT64_MODIFIER
                               "x %016" G_GINT64_MODIFIER "x %016" G_GINT64_MODIFIER "x",
                               mask->word[0], mask->word[1], mask->word[2], mask->word[3]);
    if (is_apm)
        return g_strdup_printf("%016" G_GINT64_MODIFIER "x", mask->word[0]);
    return g_strdup_printf("%04x", (guint)(mask->word[0] >> 48));
}
