/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Queues that change hands between the host and its guests: what a wish comes to, and its steps.
 * A verb plans it, judges it, and adds its steps to its own transaction. */
#pragma once

#include "node_device/inventory/ap_inventory.h"
#include "node_device/plan/ap_free.h"
#include "node_device/txn/ap_txn.h"
#include "util/ap_apqn_set.h"

/**
 * ApHandoverRequest:
 * @reclaim: whether the host is to have the queues again; else it gives them away
 * @live: now
 * @config: after the next boot
 * @wish: what is to change hands
 *
 * Neither @live nor @config means both.
 */
typedef struct {
    gboolean reclaim;
    gboolean live;
    gboolean config;
    ApWish wish;
} ApHandoverRequest;

/**
 * ApHandoverScope:
 * @before: the masks
 * @after: for each way, the masks afterwards
 *
 * Masks in one of two places: the kernel, or the files that decide on the next boot.
 */
typedef struct {
    ApHostMasks before;
    ApHostMasks after[AP_N_FREE_WAYS];
} ApHandoverScope;

/**
 * ApHandover:
 * @request: what was asked for; @live and @config say what is done
 * @by_override: whether each queue gets a driver_override of its own; else the masks change
 * @n_ways: how many ways there are: 1, or AP_N_FREE_WAYS
 * @way: the one that is taken, which takes fewer queues along
 * @asked: the queues of this LPAR that were asked for and change hands
 * @further: for each way, the queues that it takes along
 * @now: the queues that change hands now
 * @in_all: those, and the ones that change hands with the next boot
 * @live: the masks in the kernel
 * @config: the masks after the next boot
 * @rule_before: (nullable): chzdev's rule
 * @rule_after: (nullable): what is to be in its place
 * @overrides: (element-type ApHandoverOverride): queues whose driver_override changes
 */
typedef struct {
    ApHandoverRequest request;
    gboolean by_override;
    guint n_ways;
    ApFreeWay way;
    ApApqnSet asked;
    ApApqnSet further[AP_N_FREE_WAYS];
    ApApqnSet now;
    ApApqnSet in_all;
    ApHandoverScope live;
    ApHandoverScope config;
    GBytes *rule_before;
    GBytes *rule_after;
    GPtrArray *overrides;

    /*< private >*/
    ApHostMasks chzdev_base; /* what chzdev takes for the persistent masks */
} ApHandover;

/**
 * ApHandoverOverride:
 * @apqn: a queue
 * @live: whether its driver_override changes
 * @config: whether driverctl's record of it does
 * @record: (nullable): that record, if it goes
 */
typedef struct {
    ApApqn apqn;
    gboolean live;
    gboolean config;
    GBytes *record;
} ApHandoverOverride;

/**
 * ap_handover_plan:
 * @root: the root
 * @inventory: what there is
 * @request: what is to change hands
 * @error: return location
 *
 * Where all masks are full and the kernel has driver_override, single queues change hands; else
 * the two masks decide, and may take further queues along.
 *
 * Errors: AP_ERROR_NO_BUS; AP_ERROR_NOT_FOUND if this LPAR does not have what is asked for;
 *   AP_ERROR_REFUSED if it is so already, if the host uses masks and driver_override both, if a
 *   file that decides on the next boot is somebody else's or undoes it; AP_ERROR_IO.
 *
 * Returns: (nullable): what is to be done; the caller frees it with ap_handover_free().
 */
ApHandover *
ap_handover_plan(const ApRoot *root, ApInventory *inventory, const ApHandoverRequest *request,
                 GError **error);

/**
 * ap_handover_free:
 * @handover: (nullable): a handover
 */
void
ap_handover_free(ApHandover *handover);

/**
 * ap_handover_check:
 * @handover: a handover
 * @inventory: what there is
 *
 * Returns: (element-type ApFinding): what the host needs, what a guest holds or a definition needs;
 *   not settled; the caller unrefs it.
 */
GPtrArray *
ap_handover_check(const ApHandover *handover, ApInventory *inventory);

/**
 * ap_handover_add_steps:
 * @handover: a handover
 * @txn: where to add its steps: files first, then the kernel
 */
void
ap_handover_add_steps(const ApHandover *handover, ApTxn *txn);

/**
 * ap_handover_list_commands:
 * @handover: a handover
 *
 * Returns: (array zero-terminated=1): the commands of chzdev, or driverctl, that do the same; the
 *   caller frees it with g_strfreev().
 */
char **
ap_handover_list_commands(const ApHandover *handover);

/**
 * ap_handover_add_intended:
 * @inventory: what there is
 * @txn: where to add steps
 *
 * For the boot: adds the steps that put the masks of chzdev's rule into force, where it alone sets
 * masks and has not acted. What other rules mean is for udev to judge: that is only told.
 *
 * Returns: a sentence that says what is done and why, or that nothing is; the caller frees it.
 */
char *
ap_handover_add_intended(ApInventory *inventory, ApTxn *txn);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApHandover, ap_handover_free)
