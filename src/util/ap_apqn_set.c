/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sets of APQNs. */
#include "util/ap_apqn_set.h"

/* How many APQNs a message names one by one. */
#define NAMED_MAX 32
#define NAMED_PER_LINE 8


void
ap_apqn_set_add(ApApqnSet *set, const ApMask *adapters, const ApMask *domains)
{
    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1))
        set->domains[a] = ap_mask_or(&set->domains[a], domains);
}


void
ap_apqn_set_add_all(ApApqnSet *set, const ApApqnSet *other)
{
    for (guint a = 0; a <= AP_ID_MAX; a++)
        set->domains[a] = ap_mask_or(&set->domains[a], &other->domains[a]);
}


void
ap_apqn_set_remove_all(ApApqnSet *set, const ApApqnSet *other)
{
    for (guint a = 0; a <= AP_ID_MAX; a++)
        set->domains[a] = ap_mask_minus(&set->domains[a], &other->domains[a]);
}


gboolean
ap_apqn_set_is_subset(const ApApqnSet *set, const ApApqnSet *other)
{
    for (guint a = 0; a <= AP_ID_MAX; a++) {
        ApMask outside = ap_mask_minus(&set->domains[a], &other->domains[a]);

        if (!ap_mask_is_empty(&outside))
            return FALSE;
    }
    return TRUE;
}


gboolean
ap_apqn_set_has(const ApApqnSet *set, ApApqn apqn)
{
    return ap_mask_has(&set->domains[apqn.adapter], apqn.domain);
}


gboolean
ap_apqn_set_is_empty(const ApApqnSet *set)
{
    for (guint a = 0; a <= AP_ID_MAX; a++) {
        if (!ap_mask_is_empty(&set->domains[a]))
            return FALSE;
    }
    return TRUE;
}


guint
ap_apqn_set_count(const ApApqnSet *set)
{
    guint n = 0;

    for (guint a = 0; a <= AP_ID_MAX; a++)
        n += ap_mask_count(&set->domains[a]);
    return n;
}


gboolean
ap_apqn_set_next(const ApApqnSet *set, guint *position, ApApqn *ret_apqn)
{
    for (guint a = *position / 256; a <= AP_ID_MAX; a++) {
        guint from = a == *position / 256 ? *position % 256 : 0;
        int d = ap_mask_next(&set->domains[a], from);

        if (d >= 0) {
            *ret_apqn = (ApApqn){ a, d };
            *position = a * 256 + d + 1;
            return TRUE;
        }
    }
    return FALSE;
}


/* The smallest rectangle around @set. */
static void
get_bounds(const ApApqnSet *set, ApMask *ret_adapters, ApMask *ret_domains)
{
    *ret_adapters = *ret_domains = (ApMask){ 0 };
    for (guint a = 0; a <= AP_ID_MAX; a++) {
        if (ap_mask_is_empty(&set->domains[a]))
            continue;
        ap_mask_set(ret_adapters, a);
        *ret_domains = ap_mask_or(ret_domains, &set->domains[a]);
    }
}


/* "5,068": groups of three digits. */
static char *
format_count(guint n)
{
    if (n < 1000)
        return g_strdup_printf("%u", n);
    return g_strdup_printf("%u,%03u", n / 1000, n % 1000);
}


static void
append_rectangle(const ApApqnSet *set, guint n_more, GString *text)
{
    g_autofree char *count = format_count(n_more);
    g_autofree char *adapters_text = NULL;
    g_autofree char *domains_text = NULL;
    ApMask adapters;
    ApMask domains;
    gboolean whole;

    get_bounds(set, &adapters, &domains);
    adapters_text = ap_mask_describe(&adapters);
    domains_text = ap_mask_describe(&domains);
    whole = ap_mask_count(&adapters) * ap_mask_count(&domains) == ap_apqn_set_count(set);
    g_string_append_printf(text, "\n  and %s more: %sadapters %s × domains %s", count,
                           whole ? "" : "within ", adapters_text, domains_text);
}


void
ap_apqn_set_append_rest(const ApApqnSet *set, GString *text)
{
    guint total = ap_apqn_set_count(set);
    guint position = 0;
    ApApqn apqn;

    for (guint i = 0; i < NAMED_MAX && ap_apqn_set_next(set, &position, &apqn); i++) {
        g_autofree char *name = ap_apqn_to_string(apqn);

        if (i == 0)
            continue;
        if (i % NAMED_PER_LINE == 1)
            g_string_append(text, i == 1 ? "\n  also " : ",\n       ");
        g_string_append_printf(text, "%s%s", i % NAMED_PER_LINE == 1 ? "" : ", ", name);
    }
    if (total > NAMED_MAX)
        append_rectangle(set, total - NAMED_MAX, text);
}
