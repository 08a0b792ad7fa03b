/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap: one command to see and check the AP matrices of a host. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "node_device/ap_session.h"
#include "node_device/inventory/ap_problem.h"
#include "node_device/sim/ap_sim.h"
#include "out.h"
#include "util/ap_error.h"
#include "util/ap_file.h"
#include "util/ap_print.h"

static const Cmd cmd_help;

static const Cmd *const commands[] = {
    &cmd_list,   &cmd_map,  &cmd_show,      &cmd_check,  &cmd_explain, &cmd_capture,
    &cmd_plan,   &cmd_define, &cmd_undefine, &cmd_start, &cmd_stop, &cmd_autostart, &cmd_update,
    &cmd_free, &cmd_reclaim, &cmd_recover, &cmd_sim, &cmd_qemu_args, &cmd_attach, &cmd_detach,
    &cmd_doctor, &cmd_help,
};

/* Of every command; the common ones that take a value are in take_option(). */
static const char *const common_options[] = { "--root", "--sim", "--json", "--help", "--version" };

/* Options, before or after the command. */
typedef struct {
    char *root;
    char *sim;
    gboolean json;
    gboolean help;
    gboolean version;
    GHashTable *own; /* of commands: name to value */
} Options;


const char *
cmd_get_option(const CmdContext *context, const char *name)
{
    return g_hash_table_lookup(context->options, name);
}


gboolean
cmd_get_ids(const CmdContext *context, const char *name, ApMask *ret_mask, GError **error)
{
    const char *value = cmd_get_option(context, name);
    g_autoptr(GError) local = NULL;

    if (!value || ap_mask_parse_list(value, ret_mask, &local))
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "%s: %s", name, local->message);
    return FALSE;
}


gboolean
cmd_get_uuid(const CmdContext *context, char **ret_uuid, GError **error)
{
    const char *value = cmd_get_option(context, "--uuid");
    char *uuid = value ? ap_uuid_normalize(value) : NULL;

    if (value && !uuid) {
        g_autofree char *printable = ap_text_printable(value);

        g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "--uuid: '%s' is no UUID", printable);
        return FALSE;
    }
    *ret_uuid = uuid;
    return TRUE;
}


ApKernel *
cmd_open_kernel(const CmdContext *context, GError **error)
{
    return context->is_sim ? ap_sim_open(context->root, error)
                           : ap_kernel_new(context->root, error);
}


