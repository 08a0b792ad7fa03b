/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap define, undefine, start, stop, autostart, update, recover: thin, over ap_driver. */
#include <stdio.h>
#include <string.h>

#include "conf/ap_nodedev_xml.h"
#include "node_device/ap_driver.h"
#include "out.h"
#include "util/ap_error.h"

/* A driver and the kernel that it works on. */
typedef struct {
    ApKernel *kernel;
    ApDriver *driver;
} Session;


static void
session_clear(Session *session)
{
    g_clear_pointer(&session->driver, ap_driver_free);
    g_clear_pointer(&session->kernel, ap_kernel_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Session, session_clear)


static gboolean
open_session(Session *session, const CmdContext *context, GError **error)
{
    session->kernel = cmd_open_kernel(context, error);
    if (!session->kernel)
        return FALSE;
    session->driver =
        ap_driver_new(context->root, session->kernel, cmd_load_guests, context->root);
    return TRUE;
}


static char *
require_mdev(const char *name, GError **error)
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


static ApMdevDef *
read_def(const char *file, GError **error)
{
    g_autofree char *text = NULL;
    ApMdevDef *def;
    gsize length;

    text = cmd_read_file(file, &length, error);
    if (!text)
        return NULL;
    def = ap_nodedev_xml_parse(text, length, error);
    if (!def)
        g_prefix_error(error, "%s: ", file);
    return def;
}


/* Prints what came of it; @what is "defined". Warnings go to standard error. */
static int
print_outcome(const CmdContext *context, const ApOutcome *outcome, const char *what)
{
    gboolean ok;

    if (context->json) {
        JsonObject *result = out_new();

        json_object_object_add(result, "mdev", out_string(outcome->uuid));
        json_object_object_add(result, "done", json_object_new_boolean(outcome->done));
        json_object_object_add(result, "findings", out_findings(outcome->findings));
        ok = out_print(result);
    } else {
        out_print_findings(stderr, outcome->findings);
        if (outcome->done)
            printf("mdev %s %s\n", outcome->uuid, what);
        ok = fflush(stdout) == 0;
    }
    if (!outcome->done)
        return 1;
    return ok ? 0 : 4;
}


static int
run_define(const CmdContext *context, char **args, GError **error)
{
    g_auto(Session) session = { 0 };
    g_auto(ApOutcome) outcome = { 0 };
    g_autoptr(ApMdevDef) def = NULL;

    if (!open_session(&session, context, error))
        return 2;
    def = read_def(args[0], error);
    if (!def || !ap_driver_define(session.driver, def, &outcome, error))
        return 4;
    return print_outcome(context, &outcome, "defined");
}


/* A verb that needs no more than a name. */
static int
run_named(const CmdContext *context, const char *name,
          gboolean (*verb)(ApDriver *driver, const char *uuid, ApOutcome *ret_outcome,
                           GError **error),
          const char *what, GError **error)
{
    g_auto(Session) session = { 0 };
    g_auto(ApOutcome) outcome = { 0 };
    g_autofree char *uuid = NULL;

    if (!open_session(&session, context, error))
        return 2;
    uuid = require_mdev(name, error);
    if (!uuid || !verb(session.driver, uuid, &outcome, error))
        return 4;
    return print_outcome(context, &outcome, what);
}


static int
run_undefine(const CmdContext *context, char **args, GError **error)
{
    return run_named(context, args[0], ap_driver_undefine, "undefined", error);
}


static int
run_stop(const CmdContext *context, char **args, GError **error)
{
    return run_named(context, args[0], ap_driver_stop, "stopped", error);
}


static gboolean
enable_autostart(ApDriver *driver, const char *uuid, ApOutcome *ret_outcome, GError **error)
{
    return ap_driver_set_autostart(driver, uuid, TRUE, ret_outcome, error);
}


static gboolean
disable_autostart(ApDriver *driver, const char *uuid, ApOutcome *ret_outcome, GError **error)
{
    return ap_driver_set_autostart(driver, uuid, FALSE, ret_outcome, error);
}


static int
run_autostart(const CmdContext *context, char **args, GError **error)
{
    if (cmd_get_option(context, "--disable"))
        return run_named(context, args[0], disable_autostart, "will not start at boot", error);
    return run_named(context, args[0], enable_autostart, "will start at boot", error);
}


static gboolean
start_defined(ApDriver *driver, const char *uuid, ApOutcome *ret_outcome, GError **error)
{
    return ap_driver_start(driver, uuid, NULL, ret_outcome, error);
}


static int
run_start(const CmdContext *context, char **args, GError **error)
{
    g_auto(Session) session = { 0 };
    g_auto(ApOutcome) outcome = { 0 };
    g_autoptr(ApMdevDef) def = NULL;

    if (!cmd_is_file(args[0]))
        return run_named(context, args[0], start_defined, "started", error);
    if (!open_session(&session, context, error))
        return 2;
    def = read_def(args[0], error);
    if (!def || !ap_driver_start(session.driver, NULL, def, &outcome, error))
        return 4;
    return print_outcome(context, &outcome, "started");
}


static int
run_update(const CmdContext *context, char **args, GError **error)
{
    gboolean config = cmd_get_option(context, "--config") != NULL;
    gboolean live = cmd_get_option(context, "--live") != NULL;
    g_auto(Session) session = { 0 };
    g_auto(ApOutcome) outcome = { 0 };
    g_autofree char *uuid = NULL;
    g_autoptr(ApMdevDef) def = NULL;

    if (!open_session(&session, context, error))
        return 2;
    uuid = require_mdev(args[0], error);
    if (!uuid)
        return 3;
    def = read_def(args[1], error);
    if (!def)
        return 4;
    if (def->uuid && strcmp(def->uuid, uuid) != 0) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "%s is about mdev %s, not %s", args[1],
                    def->uuid, uuid);
        return 2;
    }
    if (!ap_driver_update(session.driver, uuid, def, config, live, &outcome, error))
        return 4;
    return print_outcome(context, &outcome, "updated");
}


