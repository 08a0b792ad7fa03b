/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap define, undefine, start, stop, autostart, update, recover: thin, over ap_driver. */
#include <stdio.h>
#include <string.h>

#include "conf/ap_domain_hostdev.h"
#include "conf/ap_nodedev_xml.h"
#include "node_device/ap_driver.h"
#include "out.h"
#include "util/ap_error.h"
#include "util/ap_print.h"

/* A command at work. */
typedef struct {
    const CmdContext *context;
    ApKernel *kernel;
    ApDriver *driver;
    char *uuid;     /* of the argument NAME, else NULL */
    ApMdevDef *def; /* of the argument FILE, or of options; else NULL */
    gboolean makes; /* whether it makes a matrix that a guest can take then */
    ApOutcome outcome;
} Session;

typedef gboolean (*VerbFunc)(Session *session, GError **error);


static void
session_clear(Session *session)
{
    ap_outcome_clear(&session->outcome);
    g_clear_pointer(&session->def, ap_mdev_def_free);
    g_clear_pointer(&session->uuid, g_free);
    g_clear_pointer(&session->driver, ap_driver_free);
    g_clear_pointer(&session->kernel, ap_kernel_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Session, session_clear)


static gboolean
open_session(Session *session, const CmdContext *context, GError **error)
{
    session->context = context;
    session->kernel = cmd_open_kernel(context, error);
    if (!session->kernel)
        return FALSE;
    session->driver =
        ap_driver_new(context->root, session->kernel, cmd_load_guests, context->root);
    return TRUE;
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
print_outcome(const Session *session, const char *what, GError **error)
{
    const ApOutcome *outcome = &session->outcome;
    g_autofree char *hostdev =
        outcome->done && session->makes ? ap_domain_hostdev_format(outcome->uuid) : NULL;
    int code;

    if (session->context->json) {
        JsonObject *result = out_new();

        json_object_object_add(result, "mdev", out_string(outcome->uuid));
        json_object_object_add(result, "done", json_object_new_boolean(outcome->done));
        json_object_object_add(result, "hostdev", out_string(hostdev));
        json_object_object_add(result, "findings", out_findings(outcome->findings));
        out_finish(result, session->context->root, NULL);
    } else {
        out_print_findings(stderr, outcome->findings);
        if (outcome->done)
            ap_print("mdev %s %s\n", outcome->uuid, what);
        if (hostdev)
            ap_print("for the guest's XML:\n%s\n", hostdev);
        out_print_incomplete(session->context->root);
    }
    code = out_end(outcome->done ? 0 : 1, error);
    if (code == CMD_FAILED && outcome->done)
        g_prefix_error(error, "mdev %s %s, but ", outcome->uuid, what);
    return code;
}


/* @name and @file are the command's arguments, NULL where it has none such. */
static int
run(const CmdContext *context, const char *name, const char *file, VerbFunc verb, const char *what,
    GError **error)
{
    g_auto(Session) session = { .makes = file && !name };

    if (!open_session(&session, context, error))
        return CMD_FAILED;
    session.uuid = name ? cmd_require_mdev(name, error) : NULL;
    if (name && !session.uuid)
        return CMD_FAILED;
    session.def = file ? read_def(file, error) : NULL;
    if ((file && !session.def) || !verb(&session, error))
        return CMD_FAILED;
    return print_outcome(&session, what, error);
}


static gboolean
define(Session *session, GError **error)
{
    return ap_driver_define(session->driver, session->def, &session->outcome, error);
}


/* The matrix that the options say, without a file. */
static ApMdevDef *
make_def(const CmdContext *context, GError **error)
{
    g_autoptr(ApMdevDef) def = ap_mdev_def_new(AP_MDEV_TYPE);
    ApMatrix matrix = { 0 };

    if (!cmd_get_ids(context, "--adapter", &matrix.adapters, error) ||
        !cmd_get_ids(context, "--domain", &matrix.domains, error) ||
        !cmd_get_ids(context, "--control-domain", &matrix.control_domains, error) ||
        !cmd_get_uuid(context, &def->uuid, error))
        return NULL;
    ap_mdev_def_add_matrix(def, &matrix, FALSE);
    def->parent = g_strdup(AP_MDEV_PARENT);
    return g_steal_pointer(&def);
}


static int
run_define_options(const CmdContext *context, GError **error)
{
    g_auto(Session) session = { .makes = TRUE };

    session.def = make_def(context, error);
    if (!session.def || !open_session(&session, context, error) || !define(&session, error))
        return CMD_FAILED;
    return print_outcome(&session, "defined", error);
}


static int
run_define(const CmdContext *context, char **args, GError **error)
{
    static const char *const ids[] = { "--adapter", "--domain", "--control-domain" };
    gboolean has_ids = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(ids); i++)
        has_ids |= cmd_get_option(context, ids[i]) != NULL;
    if (args[0] && (has_ids || cmd_get_option(context, "--uuid"))) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "a file and options for what is in it\nwrite that into the file, or "
                    "leave the file out");
        return CMD_FAILED;
    }
    if (args[0])
        return run(context, NULL, args[0], define, "defined", error);
    if (!has_ids) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "neither a file nor ids\nsay what is in the matrix, such as: "
                    "virt-ap define --adapter 5 --domain 0x47,72");
        return CMD_FAILED;
    }
    return run_define_options(context, error);
}


