/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands of s390-tools and driverctl that do the same as a handover. */
#include <string.h>

#include "node_device/ap_handover.h"


/* Appends " apmask=-0x05" for a mask that changes. chzdev starts from @base: if that is another
 * mask than ours, only the whole mask says the same. */
static void
append_mask(GString *text, const char *name, const ApMask *before, const ApMask *after,
            const ApMask *base)
{
    ApMask added = ap_mask_minus(after, before);
    ApMask removed = ap_mask_minus(before, after);
    g_autofree char *terms = NULL;

    if (ap_mask_is_empty(&added) && ap_mask_is_empty(&removed))
        return;
    terms = !ap_mask_equal(before, base)    ? ap_next_boot_format_mask(after)
            : ap_mask_is_empty(&added) ? ap_mask_to_terms(&removed, '-')
                                       : ap_mask_to_terms(&added, '+');
    g_string_append_printf(text, " %s=%s", name, terms);
}


/* What chzdev is to be told of one place; "" if nothing changes there. */
static char *
format_scope(const ApHandover *handover, const ApHandoverScope *scope, const ApHostMasks *base)
{
    const ApHostMasks *before = &scope->before;
    const ApHostMasks *after = &scope->after[handover->way];
    GString *text = g_string_new(NULL);

    append_mask(text, "apmask", &before->apmask, &after->apmask, &base->apmask);
    append_mask(text, "aqmask", &before->aqmask, &after->aqmask, &base->aqmask);
    return g_string_free(text, FALSE);
}


static void
list_chzdev(const ApHandover *handover, GPtrArray *commands)
{
    g_autofree char *live = format_scope(handover, &handover->live, &handover->live.before);
    g_autofree char *config = format_scope(handover, &handover->config, &handover->chzdev_base);

    if (strcmp(live, config) == 0) {
        g_ptr_array_add(commands, g_strdup_printf("chzdev --type ap%s", live));
        return;
    }
    if (live[0] != '\0')
        g_ptr_array_add(commands, g_strdup_printf("chzdev --type ap%s --active", live));
    if (config[0] != '\0')
        g_ptr_array_add(commands, g_strdup_printf("chzdev --type ap%s --persistent", config));
}


/* driverctl does both, or with an option what holds until the next boot. */
static void
list_driverctl(const ApHandover *handover, GPtrArray *commands)
{
    for (guint i = 0; i < handover->overrides->len; i++) {
        const ApHandoverOverride *override = handover->overrides->pdata[i];
        g_autofree char *name = ap_apqn_to_string(override->apqn);
        const char *option = override->config ? "" : " --nosave";

        if (!override->live && !override->config)
            continue;
        g_ptr_array_add(commands,
                        handover->request.reclaim
                            ? g_strdup_printf("driverctl -b ap%s unset-override %s", option, name)
                            : g_strdup_printf("driverctl -b ap%s set-override %s vfio_ap",
                                              option, name));
    }
}


char **
ap_handover_list_commands(const ApHandover *handover)
{
    GPtrArray *commands = g_ptr_array_new();

    if (handover->by_override)
        list_driverctl(handover, commands);
    else
        list_chzdev(handover, commands);
    g_ptr_array_add(commands, NULL);
    return (char **)g_ptr_array_free(commands, FALSE);
}
