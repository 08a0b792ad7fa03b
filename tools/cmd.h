/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The commands of virt-ap: one table declares them, help and the man page are made from it. */
#pragma once

#include "conf/ap_json.h"
#include "node_device/conflict/ap_conflict.h"
#include "node_device/txn/ap_kernel.h"

/* What a command returns that has set its error: the error's code decides on the exit code
 * (ap_error_exit_code()). */
#define CMD_FAILED (-1)

/**
 * CmdContext:
 * @root: the root directory
 * @is_sim: whether it was given by --sim: a simulated host, on which commands may write
 * @json: whether to print JSON
 * @options: (element-type utf8 utf8): the command's own options that were given
 */
typedef struct {
    ApRoot *root;
    gboolean is_sim;
    gboolean json;
    GHashTable *options;
} CmdContext;

/**
 * CmdOption:
 * @name: "--phase"; NULL ends an array
 * @arg: (nullable): what stands for its value in the synopsis; NULL: it has none
 * @help: what it does
 *
 * An option of one or several commands. One name means the same, value or not, for all.
 */
typedef struct {
    const char *name;
    const char *arg;
    const char *help;
} CmdOption;

/**
 * Cmd:
 * @name: the word on the command line
 * @args: its arguments as the synopsis shows them
 * @summary: one line of help
 * @description: what it does, for help and the man page
 * @min_args: how many arguments it needs
 * @max_args: how many it takes; -1: any number
 * @options: (nullable) (array zero-terminated=1): its own options
 * @run: does it; returns the exit code, or CMD_FAILED with the error set
 */
typedef struct {
    const char *name;
    const char *args;
    const char *summary;
    const char *description;
    int min_args;
    int max_args;
    const CmdOption *options;
    int (*run)(const CmdContext *context, char **args, GError **error);
} Cmd;

extern const Cmd cmd_list;
extern const Cmd cmd_map;
extern const Cmd cmd_show;
extern const Cmd cmd_check;
extern const Cmd cmd_explain;
extern const Cmd cmd_capture;
extern const Cmd cmd_doctor;
extern const Cmd cmd_plan;
extern const Cmd cmd_define;
extern const Cmd cmd_undefine;
extern const Cmd cmd_start;
extern const Cmd cmd_stop;
extern const Cmd cmd_autostart;
extern const Cmd cmd_update;
extern const Cmd cmd_free;
extern const Cmd cmd_reclaim;
extern const Cmd cmd_recover;
extern const Cmd cmd_sim;
/* What virt-ap does without a command; not one of its commands. */
extern const Cmd cmd_summary;
extern const Cmd cmd_qemu_args;
extern const Cmd cmd_attach;
extern const Cmd cmd_detach;

/**
 * cmd_get_option:
 * @context: the context
 * @name: an option of the command, "--phase"
 *
 * Returns: (nullable): its value, "" if it has none, NULL if it was not given; borrowed.
 */
const char *
cmd_get_option(const CmdContext *context, const char *name);

/**
 * cmd_get_ids:
 * @context: the context
 * @name: an option whose value is a list of ids
 * @ret_mask: (out): the ids; untouched if it was not given, or on failure
 * @error: return location
 *
 * Errors: AP_ERROR_USAGE.
 *
 * Returns: FALSE if it was given and is no list of ids.
 */
gboolean
cmd_get_ids(const CmdContext *context, const char *name, ApMask *ret_mask, GError **error);

/**
 * cmd_get_uuid:
 * @context: the context
 * @ret_uuid: (out): the value of --uuid in lower case, NULL if it was not given; the caller frees
 *   it; untouched on failure
 * @error: return location
 *
 * Errors: AP_ERROR_USAGE.
 *
 * Returns: FALSE if it was given and is no UUID.
 */
gboolean
cmd_get_uuid(const CmdContext *context, char **ret_uuid, GError **error);

/**
 * cmd_open_kernel:
 * @context: the context
 * @error: return location
 *
 * For commands that change something.
 *
 * Errors: AP_ERROR_USAGE on a captured root, AP_ERROR_NOT_FOUND if --sim names no simulated host.
 *
 * Returns: (nullable): the kernel to work on; the caller frees it with ap_kernel_free().
 */
ApKernel *
cmd_open_kernel(const CmdContext *context, GError **error);

/**
 * cmd_load_guests:
 * @problems: (element-type ApProblem): where to note what cannot be read
 * @data: the root
 *
 * An ApGuestsFunc.
 *
 * Returns: (nullable) (element-type ApGuest): the guests.
 */
GPtrArray *
cmd_load_guests(GPtrArray *problems, gpointer data);

/**
 * cmd_parse_mdev:
 * @name: a UUID, or libvirt's name of a node device: "mdev_11111111_..._matrix"
 *
 * Returns: (nullable): the UUID in lower case, NULL if @name is neither; the caller frees it.
 */
char *
cmd_parse_mdev(const char *name);

/**
 * cmd_require_mdev:
 * @name: as cmd_parse_mdev()
 * @error: return location
 *
 * Errors: AP_ERROR_NOT_FOUND if @name names no mdev; whether there is that one is not looked at.
 *
 * Returns: (nullable): the UUID in lower case; the caller frees it.
 */
char *
cmd_require_mdev(const char *name, GError **error);

/**
 * cmd_is_file:
 * @arg: an argument
 *
 * Returns: whether it means a file: it has a / in it, ends in .xml, or is "-".
 */
gboolean
cmd_is_file(const char *arg);

/**
 * cmd_read_file:
 * @arg: a file of the caller's, not of the root's; "-" is standard input
 * @ret_length: (out): its length in bytes
 * @error: return location
 *
 * Errors: AP_ERROR_IO; also if it is larger than AP_ROOT_XML_MAX.
 *
 * Returns: (nullable): the content, with a NUL behind it; the caller frees it.
 */
char *
cmd_read_file(const char *arg, gsize *ret_length, GError **error);

/**
 * cmd_prefix_error:
 * @error: an error about what is in the file
 * @arg: a file of the caller's
 *
 * Puts the file's name in front.
 *
 * Errors: none of its own.
 */
void
cmd_prefix_error(GError **error, const char *arg);

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
 * cmd_set_not_found:
 * @root: the root that was looked at
 * @error: return location
 * @format: "no guest '%s'", and after a newline a hint
 * @...: for @format
 *
 * What is not found may be in something that this user may not read: then it is unknown.
 *
 * Errors: AP_ERROR_NOT_FOUND, AP_ERROR_DENIED.
 */
void
cmd_set_not_found(const ApRoot *root, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

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
