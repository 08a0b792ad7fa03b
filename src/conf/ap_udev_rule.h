/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* udev's rules, as far as they set attributes of a device: chzdev's 41-ap.rules, and what others
 * write. udev(7) is the reference. */
#pragma once

#include <glib.h>

/**
 * ApUdevEvent:
 * @action: "add", "change"
 * @subsystem: of the device
 * @kernel: name of the device
 * @devpath: its path below /sys
 * @properties: "NAME=value" of what the event says, NULL-terminated; without a value: it says
 *   nothing of that name
 * @attributes: "NAME=value" of the device's attributes; without a value: it has none of that name
 *
 * What is in neither list is not known.
 */
typedef struct {
    const char *action;
    const char *subsystem;
    const char *kernel;
    const char *devpath;
    const char *const *properties;
    const char *const *attributes;
} ApUdevEvent;

/**
 * ApUdevSetFunc:
 * @attribute: (nullable): path of the attribute that is written; NULL: a program is run
 * @value: what is written to it; or the program's command line
 * @surely: whether all conditions are met; else some of them cannot be judged from here
 * @data: as given to ap_udev_rule_run()
 */
typedef void (*ApUdevSetFunc)(const char *attribute, const char *value, gboolean surely,
                              gpointer data);

/**
 * ap_udev_rule_run:
 * @text: a file of rules
 * @event: an event of a device
 * @func: called for each attribute that the event lets the rules write, and for each program, in
 *   order
 * @data: for @func
 */
void
ap_udev_rule_run(const char *text, const ApUdevEvent *event, ApUdevSetFunc func, gpointer data);
