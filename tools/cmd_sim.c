/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap sim: simulated hosts, to try things on and for tests. */
#include <string.h>

#include "cmd.h"
#include "node_device/sim/ap_sim.h"
#include "util/ap_error.h"

/* One thing that can be done; @n_args counts DIR, which comes first. */
typedef struct {
    const char *name;
    guint n_args;
    gboolean (*func)(const CmdContext *context, char **args, GError **error);
} Action;


static gboolean
create(const CmdContext *context, char **args, GError **error)
{
    const char *topology = cmd_get_option(context, "--topology");
    const char *generation = cmd_get_option(context, "--kernel");
    g_autofree char *text = NULL;
    gsize length;

    if (!topology || !generation) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "a simulated host needs --topology FILE and --kernel GEN");
        return FALSE;
    }
    text = cmd_read_file(topology, &length, error);
    if (!text)
        return FALSE;
    if (ap_sim_create(args[0], text, length, generation, error))
        return TRUE;
    if (g_error_matches(*error, AP_ERROR, AP_ERROR_CONFIG))
        g_prefix_error(error, "%s: ", topology);
    return FALSE;
}


static gboolean
fail(const CmdContext *context, char **args, GError **error)
{
    const char *count = cmd_get_option(context, "--count");
    g_autoptr(ApRoot) root = ap_root_new(args[0], error);
    guint n = 1;

    if (!root || (count && !ap_id_parse(count, &n, error)))
        return FALSE;
    return ap_sim_fail(root, args[1], args[2], n, error);
}


static gboolean
set_open(char **args, gboolean is_open, GError **error)
{
    g_autoptr(ApRoot) root = ap_root_new(args[0], error);
    g_autofree char *uuid = ap_uuid_normalize(args[1]);

    if (!root)
        return FALSE;
    if (!uuid) {
        g_autofree char *printable = ap_text_printable(args[1]);

        g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "'%s' is not a UUID", printable);
        return FALSE;
    }
    return ap_sim_use(root, uuid, is_open, error);
}


static gboolean
open_mdev(const CmdContext *context, char **args, GError **error)
{
    (void)context;
    return set_open(args, TRUE, error);
}


static gboolean
close_mdev(const CmdContext *context, char **args, GError **error)
{
    (void)context;
    return set_open(args, FALSE, error);
}


static gboolean
reboot(const CmdContext *context, char **args, GError **error)
{
    g_autoptr(ApRoot) root = ap_root_new(args[0], error);

    (void)context;
    return root && ap_sim_reboot(root, error);
}


static const Action actions[] = {
    { "create", 1, create },   { "fail", 3, fail },     { "open", 2, open_mdev },
    { "close", 2, close_mdev }, { "reboot", 1, reboot },
};


static int
run(const CmdContext *context, char **args, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(actions[i].name, args[0]) != 0 ||
            actions[i].n_args != g_strv_length(args + 1))
            continue;
        return actions[i].func(context, args + 1, error) ? 0 : CMD_FAILED;
    }
    g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                "wrong arguments for `virt-ap sim`\nsee `virt-ap sim --help`");
    return CMD_FAILED;
}


static const CmdOption options[] = {
    { "--topology", "FILE", "the machine: adapters, domains, limits, masks" },
    { "--kernel", "GEN", "4.20, 6.0, 6.10, 6.12 or 7.2" },
    { "--count", "N", "which call from now on fails; default 1, the next one" },
    { NULL },
};

const Cmd cmd_sim = {
    .name = "sim",
    .args = "ACTION DIR [ARG ...]",
    .summary = "Make and steer a simulated host",
    .description = "A simulated host is a directory: commands work on it with --sim DIR, and look "
                   "at it with --root DIR too.\n\n"
                   "create DIR --topology FILE --kernel GEN\n"
                   "    makes one, as it is after boot with vfio_ap loaded\n"
                   "fail DIR OPERATION ERRNO [--count N]\n"
                   "    lets a call of create, remove, write or bind fail once, as with EBUSY\n"
                   "open DIR UUID, close DIR UUID\n"
                   "    a guest takes the mdev, or gives it back\n"
                   "reboot DIR\n"
                   "    boots it: no mdev is left, the masks are the topology's",
    .min_args = 2,
    .max_args = 4,
    .options = options,
    .run = run,
};
