/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of the callout. libc alone: its front reads it too. */
#pragma once

#include <limits.h>

/* A definition of all 256 adapters, domains and control domains takes 60 KiB. */
#define AP_CALLOUT_INPUT_MAX (1024 * 1024)

/**
 * ApCalloutOptions:
 * @type: type of the mdev, borrowed from the command line as all others
 * @event: "pre", "post", "notify", "get" or "live", or what a later mdevctl may say
 * @action: "define", "modify", "start", "stop", "undefine", "attributes", "capabilities", ...
 * @state: "none", "success" or "failure"
 * @uuid: UUID of the mdev as mdevctl gave it
 * @parent: name of its parent device
 * @root: the root directory, without links if it can be found; "/" by default
 * @real_root: private: where @root is, if it has links
 */
typedef struct {
    const char *type;
    const char *event;
    const char *action;
    const char *state;
    const char *uuid;
    const char *parent;
    const char *root;
    char real_root[PATH_MAX];
} ApCalloutOptions;

/**
 * ap_callout_options_get_type:
 * @argc: number of arguments
 * @argv: arguments
 *
 * Returns: (nullable): the type that the command line names, also where the rest of it cannot be
 *   understood; borrowed.
 */
const char *
ap_callout_options_get_type(int argc, char **argv);

/**
 * ap_callout_options_parse:
 * @argc: number of arguments
 * @argv: arguments, the first one the program's name
 * @ret_options: (out): what they say; must live where it is
 *
 * Each option of mdevctl's is needed; --root is ours.
 *
 * Returns: whether @argv is what mdevctl says to a callout.
 */
int
ap_callout_options_parse(int argc, char **argv, ApCalloutOptions *ret_options);
