/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers, APQNs, names of cards, UUIDs, and text for messages. */
#include <string.h>

#include "fuzz.h"
#include "util/ap_error.h"
#include "util/ap_id.h"


/* What a person may type the kernel reads as the same number. */
static void
check_id(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *decimal = NULL;
    guint id = 4711;
    guint again;
    guint64 value;

    if (!ap_id_parse(text, &id, &error)) {
        g_assert_cmpuint(id, ==, 4711);
        g_assert_true(g_error_matches(error, AP_ERROR, AP_ERROR_NUMBER) ||
                      g_error_matches(error, AP_ERROR, AP_ERROR_RANGE));
        return;
    }
    g_assert_cmpuint(id, <=, AP_ID_MAX);
    decimal = g_strdup_printf("%u", id);
    g_assert_true(ap_id_parse(decimal, &again, NULL) && again == id);
    g_assert_true(ap_attr_parse(text, &value, NULL) && value == id);
}


static void
check_attr(const char *text)
{
    g_autoptr(GError) error = NULL;
    guint64 value = 4711;
    guint64 again;

    if (!ap_attr_parse(text, &value, &error)) {
        g_assert_cmpuint(value, ==, 4711);
        g_assert_true(g_error_matches(error, AP_ERROR, AP_ERROR_NUMBER) ||
                      g_error_matches(error, AP_ERROR, AP_ERROR_RANGE));
        return;
    }
    static const char *const formats[] = { "%" G_GUINT64_FORMAT, "0x%" G_GINT64_MODIFIER "x",
                                           "+0%" G_GINT64_MODIFIER "o\n" };

    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        char copy[32];

        g_snprintf(copy, sizeof(copy), formats[i], value);
        g_assert_true(ap_attr_parse(copy, &again, NULL) && again == value);
    }
}


static void
check_names(const char *text)
{
    g_autofree char *uuid = ap_uuid_normalize(text);
    g_autofree char *again = uuid ? ap_uuid_normalize(uuid) : NULL;
    ApApqn apqn;
    guint adapter;
    int pid;

    g_assert_cmpstr(uuid, ==, again);
    if (ap_apqn_parse(text, &apqn)) {
        g_autofree char *apqn_text = ap_apqn_to_string(apqn);

        g_assert_cmpstr(text, ==, apqn_text);
    }
    if (ap_card_parse(text, &adapter)) {
        g_autofree char *card = g_strdup_printf("card%02x", adapter);

        g_assert_cmpstr(text, ==, card);
    }
    if (ap_pid_parse(text, &pid))
        g_assert_cmpint(pid, >=, 1);
}


int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *printable = ap_text_printable(text);

    check_id(text);
    check_attr(text);
    check_names(text);
    g_assert_true(g_utf8_validate(printable, -1, NULL));
    g_assert_cmpint(g_utf8_strlen(printable, -1), <=, 64 + 3);
    return 0;
}