static gboolean
undefine(Session *session, GError **error)
{
    return ap_driver_undefine(session->driver, session->uuid, &session->outcome, error);
}


static int
run_undefine(const CmdContext *context, char **args, GError **error)
{
    return run(context, args[0], NULL, undefine, "undefined", error);
}


static gboolean
start(Session *session, GError **error)
{
    return ap_driver_start(session->driver, session->uuid, session->def, &session->outcome, error);
}


static int
run_start(const CmdContext *context, char **args, GError **error)
{
    gboolean is_file = cmd_is_file(args[0]);

    return run(context, is_file ? NULL : args[0], is_file ? args[0] : NULL, start, "started",
               error);
}


static gboolean
stop(Session *session, GError **error)
{
    return ap_driver_stop(session->driver, session->uuid, &session->outcome, error);
}


static int
run_stop(const CmdContext *context, char **args, GError **error)
{
    return run(context, args[0], NULL, stop, "stopped", error);
}


static gboolean
set_autostart(Session *session, GError **error)
{
    return ap_driver_set_autostart(session->driver, session->uuid,
                                   !cmd_get_option(session->context, "--disable"),
                                   &session->outcome, error);
}


static int
run_autostart(const CmdContext *context, char **args, GError **error)
{
    return run(context, args[0], NULL, set_autostart,
               cmd_get_option(context, "--disable") ? "will not start at boot"
                                                    : "will start at boot",
               error);
}


static gboolean
update(Session *session, GError **error)
{
    if (session->def->uuid && strcmp(session->def->uuid, session->uuid) != 0) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE, "the file is about mdev %s, not %s",
                    session->def->uuid, session->uuid);
        return FALSE;
    }
    return ap_driver_update(session->driver, session->uuid, session->def,
                            cmd_get_option(session->context, "--config") != NULL,
                            cmd_get_option(session->context, "--live") != NULL,
                            &session->outcome, error);
}


static int
run_update(const CmdContext *context, char **args, GError **error)
{
    return run(context, args[0], args[1], update, "updated", error);
}


static int
run_recover(const CmdContext *context, char **args, GError **error)
{
    g_auto(Session) session = { 0 };
    g_autofree char *report = NULL;
    gboolean done;

    (void)args;
    if (!open_session(&session, context, error))
        return CMD_FAILED;
    done = cmd_get_option(context, "--masks")
               ? ap_driver_apply_rule(session.driver, &report, error)
               : ap_driver_recover(session.driver, &report, error);
    if (!done)
        return CMD_FAILED;
    if (context->json) {
        JsonObject *result = out_new();

        json_object_object_add(result, "report", out_string(report));
        out_print(result);
    } else {
        ap_print("%s\n", report);
    }
    return out_end(0, error);
}


static const CmdOption define_options[] = {
    { "--adapter", "LIST", "adapters, such as 5,0x08-0x0a" },
    { "--domain", "LIST", "usage domains, such as 0x47,72" },
    { "--control-domain", "LIST", "control domains" },
    { "--uuid", "UUID", "its UUID; else one is made up" },
    { NULL },
};

const Cmd cmd_define = {
    .name = "define",
    .args = "[FILE]",
    .summary = "Define a matrix",
    .description = "FILE is node-device XML, - standard input; without one the options say what is "
                   "in the matrix. A definition of the same uuid is replaced and keeps its "
                   "autostart. Prints the <hostdev> for the guest.",
    .max_args = 1,
    .options = define_options,
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

static const CmdOption recover_options[] = {
    { "--masks", NULL, "instead: put the masks of chzdev's rule into force if it has not acted" },
    { NULL },
};

const Cmd cmd_recover = {
    .name = "recover",
    .args = "",
    .summary = "End a change that was interrupted",
    .description = "If all of it was done it is complete, else all is undone. Runs at boot, too.",
    .max_args = 0,
    .options = recover_options,
    .run = run_recover,
};