char *
cmd_read_file(const char *arg, gsize *ret_length, GError **error)
{
    /* Not by way of /dev/stdin: sshd makes it a socket, which cannot be opened. */
    gboolean is_stdin = strcmp(arg, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(arg, O_RDONLY | O_CLOEXEC);
    g_autoptr(GByteArray) buffer = g_byte_array_new();
    int errnum = fd < 0 ? errno : ap_file_read_all(fd, AP_ROOT_XML_MAX, buffer);

    if (fd >= 0 && !is_stdin)
        close(fd);
    if (errnum != 0) {
        g_autofree char *escaped = ap_text_escape(arg);

        g_set_error(error, AP_ERROR, ap_error_code_of(errnum), "cannot read %s: %s",
                    is_stdin ? "standard input" : escaped, strerror(errnum));
        return NULL;
    }
    *ret_length = buffer->len;
    g_byte_array_append(buffer, (const guint8 *)"", 1);
    return (char *)g_byte_array_free(g_steal_pointer(&buffer), FALSE);
}


void
cmd_prefix_error(GError **error, const char *arg)
{
    g_autofree char *escaped = ap_text_escape(arg);

    g_prefix_error(error, "%s: ", escaped);
}


gboolean
cmd_is_file(const char *arg)
{
    return strchr(arg, '/') || g_str_has_suffix(arg, ".xml") || strcmp(arg, "-") == 0;
}


char *
cmd_parse_mdev(const char *name)
{
    g_autofree char *uuid = NULL;

    if (!g_str_has_prefix(name, "mdev_"))
        return ap_uuid_normalize(name);
    name += strlen("mdev_");
    uuid = g_strndup(name, 36);
    g_strdelimit(uuid, "_", '-');
    if (name[strlen(uuid)] != '\0' && strcmp(name + strlen(uuid), "_matrix") != 0)
        return NULL;
    return ap_uuid_normalize(uuid);
}


char *
cmd_require_mdev(const char *name, GError **error)
{
    char *uuid = cmd_parse_mdev(name);
    g_autofree char *printable = ap_text_printable(name);

    if (!uuid)
        g_set_error(error, AP_ERROR, AP_ERROR_NOT_FOUND,
                    "'%s' names no mdev: wanted its UUID, or libvirt's name of the node device\n"
                    "see `virt-ap list`",
                    printable);
    return uuid;
}


GPtrArray *
cmd_load_guests(GPtrArray *problems, gpointer data)
{
    return ap_guests_load(data, problems);
}


ApInventory *
cmd_load_inventory(const CmdContext *context, GError **error)
{
    g_autoptr(ApSession) session = ap_session_new(context->root, cmd_load_guests, context->root);
    ApInventory *inventory;

    if (!ap_session_load_config(session, error))
        return NULL;
    inventory = ap_session_load_inventory(session, AP_SESSION_ALL);
    ap_inventory_get_guests(inventory);
    return inventory;
}


void
cmd_set_not_found(const ApRoot *root, GError **error, const char *format, ...)
{
    g_autoptr(GPtrArray) denied = ap_root_list_denied(root);
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    if (denied->len == 0) {
        g_set_error(error, AP_ERROR, AP_ERROR_NOT_FOUND, "%s", text);
        return;
    }
    text[strcspn(text, "\n")] = '\0';
    g_set_error(error, AP_ERROR, AP_ERROR_DENIED,
                "%s can be seen by this user, who cannot read %s%s", text,
                (const char *)denied->pdata[0], denied->len > 1 ? " and more" : "");
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
print_help(void)
{
    ap_print("usage: virt-ap [--root DIR] [--json] [COMMAND]\n\n"
             "Without COMMAND: the host in a few lines.\n\n");
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autofree char *synopsis = g_strjoin(" ", commands[i]->name, commands[i]->args, NULL);

        ap_print("  %-25s %s\n", g_strchomp(synopsis), commands[i]->summary);
    }
    ap_print("\n"
             "  --root DIR                look at a captured host instead of this one\n"
             "  --sim DIR                 work on a simulated host: `virt-ap sim "
             "--help`\n"
             "  --json                    print one JSON object\n"
             "  --version                 print the version\n"
             "\n`virt-ap COMMAND --help` tells more.\n");
}


static void
print_command_help(const Cmd *cmd)
{
    const CmdOption *options = cmd->options;

    ap_print("usage: virt-ap [--root DIR] [--json] %s%s%s", cmd->name, cmd->args[0] ? " " : "",
             cmd->args);
    for (const CmdOption *option = options; option && option->name; option++)
        ap_print(" [%s%s%s]", option->name, option->arg ? " " : "", option->arg ? option->arg : "");
    ap_print("\n\n%s\n%s", cmd->description, options ? "\n" : "");
    for (const CmdOption *option = options; option && option->name; option++) {
        g_autofree char *synopsis = g_strjoin(" ", option->name, option->arg, NULL);

        ap_print("  %-25s %s\n", synopsis, option->help);
    }
}


static int
report_error(const GError *error, gboolean json)
{
    g_autofree char *message = ap_error_message(error);
    const char *hint = ap_error_hint(error);

    if (hint[0] == '\0' && g_error_matches(error, AP_ERROR, AP_ERROR_DENIED))
        hint = ap_problem_get_denied_hint();
    if (json && !ferror(stdout)) {
        JsonObject *result = out_new();
        JsonObject *object = json_object_new_object();

        json_object_object_add(object, "code", out_string(ap_error_name(error)));
        json_object_object_add(object, "message", out_string(message));
        json_object_object_add(object, "hint", out_string(hint));
        json_object_object_add(result, "error", object);
        out_print(result);
    } else {
        ap_print_error("virt-ap: %s\n", message);
        if (hint[0]) {
            g_auto(GStrv) lines = g_strsplit(hint, "\n", -1);
            g_autofree char *indented = g_strjoinv("\n  ", lines);

            ap_print_error("  %s\n", indented);
        }
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


static const CmdOption *
find_own_option(const Cmd *cmd, const char *name)
{
    for (const CmdOption *option = cmd->options; option && option->name; option++) {
        if (strcmp(option->name, name) == 0)
            return option;
    }
    return NULL;
}


/* ", did you mean `virt-ap list`?", or where help is, as the hint of an error. */
static char *
hint_at_command(const char *word)
{
    const char *names[G_N_ELEMENTS(commands)];
    const char *nearest;

    for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
        names[i] = commands[i]->name;
    nearest = ap_text_find_nearest(word, names, G_N_ELEMENTS(names));
    return nearest ? g_strdup_printf("did you mean `virt-ap %s`?", nearest)
                   : g_strdup("see `virt-ap --help`");
}


static char *
hint_at_option(const char *word)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *nearest;

    for (guint i = 0; i < G_N_ELEMENTS(common_options); i++)
        g_ptr_array_add(names, (char *)common_options[i]);
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        const CmdOption *option = commands[i]->options;

        for (; option && option->name; option++)
            g_ptr_array_add(names, (char *)option->name);
    }
    nearest = ap_text_find_nearest(word, (const char *const *)names->pdata, names->len);
    return nearest ? g_strdup_printf("did you mean %s?", nearest)
                   : g_strdup("see `virt-ap --help`");
}


static const Cmd *
require_command(const char *name, GError **error)
{
    const Cmd *cmd = find_command(name);
    g_autofree char *printable = ap_text_printable(name);
    g_autofree char *hint = hint_at_command(name);

    if (!cmd)
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "unknown command '%s'\n%s", printable, hint);
    return cmd;
}


