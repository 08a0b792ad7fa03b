/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap: one command to see and check the AP matrices of a host. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "out.h"
#include "node_device/ap_problem.h"
#include "util/ap_error.h"

static const Cmd *const commands[] = { &cmd_list, &cmd_map, &cmd_show, &cmd_check,
                                     &cmd_capture, &cmd_qemu_args };

/* Options, before or after the command. */
typedef struct {
    char *root;
    gboolean json;
    char *phase;
    gboolean legacy;
} Options;


static GPtrArray *
load_guests(GPtrArray *problems, gpointer data)
{
    return ap_guests_load(data, problems);
}


ApInventory *
cmd_load_inventory(const CmdContext *context, GError **error)
{
    ApConfig *config = ap_inventory_load_config(context->root, error);
    GPtrArray *problems;
    GPtrArray *definitions;

    if (!config)
        return NULL;
    problems = ap_problem_list_new();
    definitions = ap_defs_load(context->root, problems);
    return ap_inventory_new(ap_host_load(context->root), definitions, problems, config,
                            load_guests, context->root);
}


char *
cmd_read_file(const char *arg, gsize *ret_length, GError **error)
{
    g_autoptr(GError) local = NULL;
    const char *path = strcmp(arg, "-") == 0 ? "/dev/stdin" : arg;
    char *text;

    if (g_file_get_contents(path, &text, ret_length, &local))
        return text;
    g_set_error(error, AP_ERROR, AP_ERROR_IO, "%s", local->message);
    return NULL;
}


gboolean
cmd_require_bus(ApInventory *inventory, GError **error)
{
    if (ap_inventory_get_host(inventory)->has_bus)
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_NO_BUS,
                "this host has no AP bus: there is no /sys/bus/ap under the root\n"
                "on IBM Z: modprobe ap; elsewhere look at a captured host with --root DIR");
    return FALSE;
}


static void
print_help(FILE *stream)
{
    fprintf(stream, "usage: virt-ap [--root DIR] [--json] COMMAND\n\n");
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autofree char *synopsis = g_strjoin(" ", commands[i]->name, commands[i]->args, NULL);

        fprintf(stream, "  %-20s %s\n", g_strchomp(synopsis), commands[i]->summary);
    }
    fprintf(stream, "\n  --root DIR           look at a captured host instead of this one\n"
                    "  --json               print one JSON object\n"
                    "\n`virt-ap COMMAND --help` tells more.\n");
}


static void
print_command_help(const Cmd *cmd)
{
    printf("usage: virt-ap [--root DIR] [--json] %s%s%s%s\n\n%s\n", cmd->name,
           cmd->args[0] ? " " : "", cmd->args, cmd->takes_phase    ? " [--phase PHASE]"
           : cmd->takes_legacy ? " [--legacy]"
                               : "",
           cmd->description);
    if (cmd->takes_legacy)
        printf("\n  --legacy             QEMU's old syntax instead of JSON\n");
    if (cmd->takes_phase)
        printf("\n  --phase PHASE        define, start, live, stop, guest, free or audit, instead "
               "of those that apply\n");
}


static int
report_error(const GError *error, gboolean json)
{
    g_autofree char *message = ap_error_message(error);
    const char *hint = ap_error_hint(error);

    if (json) {
        JsonObject *result = out_new();
        JsonObject *object = json_object_new_object();

        json_object_object_add(object, "code", out_string(ap_error_name(error)));
        json_object_object_add(object, "message", out_string(message));
        json_object_object_add(object, "hint", out_string(hint));
        json_object_object_add(result, "error", object);
        out_print(result);
    } else {
        fprintf(stderr, "virt-ap: %s\n", message);
        if (hint[0])
            fprintf(stderr, "  %s\n", hint);
    }
    return ap_error_exit_code(error);
}


static const Cmd *
find_command(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}


/* Takes the options out of @argv: what is left are the command and its arguments. An option that
 * is unknown, or lacks its value, is an error. */
static GPtrArray *
parse_options(char **argv, Options *options, gboolean *ret_help, GError **error)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    gboolean only_words = FALSE;

    for (char **arg = argv + 1; *arg; arg++) {
        char **value = strcmp(*arg, "--root") == 0    ? &options->root
                     : strcmp(*arg, "--phase") == 0 ? &options->phase
                                                      : NULL;

        if (only_words || (*arg)[0] != '-' || strcmp(*arg, "-") == 0) {
            g_ptr_array_add(words, *arg);
        } else if (strcmp(*arg, "--") == 0) {
            only_words = TRUE;
        } else if (strcmp(*arg, "--json") == 0) {
            options->json = TRUE;
        } else if (strcmp(*arg, "--legacy") == 0) {
            options->legacy = TRUE;
        } else if (strcmp(*arg, "--help") == 0 || strcmp(*arg, "-h") == 0) {
            *ret_help = TRUE;
        } else if (g_str_has_prefix(*arg, "--root=")) {
            options->root = *arg + strlen("--root=");
        } else if (g_str_has_prefix(*arg, "--phase=")) {
            options->phase = *arg + strlen("--phase=");
        } else if (value && arg[1]) {
            *value = *++arg;
        } else {
            g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "%s '%s'\nsee `virt-ap --help`",
                        value ? "no value for option" : "unknown option", *arg);
            return NULL;
        }
    }
    g_ptr_array_add(words, NULL);
    return g_steal_pointer(&words);
}


static gboolean
check_usage(const Cmd *cmd, const Options *options, int n_args, GError **error)
{
    if (n_args < cmd->min_args || (cmd->max_args >= 0 && n_args > cmd->max_args)) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "%s arguments\nusage: virt-ap %s %s",
                    n_args < cmd->min_args ? "too few" : "too many", cmd->name, cmd->args);
        return FALSE;
    }
    if ((options->phase && !cmd->takes_phase) || (options->legacy && !cmd->takes_legacy)) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "`virt-ap %s` has no option --%s\nsee `virt-ap %s --help`", cmd->name,
                    options->phase ? "phase" : "legacy", cmd->name);
        return FALSE;
    }
    return TRUE;
}


static int
run_command(const Cmd *cmd, const Options *options, char **args, GError **error)
{
    g_autoptr(ApRoot) root = NULL;
    CmdContext context = {
        .json = options->json, .phase = options->phase, .legacy = options->legacy,
    };

    if (!check_usage(cmd, options, g_strv_length(args), error))
        return 2;
    root = ap_root_new(options->root ? options->root : "/", error);
    if (!root)
        return 4;
    context.root = root;
    return cmd->run(&context, args, error);
}


int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) words = NULL;
    g_autoptr(GError) error = NULL;
    Options options = { 0 };
    gboolean help = FALSE;
    const Cmd *cmd;
    int result;

    (void)argc;
    setlocale(LC_CTYPE, "");
    words = parse_options(argv, &options, &help, &error);
    if (!words)
        return report_error(error, g_strv_contains((const char *const *)argv, "--json"));
    if (!words->pdata[0]) {
        print_help(help ? stdout : stderr);
        return help ? 0 : 2;
    }
    cmd = find_command(words->pdata[0]);
    if (!cmd) {
        g_autofree char *printable = ap_text_printable(words->pdata[0]);

        g_set_error(&error, AP_ERROR, AP_ERROR_USAGE,
                    "unknown command '%s'\nsee `virt-ap --help`", printable);
        return report_error(error, options.json);
    }
    if (help) {
        print_command_help(cmd);
        return 0;
    }
    result = run_command(cmd, &options, (char **)words->pdata + 1, &error);
    return error ? report_error(error, options.json) : result;
}
