/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The judge: what the callout does behind its front. */
#pragma once

#include <glib.h>

/**
 * ApCalloutCall:
 * @root: the root directory
 * @event: "pre", "get" or "live"
 * @action: "define", "modify", "start", "stop", "undefine" or "attributes"
 * @uuid: UUID of the mdev as mdevctl gave it
 * @parent: name of its parent device
 * @input: what mdevctl wrote to standard input
 * @input_length: its length in bytes
 * @owner: process id of mdevctl, for the lock
 */
typedef struct {
    const char *root;
    const char *event;
    const char *action;
    const char *uuid;
    const char *parent;
    const char *input;
    gsize input_length;
    int owner;
} ApCalloutCall;

/**
 * ap_callout_judge:
 * @call: what mdevctl asks
 *
 * Prints what is wrong to standard error, an answer to standard output. Takes the lock for
 * @owner where the event needs it; who calls releases it if this fails.
 *
 * Returns: 0 for a yes, 1 for a no.
 */
int
ap_callout_judge(const ApCalloutCall *call);
