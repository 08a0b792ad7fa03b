/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose a queue is after the next boot, and why. */
#include <string.h>

#include "conf/ap_udev_rule.h"
#include "node_device/inventory/ap_host_priv.h"
#include "node_device/inventory/ap_next_boot_priv.h"


static gboolean
are_full(const ApBootMasks *masks)
{
    ApMask full = ap_mask_range(0, AP_ID_MAX);

    return ap_mask_equal(&masks->apmask, &full) && ap_mask_equal(&masks->aqmask, &full);
}


static void
note_override(const char *attribute, const char *value, gboolean surely, gpointer data)
{
    char **driver = data;

    if (!surely || !attribute || !ap_next_boot_is_attribute(attribute, "driver_override"))
        return;
    g_free(*driver);
    *driver = g_strdup(value);
}


/* The driver that rules give to the queue when it appears; NULL if none does. */
static char *
find_override_in_rules(const ApNextBoot *next, ApApqn apqn, const char *dir)
{
    static const char *const nothing[] = { NULL };
    g_autofree char *name = ap_apqn_to_string(apqn);
    const ApUdevEvent event = { "add", "ap", name, dir + strlen("/sys"), nothing, nothing };
    char *driver = NULL;

    for (guint i = 0; i < next->override_rules->len; i++)
        ap_udev_rule_run(next->override_rules->pdata[i], &event, note_override, &driver);
    return driver;
}


/* Whether the queue is bound to vfio_ap whatever the masks say. */
static gboolean
is_overridden(const ApNextBoot *next, ApApqn apqn)
{
    g_autofree char *dir = ap_host_queue_dir(apqn);
    g_autofree char *attribute = g_strconcat(dir, "/driver_override", NULL);
    gpointer key = ap_next_boot_record_key(apqn);
    const char *record = next->no_restorer ? NULL : g_hash_table_lookup(next->records, key);
    g_autofree char *driver = NULL;

    /* Before 7.x a queue has no such attribute. */
    if (ap_root_exists(next->host->root, dir) && !ap_root_exists(next->host->root, attribute))
        return FALSE;
    driver = record ? g_strdup(record) : find_override_in_rules(next, apqn, dir);
    return g_strcmp0(driver, "vfio_ap") == 0;
}


/* Adds the APQNs of @matrix that no override gives to vfio_ap. */
static void
add_not_overridden(const ApNextBoot *next, const ApMatrix *matrix, ApApqnSet *set)
{
    const ApMask *adapters = &matrix->adapters;
    const ApMask *domains = &matrix->domains;

    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1)) {
        for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
            if (!is_overridden(next, (ApApqn){ a, d }))
                ap_mask_set(&set->domains[a], d);
        }
    }
}


gboolean
ap_next_boot_has_records(const ApNextBoot *next)
{
    return g_hash_table_size(next->records) > 0;
}


gboolean
ap_next_boot_has_overrides(const ApNextBoot *next)
{
    return ap_next_boot_has_records(next) || next->override_rules->len > 0;
}


gboolean
ap_next_boot_is_mixed(const ApNextBoot *next)
{
    return ap_next_boot_has_overrides(next) && next->rules->len > 0 &&
           !are_full(ap_next_boot_get_masks(next));
}


/* The APQNs of @matrix that one outcome leaves to the host. */
static ApApqnSet
get_owned(const ApNextBoot *next, const ApBootMasks *masks, const ApMatrix *matrix)
{
    ApApqnSet owned = { 0 };
    ApMask adapters = ap_mask_and(&matrix->adapters, &masks->apmask);
    ApMask domains = ap_mask_and(&matrix->domains, &masks->aqmask);

    if (are_full(masks)) {
        add_not_overridden(next, matrix, &owned);
        return owned;
    }
    ap_apqn_set_add(&owned, &adapters, &domains);
    /* Which of the two the kernel takes depends on what comes first. */
    if (ap_next_boot_is_mixed(next))
        add_not_overridden(next, matrix, &owned);
    return owned;
}


static char *
say_why(const ApNextBoot *next, const ApBootMasks *masks)
{
    const char *ap = masks->apmask_by;
    const char *aq = masks->aqmask_by;

    if (masks->because)
        return g_strdup(masks->because);
    if (ap_next_boot_is_mixed(next))
        return g_strdup_printf("%s sets masks and " AP_NEXT_BOOT_RECORDS " keeps a "
                               "driver_override: the kernel takes only one of the two",
                               ap ? ap : aq);
    if (ap_next_boot_has_records(next) && next->no_restorer)
        return g_strdup_printf(AP_NEXT_BOOT_RECORDS " keeps a driver_override, but %s",
                               next->no_restorer);
    if (are_full(masks) &&
        (ap_next_boot_has_overrides(next) || ap_host_has_overrides(next->host)))
        return g_strdup("no file of " AP_NEXT_BOOT_RECORDS " keeps its driver_override");
    if (!ap && !aq)
        return g_strdup(next->has_cmdline
                            ? "no udev rule and no parameter in " AP_NEXT_BOOT_CMDLINE
                              " sets masks: the kernel then leaves every queue to the host"
                            : "the masks of now leave it to the host, and no udev rule sets "
                              "others");
    if (ap && aq && strcmp(ap, aq) != 0)
        return g_strdup_printf("%s (apmask) and %s (aqmask) leave it to the host", ap, aq);
    return g_strdup_printf("%s leaves it to the host", ap ? ap : aq);
}


gboolean
ap_next_boot_owns_any(ApNextBoot *next, const ApMatrix *matrix, ApApqnSet *ret_owned,
                      char **ret_why)
{
    g_autofree char *why = NULL;

    memset(ret_owned, 0, sizeof(*ret_owned));
    for (guint i = 0; i < next->outcomes->len; i++) {
        const ApBootMasks *masks = &g_array_index(next->outcomes, ApBootMasks, i);
        ApApqnSet owned = get_owned(next, masks, matrix);

        if (!why && !ap_apqn_set_is_empty(&owned))
            why = say_why(next, masks);
        ap_apqn_set_add_all(ret_owned, &owned);
    }
    if (!why)
        return FALSE;
    *ret_why = g_steal_pointer(&why);
    return TRUE;
}


gboolean
ap_next_boot_is_in_force(const ApNextBoot *next)
{
    const ApBootMasks *masks = ap_next_boot_get_masks(next);
    const ApHost *host = next->host;

    return !next->known || !host->masks_known ||
           (ap_mask_equal(&masks->apmask, &host->apmask) &&
            ap_mask_equal(&masks->aqmask, &host->aqmask));
}


char *
ap_next_boot_format_mask(const ApMask *mask)
{
    g_autofree char *list = ap_mask_describe(mask);
    g_auto(GStrv) words = g_strsplit(list, " ", -1);

    /* It takes no empty list, but a list of what to take away. */
    return ap_mask_is_empty(mask) ? g_strdup("-0x00-0xff") : g_strjoinv("", words);
}


char *
ap_next_boot_format_masks(const ApMask *apmask, const ApMask *aqmask, const char *how)
{
    g_autofree char *ap = ap_next_boot_format_mask(apmask);
    g_autofree char *aq = ap_next_boot_format_mask(aqmask);

    return g_strdup_printf("chzdev --type ap apmask=%s aqmask=%s %s", ap, aq, how);
}
