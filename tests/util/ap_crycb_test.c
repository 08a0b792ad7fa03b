/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The predicted CRYCB: offsets of struct kvm_s390_crypto_cb and digits of KVM's trace. */
#include "util/ap_crycb.h"

#include "ap_test.h"

typedef struct {
    ApCrycbFormat format;
    const char *masks[3];
    const char *digits[3];
    struct {
        guint offset;
        guint8 value;
    } bytes[6]; /* all that is not zero */
} CrycbCase;

static const CrycbCase cases[] = {
    { AP_CRYCB_FORMAT0, { "", "", "" }, { "0000000000000000", "0000", "0000" }, { { 0 } } },
    { AP_CRYCB_FORMAT1, { "1,63", "4,15", "0" }, { "4000000000000001", "0801", "8000" },
      { { 0x00, 0x40 }, { 0x07, 0x01 }, { 0x08, 0x08 }, { 0x09, 0x01 }, { 0x10, 0x80 } } },
    /* Ids that the small formats have no room for are not there. */
    { AP_CRYCB_FORMAT0, { "64", "16", "255" }, { "0000000000000000", "0000", "0000" }, { { 0 } } },
    { AP_CRYCB_FORMAT2, { "5,255", "71", "0" },
      { "0400000000000000 0000000000000000 0000000000000000 0000000000000001",
        "0000000000000000 0100000000000000 0000000000000000 0000000000000000",
        "8000000000000000 0000000000000000 0000000000000000 0000000000000000" },
      { { 0x80, 0x04 }, { 0x9f, 0x01 }, { 0xa8, 0x01 }, { 0xc0, 0x80 } } },
};


static void
check_image(const CrycbCase *c, const ApMatrix *matrix)
{
    guint8 wanted[AP_CRYCB_SIZE] = { 0 };
    guint8 image[AP_CRYCB_SIZE];

    memset(image, 0xa5, sizeof(image));
    for (guint i = 0; i < G_N_ELEMENTS(c->bytes); i++)
        wanted[c->bytes[i].offset] |= c->bytes[i].value;
    ap_crycb_fill(image, c->format, matrix);
    g_assert_cmpmem(image, sizeof(image), wanted, sizeof(wanted));
}


static void
test_images_and_digits_are_kvms(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const CrycbCase *c = &cases[i];
        ApMatrix matrix = make_matrix(c->masks[0], c->masks[1], c->masks[2]);
        g_autofree char *apm = ap_crycb_digits(c->format, &matrix.adapters, TRUE);
        g_autofree char *aqm = ap_crycb_digits(c->format, &matrix.domains, FALSE);
        g_autofree char *adm = ap_crycb_digits(c->format, &matrix.control_domains, FALSE);

        check_image(c, &matrix);
        g_assert_cmpstr(apm, ==, c->digits[0]);
        g_assert_cmpstr(aqm, ==, c->digits[1]);
        g_assert_cmpstr(adm, ==, c->digits[2]);
    }
}


static void
test_the_format_follows_the_facilities(void)
{
    g_assert_cmpint(ap_crycb_format(FALSE, FALSE), ==, AP_CRYCB_FORMAT0);
    g_assert_cmpint(ap_crycb_format(FALSE, TRUE), ==, AP_CRYCB_FORMAT0);
    g_assert_cmpint(ap_crycb_format(TRUE, FALSE), ==, AP_CRYCB_FORMAT1);
    g_assert_cmpint(ap_crycb_format(TRUE, TRUE), ==, AP_CRYCB_FORMAT2);
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/crycb/images-and-digits-are-kvms", test_images_and_digits_are_kvms);
    g_test_add_func("/crycb/the-format-follows-the-facilities",
                    test_the_format_follows_the_facilities);
    return g_test_run();
}
