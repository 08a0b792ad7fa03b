/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of a handover share. */
#pragma once

#include "node_device/ap_handover.h"

/* A handover while it is planned. */
typedef struct {
    const ApRoot *root;
    ApInventory *inventory;
    ApHost *host;
    ApNextBoot *next;
    ApMatrix lpar;
    ApApqnSet queues; /* of this LPAR, that are asked for */
    ApHandover *handover;
} ApHandoverPlan;

/**
 * ap_handover_set_refused:
 * @error: return location
 * @format: the message, as of printf(3)
 * @...: its arguments
 *
 * Errors: AP_ERROR_REFUSED.
 *
 * Returns: FALSE.
 */
gboolean
ap_handover_set_refused(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/**
 * ap_handover_has_override_attribute:
 * @plan: a plan
 *
 * Returns: whether the queues that are asked for have a driver_override to be set.
 */
gboolean
ap_handover_has_override_attribute(const ApHandoverPlan *plan);

/**
 * ap_handover_plan_overrides:
 * @plan: a plan; its queues are there
 * @error: return location
 *
 * Errors: AP_ERROR_NOT_FOUND, AP_ERROR_REFUSED, AP_ERROR_IO.
 *
 * Returns: whether each queue can change hands by its driver_override.
 */
gboolean
ap_handover_plan_overrides(ApHandoverPlan *plan, GError **error);

/**
 * ap_handover_add_override_steps:
 * @handover: a handover
 * @txn: where to add steps: driverctl's records, then the kernel
 */
void
ap_handover_add_override_steps(const ApHandover *handover, ApTxn *txn);
