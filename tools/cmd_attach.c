/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap attach, virt-ap detach: a matrix for a guest that runs without libvirt. */
#include <stdio.h>

#include "out.h"
#include "qemu/qemu_ap_qmp.h"
#include "util/ap_error.h"
#include "util/ap_print.h"


/* qemu_ap_qmp_attach() or qemu_ap_qmp_detach(). */
typedef gboolean (*QmpFunc)(const char *path, const char *uuid, GError **error);


static int
run(const CmdContext *context, const char *name, QmpFunc func, const char *what, GError **error)
{
    const char *socket = cmd_get_option(context, "--qmp");
    g_autofree char *uuid = NULL;

    if (!ap_root_is_host(context->root)) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "a guest runs on this host, not under another root");
        return CMD_FAILED;
    }
    if (!socket) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "--qmp SOCKET is missing\n"
                    "for a guest of libvirt: virsh attach-device, virsh detach-device");
        return CMD_FAILED;
    }
    uuid = cmd_require_mdev(name, error);
    if (!uuid || !func(socket, uuid, error))
        return CMD_FAILED;
    if (context->json) {
        JsonObject *result = out_new();

        json_object_object_add(result, "mdev", out_string(uuid));
        out_print(result);
    } else {
        ap_print("mdev %s %s\n", uuid, what);
    }
    return out_end(0, error);
}


static int
run_attach(const CmdContext *context, char **args, GError **error)
{
    return run(context, args[0], qemu_ap_qmp_attach, "attached", error);
}


static int
run_detach(const CmdContext *context, char **args, GError **error)
{
    return run(context, args[0], qemu_ap_qmp_detach, "detached", error);
}


static const CmdOption options[] = {
    { "--qmp", "SOCKET", "QEMU's QMP socket" },
    { NULL },
};

const Cmd cmd_attach = {
    .name = "attach",
    .args = "NAME",
    .summary = "Plug a matrix into a running QEMU",
    .description = "Plugs an active matrix into a guest that runs without libvirt, over QMP. If "
                   "QEMU refuses, its own words are printed, and what to do.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run_attach,
};

const Cmd cmd_detach = {
    .name = "detach",
    .args = "NAME",
    .summary = "Unplug a matrix from a running QEMU",
    .description = "Unplugs a matrix from a guest that runs without libvirt, over QMP, and waits "
                   "until QEMU has let go.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run_detach,
};
