/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The UUID of a matrix against other mdevs: the mdev bus has one name space for all types, and
 * mdevctl one directory for each parent. */
#include "node_device/conflict/ap_conflict_priv.h"
#include "node_device/inventory/ap_other_mdev.h"


void
ap_judge_uuid(ApJudge *judge)
{
    const char *uuid = judge->candidate->uuid;
    g_autofree char *device = NULL;
    const ApMdev *mdev;
    const char *parent;

    if (!uuid)
        return;
    parent = ap_inventory_find_other_parent(judge->inventory, uuid);
    if (parent)
        ap_judge_report(judge, AP_CODE_UUID_TAKEN, AP_WEIGHT_USUAL, NULL, NULL,
                        g_strdup_printf("mdev %s is defined below the parent '%s' too: only one "
                                        "of the two can be active",
                                        uuid, parent),
                        g_strdup_printf("give one of them another UUID, or name the parent each "
                                        "time: `mdevctl start -u %s -p " AP_MDEV_PARENT "`",
                                        uuid));
    device = ap_other_mdev_find(judge->host->root, uuid);
    /* What is a matrix is no other device. It is looked for only then: a start need not read all
     * that are active. */
    mdev = device ? ap_inventory_find(judge->inventory, uuid) : NULL;
    if (device && !(mdev && mdev->active))
        ap_judge_report(judge, AP_CODE_UUID_TAKEN, AP_WEIGHT_GRAVE, NULL, NULL,
                        g_strdup_printf("mdev %s is active already, as another type: %s", uuid,
                                        device),
                        g_strdup_printf("take another UUID, or `mdevctl stop -u %s` first", uuid));
}
