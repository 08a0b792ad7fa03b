/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap attach, virt-ap detach: a matrix for a guest that runs without libvirt. */
#include <stdio.h>

#include "out.h"
#include "qemu/qemu_ap_qmp.h"
#include "util/ap_error.h"
#include "util/ap_id.h"


static gboolean
read_args(const CmdContext *context, char **args, const char **ret_socket, char **ret_uuid,
          GError **error)
{
    const char *socket = cmd_get_option(context, "--qmp");
    char *uuid;

    if (!ap_root_is_host(context->root)) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "a guest runs on this host, not under another root");
        return FALSE;
    }
    if (!socket) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "--qmp SOCKET is missing\n"
                    "for a guest of libvirt: virsh attach-device, virsh detach-device");
        return FALSE;
    }
    uuid = ap_uuid_normalize(args[0]);
    if (!uuid) {
        g_autofree char *printable = ap_text_printable(args[0]);

        g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "'%s' is not a UUID", printable);
        return FALSE;
    }
    *ret_socket = socket;
    *ret_uuid = uuid;
    return TRUE;
}


static int
print_done(const CmdContext *context, const char *uuid, const char *what)
{
    JsonObject *result;

    if (!context->json) {
        printf("mdev %s %s\n", uuid, what);
        return fflush(stdout) == 0 ? 0 : 4;
    }
    result = out_new();
    json_object_object_add(result, "mdev", out_string(uuid));
    return out_print(result) ? 0 : 4;
}


static int
run_attach(const CmdContext *context, char **args, GError **error)
{
    g_autofree char *uuid = NULL;
    const char *socket;

    if (!read_args(context, args, &socket, &uuid, error))
        return 2;
    if (!qemu_ap_qmp_attach(socket, uuid, error))
        return 1;
    return print_done(context, uuid, "attached");
}


static int
run_detach(const CmdContext *context, char **args, GError **error)
{
    g_autofree char *uuid = NULL;
    const char *socket;

    if (!read_args(context, args, &socket, &uuid, error))
        return 2;
    if (!qemu_ap_qmp_detach(socket, uuid, error))
        return 1;
    return print_done(context, uuid, "detached");
}


static const CmdOption options[] = {
    { "--qmp", "SOCKET", "QEMU's QMP socket" },
    { NULL },
};

const Cmd cmd_attach = {
    .name = "attach",
    .args = "UUID",
    .summary = "Plug a matrix into a running QEMU",
    .description = "Plugs an active matrix into a guest that runs without libvirt, over QMP. If "
                   "QEMU refuses, its own words are printed.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run_attach,
};

const Cmd cmd_detach = {
    .name = "detach",
    .args = "UUID",
    .summary = "Unplug a matrix from a running QEMU",
    .description = "Unplugs a matrix from a guest that runs without libvirt, over QMP, and waits "
                   "until QEMU has let go.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run_detach,
};
