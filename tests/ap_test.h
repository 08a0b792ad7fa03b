/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the C tests share. */
#pragma once

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "util/ap_apqn_set.h"
#include "util/ap_error.h"
#include "util/ap_matrix.h"

/* Fails unless @error is an AP_ERROR of @code with a message; frees it. */
static inline void
assert_error(GError **error, int code)
{
    g_assert_error(*error, AP_ERROR, code);
    g_assert_cmpint(strlen((*error)->message), >, 5);
    g_clear_error(error);
}


/* A mask of the ids in "5,0x47" (decimal or 0x), "" for none. */
static inline ApMask
make_mask(const char *ids)
{
    g_auto(GStrv) terms = g_strsplit(ids, ",", -1);
    ApMask mask = { 0 };

    for (char **term = terms; *term; term++) {
        guint id;

        g_assert_true(ap_id_parse(*term, &id, NULL));
        ap_mask_set(&mask, id);
    }
    return mask;
}


static inline ApMatrix
make_matrix(const char *adapters, const char *domains, const char *control_domains)
{
    return (ApMatrix){ make_mask(adapters), make_mask(domains), make_mask(control_domains) };
}


/* Fails unless @set holds exactly the APQNs "05.0004 05.0047". */
static inline void
assert_apqns(const ApApqnSet *set, const char *wanted)
{
    g_autoptr(GString) got = g_string_new(NULL);
    guint position = 0;
    ApApqn apqn;

    while (ap_apqn_set_next(set, &position, &apqn)) {
        g_autofree char *text = ap_apqn_to_string(apqn);

        g_string_append_printf(got, "%s%s", got->len ? " " : "", text);
    }
    g_assert_cmpstr(got->str, ==, wanted);
}


/* Outputs are filled with this, so that "untouched on failure" can be seen. */
static const ApMask noise = { { 0xdeadbeefdeadbeef, 0x0123456789abcdef, 0x5a5a5a5a5a5a5a5a, 7 } };
