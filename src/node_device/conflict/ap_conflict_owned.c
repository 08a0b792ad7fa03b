/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The matrix against the host's own drivers: which queues are theirs, and how to free them. */
#include <string.h>

#include "node_device/conflict/ap_conflict_priv.h"
#include "util/ap_text.h"

/* Queues that are named one by one in commands. */
#define LISTED_MAX 8


/* Before 6.0 vfio_ap_mdev_verify_queues_reserved_for_apid() and ..._apqi() take only queues that
 * are bound to vfio_ap. */
static ApApqnSet
get_unbound(ApJudge *judge)
{
    const ApMask *adapters = &judge->matrix.adapters;
    const ApMask *domains = &judge->matrix.domains;
    ApApqnSet unbound = { 0 };

    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1)) {
        for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
            if (g_strcmp0(ap_host_get_driver(judge->host, (ApApqn){ a, d }), "vfio_ap") != 0)
                ap_mask_set(&unbound.domains[a], d);
        }
    }
    return unbound;
}


/* Masks that would free @owned are there, in files, but not in force. */
static gboolean
is_freed_by_intent(ApJudge *judge, const ApApqnSet *owned, const ApNextBoot *next)
{
    const ApBootMasks *masks = ap_next_boot_get_masks(next);
    const ApMask *apmask = &masks->apmask;

    if (!next->known || next->rules->len == 0 || ap_next_boot_is_in_force(next) ||
        ap_host_has_overrides(judge->host))
        return FALSE;
    for (int a = ap_mask_next(apmask, 0); a >= 0; a = ap_mask_next(apmask, a + 1)) {
        if (ap_mask_intersects(&owned->domains[a], &masks->aqmask))
            return FALSE;
    }
    return TRUE;
}


char *
ap_judge_find_misspelt_override(ApJudge *judge, ApApqn apqn)
{
    const char *driver = ap_host_get_driver(judge->host, apqn);
    g_autofree char *override = NULL;

    if (!driver || driver[0] != '\0')
        return NULL;
    override = ap_host_read_override(judge->host, apqn);
    return override && strcmp(override, "vfio_ap") != 0 ? ap_text_printable(override) : NULL;
}


static char *
append_overrides(ApJudge *judge, const ApApqnSet *owned)
{
    GString *text = g_string_new(NULL);
    guint position = 0;
    guint n = 0;
    ApApqn apqn;

    if (!ap_host_has_overrides(judge->host))
        return g_string_free(text, FALSE);
    while (n < LISTED_MAX && ap_apqn_set_next(owned, &position, &apqn)) {
        g_autofree char *override = ap_judge_find_misspelt_override(judge, apqn);
        g_autofree char *name = ap_apqn_to_string(apqn);

        if (!override)
            continue;
        g_string_append_printf(text, "\n  %s is bound to no driver: its driver_override is '%s', "
                                     "and there is no driver of that name for it",
                               name, override);
        n++;
    }
    return g_string_free(text, FALSE);
}


char *
ap_judge_suggest_overrides(ApJudge *judge, const ApApqnSet *set)
{
    GString *text = g_string_new("or give it to guests:");
    guint position = 0;
    guint n = 0;
    ApApqn apqn;

    while (n <= LISTED_MAX && ap_apqn_set_next(set, &position, &apqn)) {
        g_autofree char *name = ap_apqn_to_string(apqn);

        if (!ap_host_get_driver(judge->host, apqn))
            continue;
        if (n++ < LISTED_MAX)
            g_string_append_printf(text, "\ndriverctl -b ap set-override %s vfio_ap", name);
        else
            g_string_append(text, "\nand so on for the others");
    }
    if (n == 0)
        g_string_truncate(text, 0);
    return g_string_free(text, FALSE);
}


static gboolean
is_needed(ApJudge *judge, const ApApqnSet *set)
{
    GPtrArray *needs = ap_inventory_get_needs(judge->inventory);

    for (guint i = 0; i < needs->len; i++) {
        const ApNeed *need = needs->pdata[i];

        for (guint a = 0; a <= AP_ID_MAX; a++) {
            if (ap_mask_intersects(&need->apqns.domains[a], &set->domains[a]))
                return TRUE;
        }
    }
    return FALSE;
}


/* While overrides are in force the kernel takes no masks. */
char *
ap_judge_suggest_freeing(ApJudge *judge, const ApApqnSet *owned)
{
    ApMask adapters = { 0 };
    ApMask domains = { 0 };
    g_autofree char *adapter_list = NULL;
    g_autofree char *domain_list = NULL;

    if (is_needed(judge, owned))
        return g_strdup("or see what of the host needs it: virt-ap check FILE --phase free");
    if (ap_host_has_overrides(judge->host))
        return ap_judge_suggest_overrides(judge, owned);
    for (guint a = 0; a <= AP_ID_MAX; a++) {
        if (ap_mask_is_empty(&owned->domains[a]))
            continue;
        ap_mask_set(&adapters, a);
        domains = ap_mask_or(&domains, &owned->domains[a]);
    }
    adapter_list = ap_judge_format_away("apmask", &adapters);
    domain_list = ap_judge_format_away("aqmask", &domains);
    return g_strdup_printf("or free it: chzdev --type ap %s, or %s", adapter_list,
                           domain_list);
}


/* What somebody wrote into a file goes before anything else that could be done. */
static char *
suggest_free(ApJudge *judge, const ApApqnSet *owned)
{
    const ApNextBoot *next = ap_inventory_get_next_boot(judge->inventory);
    const ApBootMasks *masks = ap_next_boot_get_masks(next);
    g_autofree char *otherwise = ap_judge_suggest_freeing(judge, owned);
    g_autofree char *command = NULL;

    if (!is_freed_by_intent(judge, owned, next))
        return ap_judge_suggest(judge, otherwise);
    command = ap_next_boot_format_masks(&masks->apmask, &masks->aqmask, "--active");
    return g_strdup_printf("%s frees it, but is not in force: it has not acted since the boot, or "
                           "is newer; apply it: `%s`",
                           (const char *)next->rules->pdata[next->rules->len - 1], command);
}


void
ap_judge_owned(ApJudge *judge)
{
    gboolean must_be_bound = FALSE;
    ApApqnSet owned = { 0 };
    g_autofree char *overrides = NULL;
    g_autofree char *said = NULL;

    ap_host_owns_any(judge->host, &judge->matrix, &owned);
    if (ap_apqn_set_is_empty(&owned) && ap_host_needs_binding(judge->host, &judge->matrix)) {
        owned = get_unbound(judge);
        must_be_bound = TRUE;
    }
    if (ap_apqn_set_is_empty(&owned))
        return;
    ap_apqn_set_add_all(&judge->said, &owned);
    if (must_be_bound) {
        ap_judge_report(judge, AP_CODE_HOST_OWNED, AP_WEIGHT_USUAL, &owned, NULL,
                        ap_judge_say(&owned, "is not bound to vfio_ap: this kernel, before 6.0, "
                                             "refuses such a queue"),
                        ap_judge_suggest(judge, "or bind it: modprobe vfio_ap"));
        return;
    }
    overrides = append_overrides(judge, &owned);
    said = ap_judge_say(&owned, "belongs to the host's own drivers");
    ap_judge_report(judge, AP_CODE_HOST_OWNED, AP_WEIGHT_USUAL, &owned, NULL,
                    g_strconcat(said, overrides, NULL), suggest_free(judge, &owned));
}
