/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap qemu-args: what AP adds to QEMU's command line. */
#include <stdio.h>
#include <string.h>

#include "out.h"
#include "qemu/qemu_ap_command.h"
#include "util/ap_error.h"
#include "util/ap_print.h"


static ApDomainDef *
load_domain(const char *arg, GError **error)
{
    g_autofree char *text = NULL;
    ApDomainDef *def;
    gsize length;

    text = cmd_read_file(arg, &length, error);
    if (!text)
        return NULL;
    def = ap_domain_xml_parse(text, length, error);
    if (!def)
        cmd_prefix_error(error, arg);
    return def;
}


static void
print_json(const GPtrArray *args)
{
    JsonObject *result = out_new();
    JsonObject *array = json_object_new_array();

    for (guint i = 0; i < args->len; i++)
        json_object_array_add(array, json_object_new_string(args->pdata[i]));
    json_object_object_add(result, "args", array);
    out_print(result);
}


static int
run(const CmdContext *context, char **args, GError **error)
{
    g_autoptr(ApDomainDef) def = load_domain(args[0], error);
    g_autoptr(GPtrArray) result = NULL;

    if (!def)
        return CMD_FAILED;
    result = qemu_ap_command_build(def, cmd_get_option(context, "--legacy") != NULL, error);
    if (!result) {
        cmd_prefix_error(error, args[0]);
        return CMD_FAILED;
    }
    if (context->json)
        print_json(result);
    for (guint i = 0; !context->json && i < result->len; i++)
        ap_print("%s\n", (const char *)result->pdata[i]);
    return out_end(0, error);
}


static const CmdOption options[] = {
    { "--legacy", NULL, "QEMU's old syntax instead of JSON" },
    { NULL },
};

const Cmd cmd_qemu_args = {
    .name = "qemu-args",
    .args = "DOMAIN.xml",
    .summary = "Print the QEMU arguments that AP adds",
    .description = "Prints what libvirt would add to QEMU's command line for the AP matrix of the "
                   "guest, one argument a line, unquoted: -cpu with the AP features that the XML "
                   "names, -device with the device. - is standard input.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run,
};
