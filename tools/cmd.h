/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands of virt-ap: one table declares them, help and the man page are made from it. */
#pragma once

#include <json-c/json.h>

#include "node_device/ap_conflict.h"

typedef struct json_object JsonObject;

/**
 * CmdContext:
 * @root: the root directory
 * @json: whether to print JSON
 * @phase: (nullable): value of --phase
 * @legacy: whether --legacy was given
 */
typedef struct {
    ApRoot *root;
    gboolean json;
    const char *phase;
    gboolean legacy;
} CmdContext;

/**
 * Cmd:
 * @name: the word on the command line
 * @args: its arguments as the synopsis shows them
 * @summary: one line of help
 * @description: what it does, for help and the man page
 * @min_args: how many arguments it needs
 * @max_args: how many it takes; -1: any number
 * @takes_phase: whether it has the option --phase
 * @takes_legacy: whether it has the option --legacy
 * @run: does it; returns the exit code, or sets the error
 */
typedef struct {
    const char *name;
    const char *args;
    const char *summary;
    const char *description;
    int min_args;
    int max_args;
    gboolean takes_phase;
    gboolean takes_legacy;
    int (*run)(const CmdContext *context, char **args, GError **error);
} Cmd;

extern const Cmd cmd_list;
extern const Cmd cmd_map;
extern const Cmd cmd_show;
extern const Cmd cmd_check;
extern const Cmd cmd_capture;
extern const Cmd cmd_qemu_args;

/**
 * cmd_load_inventory:
 * @context: the context
 * @error: return location
 *
 * Errors: AP_ERROR_CONFIG, AP_ERROR_IO.
 *
 * Returns: (nullable): everything there is under the root; the caller frees it.
 */
ApInventory *
cmd_load_inventory(const CmdContext *context, GError **error);

/**
 * cmd_read_file:
 * @arg: a file of the caller's, not of the root's; "-" is standard input
 * @ret_length: (out): its length in bytes
 * @error: return location
 *
 * Errors: AP_ERROR_IO.
 *
 * Returns: (nullable): the content; the caller frees it.
 */
char *
cmd_read_file(const char *arg, gsize *ret_length, GError **error);

/**
 * cmd_require_bus:
 * @inventory: an inventory
 * @error: return location
 *
 * Errors: AP_ERROR_NO_BUS.
 *
 * Returns: whether the host has an AP bus.
 */
gboolean
cmd_require_bus(ApInventory *inventory, GError **error);