static int
run_help(const CmdContext *context, char **args, GError **error)
{
    const Cmd *cmd = args[0] ? require_command(args[0], error) : NULL;

    (void)context;
    if (args[0] && !cmd)
        return CMD_FAILED;
    if (cmd)
        print_command_help(cmd);
    else
        print_help();
    return 0;
}


static const Cmd cmd_help = {
    .name = "help",
    .args = "[COMMAND]",
    .summary = "Explain the program, or a command",
    .description = "The same as `virt-ap --help` and `virt-ap COMMAND --help`.",
    .max_args = 1,
    .run = run_help,
};


/* An option of whatever command. */
static const CmdOption *
find_option(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        const CmdOption *option = find_own_option(commands[i], name);

        if (option)
            return option;
    }
    return NULL;
}


/* Takes one option; @value is what follows "=", else @next, which is used up if it is needed. */
static gboolean
take_option(Options *options, const char *name, char *value, char ***next, GError **error)
{
    const CmdOption *own = find_option(name);
    char **place = strcmp(name, "--root") == 0  ? &options->root
                 : strcmp(name, "--sim") == 0 ? &options->sim
                                              : NULL;
    gboolean needs_value = place || (own && own->arg);
    g_autofree char *printable = ap_text_printable(name);

    if (needs_value && !value && (*next)[1])
        value = *++*next;
    if (needs_value != (value != NULL)) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "%s option '%s'\nsee `virt-ap --help`",
                    needs_value ? "no value for" : own ? "a value for" : "unknown", printable);
        return FALSE;
    }
    if (place)
        *place = value;
    else if (own)
        g_hash_table_insert(options->own, (char *)own->name, value ? value : (char *)"");
    else if (strcmp(name, "--json") == 0)
        options->json = TRUE;
    else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        options->help = TRUE;
    else if (strcmp(name, "--version") == 0)
        options->version = TRUE;
    else {
        g_autofree char *hint = hint_at_option(name);

        g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "unknown option '%s'\n%s", printable, hint);
        return FALSE;
    }
    return TRUE;
}