static int
run_recover(const CmdContext *context, char **args, GError **error)
{
    g_auto(Session) session = { 0 };
    g_autofree char *report = NULL;

    (void)args;
    if (!open_session(&session, context, error) ||
        !ap_driver_recover(session.driver, &report, error))
        return 4;
    if (context->json) {
        JsonObject *result = out_new();

        json_object_object_add(result, "report", out_string(report));
        return out_print(result) ? 0 : 4;
    }
    printf("%s\n", report);
    return fflush(stdout) == 0 ? 0 : 4;
}


const Cmd cmd_define = {
    .name = "define",
    .args = "FILE",
    .summary = "Define a matrix",
    .description = "FILE is node-device XML, - standard input. A definition of the same uuid is "
                   "replaced and keeps its autostart.",
    .min_args = 1,
    .max_args = 1,
    .run = run_define,
};

const Cmd cmd_undefine = {
    .name = "undefine",
    .args = "NAME",
    .summary = "Remove a definition",
    .description = "NAME is a UUID or libvirt's name of the node device. An active matrix stays.",
    .min_args = 1,
    .max_args = 1,
    .run = run_undefine,
};

const Cmd cmd_start = {
    .name = "start",
    .args = "NAME|FILE",
    .summary = "Start a matrix",
    .description = "Starts a defined matrix by name, or the one of a node-device XML file, which "
                   "need not be defined.",
    .min_args = 1,
    .max_args = 1,
    .run = run_start,
};

const Cmd cmd_stop = {
    .name = "stop",
    .args = "NAME",
    .summary = "Stop a matrix",
    .description = "Refused while a guest has it.",
    .min_args = 1,
    .max_args = 1,
    .run = run_stop,
};

static const CmdOption autostart_options[] = {
    { "--disable", NULL, "no longer" },
    { NULL },
};

const Cmd cmd_autostart = {
    .name = "autostart",
    .args = "NAME",
    .summary = "Start a matrix at boot",
    .description = "mdevctl does so, once vfio_ap is loaded.",
    .min_args = 1,
    .max_args = 1,
    .options = autostart_options,
    .run = run_autostart,
};

static const CmdOption update_options[] = {
    { "--live", NULL, "the active matrix" },
    { "--config", NULL, "the definition" },
    { NULL },
};

const Cmd cmd_update = {
    .name = "update",
    .args = "NAME FILE",
    .summary = "Change a matrix",
    .description = "Changes the active matrix if it is active, else the definition; with --live "
                   "and --config both, all or nothing. The definition keeps its autostart.",
    .min_args = 2,
    .max_args = 2,
    .options = update_options,
    .run = run_update,
};

const Cmd cmd_recover = {
    .name = "recover",
    .args = "",
    .summary = "End a change that was interrupted",
    .description = "If all of it was done it is complete, else all is undone. Runs at boot, too.",
    .max_args = 0,
    .run = run_recover,
};
