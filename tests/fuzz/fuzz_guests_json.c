/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt-ap-guests prints for the callout. */
#include <string.h>

#include "fuzz.h"
#include "node_device/inventory/ap_guests.h"
#include "node_device/inventory/ap_problem.h"


int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GPtrArray) problems = ap_problem_list_new();
    g_autoptr(GPtrArray) more_problems = ap_problem_list_new();
    g_autoptr(GPtrArray) guests = ap_guests_from_json(text, problems);
    g_autoptr(GPtrArray) again = NULL;
    g_autofree char *printed = NULL;
    g_autofree char *same = NULL;

    if (!guests) {
        g_assert_cmpuint(problems->len, ==, 0);
        return 0;
    }
    for (guint i = 0; i < guests->len; i++) {
        const ApGuest *guest = guests->pdata[i];

        g_assert_true(guest->name && guest->state);
    }
    printed = ap_guests_to_json(guests, problems);
    again = ap_guests_from_json(printed, more_problems);
    g_assert_nonnull(again);
    same = ap_guests_to_json(again, more_problems);
    g_assert_cmpstr(printed, ==, same);
    return 0;
}