/* Takes the options out of @argv: what is left are the command and its arguments. An option that
 * is unknown, or lacks its value, is an error. */
static GPtrArray *
parse_options(char **argv, Options *options, GError **error)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    gboolean only_words = FALSE;

    for (char **arg = argv + 1; *arg; arg++) {
        char *equals = g_str_has_prefix(*arg, "--") ? strchr(*arg, '=') : NULL;
        g_autofree char *name = g_strndup(*arg, equals ? (gsize)(equals - *arg) : strlen(*arg));

        if (only_words || (*arg)[0] != '-' || strcmp(*arg, "-") == 0)
            g_ptr_array_add(words, *arg);
        else if (strcmp(*arg, "--") == 0)
            only_words = TRUE;
        else if (!take_option(options, name, equals ? equals + 1 : NULL, &arg, error))
            return NULL;
    }
    g_ptr_array_add(words, NULL);
    return g_steal_pointer(&words);
}


static gboolean
check_usage(const Cmd *cmd, const Options *options, int n_args, GError **error)
{
    GHashTableIter iter;
    gpointer name;

    if (n_args < cmd->min_args || (cmd->max_args >= 0 && n_args > cmd->max_args)) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "%s arguments\nusage: virt-ap %s %s",
                    n_args < cmd->min_args ? "too few" : "too many", cmd->name, cmd->args);
        return FALSE;
    }
    if (options->root && options->sim) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "--root and --sim exclude each other");
        return FALSE;
    }
    g_hash_table_iter_init(&iter, options->own);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        if (find_own_option(cmd, name))
            continue;
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "`virt-ap %s` has no option %s\nsee `virt-ap %s --help`", cmd->name,
                    (char *)name, cmd->name);
        return FALSE;
    }
    return TRUE;
}


static int
run_command(const Cmd *cmd, const Options *options, char **args, GError **error)
{
    g_autoptr(ApRoot) root = NULL;
    CmdContext context = {
        .is_sim = options->sim != NULL,
        .json = options->json,
        .options = options->own,
    };
    const char *path = options->sim ? options->sim : options->root ? options->root : "/";

    if (!check_usage(cmd, options, g_strv_length(args), error))
        return CMD_FAILED;
    root = ap_root_new(path, error);
    if (!root)
        return CMD_FAILED;
    context.root = root;
    return cmd->run(&context, args, error);
}


static int
run_words(const Options *options, char **words, GError **error)
{
    const Cmd *cmd;

    if (options->version) {
        ap_print("virt-ap (libvirt-ap) %s\n", AP_VERSION);
        return 0;
    }
    if (!words[0] && options->help) {
        print_help();
        return 0;
    }
    if (!words[0] && g_hash_table_size(options->own) > 0) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "no command\nsee `virt-ap --help`");
        return CMD_FAILED;
    }
    if (!words[0])
        return run_command(&cmd_summary, options, words, error);
    cmd = require_command(words[0], error);
    if (!cmd)
        return CMD_FAILED;
    if (options->help) {
        print_command_help(cmd);
        return 0;
    }
    return run_command(cmd, options, words + 1, error);
}


int
main(int argc, char **argv)
{
    g_autoptr(GHashTable) own = g_hash_table_new(g_str_hash, g_str_equal);
    Options options = { .own = own };
    g_autoptr(GPtrArray) words = NULL;
    g_autoptr(GError) error = NULL;
    int result = CMD_FAILED;

    (void)argc;
    setlocale(LC_CTYPE, "");
    words = parse_options(argv, &options, &error);
    if (words)
        result = run_words(&options, (char **)words->pdata, &error);
    else
        options.json = g_strv_contains((const char *const *)argv, "--json");
    g_assert((result == CMD_FAILED) == (error != NULL));
    return error ? report_error(error, options.json) : result;
}
