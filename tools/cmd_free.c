/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap free, reclaim: queues from the host to its guests and back. */
#include <stdio.h>
#include <string.h>

#include "node_device/ap_driver.h"
#include "out.h"
#include "util/ap_error.h"
#include "util/ap_print.h"

static const char *const way_names[] = { "adapter", "domain" };


static gboolean
add_word(ApWish *wish, const char *word, GError **error)
{
    g_autofree char *printable = ap_text_printable(word);
    ApApqn apqn;
    guint id;

    if (ap_apqn_parse(word, &apqn)) {
        ap_mask_set(&wish->queues.domains[apqn.adapter], apqn.domain);
        return TRUE;
    }
    if (ap_card_parse(word, &id) || ap_id_parse(word, &id, NULL)) {
        ap_mask_set(&wish->adapters, id);
        return TRUE;
    }
    g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                "'%s' is neither a queue as lszcrypt prints it, \"05.0047\", nor an adapter, \"5\" "
                "or \"0x05\"\nsee `virt-ap list`",
                printable);
    return FALSE;
}


static gboolean
parse_request(const CmdContext *context, char **args, gboolean reclaim,
              ApHandoverRequest *ret_request, GError **error)
{
    const char *domains = cmd_get_option(context, "--domain");
    ApHandoverRequest request = {
        .reclaim = reclaim,
        .live = cmd_get_option(context, "--live") != NULL,
        .config = cmd_get_option(context, "--config") != NULL,
    };

    /* One might think that it is the queues in both. */
    if (!args[0] == !domains) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    domains ? "either queues and adapters, or --domain for whole domains\n"
                              "a single queue is written \"05.0047\""
                            : "which queues?\n"
                              "a queue is written \"05.0047\", a whole adapter \"5\", a whole "
                              "domain --domain 71");
        return FALSE;
    }
    for (char **word = args; *word; word++) {
        if (!add_word(&request.wish, *word, error))
            return FALSE;
    }
    if (!cmd_get_ids(context, "--domain", &request.wish.domains, error))
        return FALSE;
    *ret_request = request;
    return TRUE;
}


static JsonObject *
apqns_to_json(const ApApqnSet *set)
{
    JsonObject *array = json_object_new_array();
    guint position = 0;
    ApApqn apqn;

    while (ap_apqn_set_next(set, &position, &apqn)) {
        g_autofree char *name = ap_apqn_to_string(apqn);

        json_object_array_add(array, json_object_new_string(name));
    }
    return array;
}


static JsonObject *
ways_to_json(const ApHandover *handover)
{
    JsonObject *array = json_object_new_array();

    for (guint way = 0; way < handover->n_ways; way++) {
        JsonObject *object = json_object_new_object();

        json_object_object_add(object, "way",
                               out_string(handover->n_ways > 1 ? way_names[way] : NULL));
        json_object_object_add(object, "further", apqns_to_json(&handover->further[way]));
        json_object_array_add(array, object);
    }
    return array;
}


static void
print_json(const CmdContext *context, const ApHandover *handover, const ApOutcome *outcome,
           gboolean dry_run)
{
    const ApHandoverRequest *request = &handover->request;
    g_auto(GStrv) commands = ap_handover_list_commands(handover);
    JsonObject *list = json_object_new_array();
    JsonObject *result = out_new();

    for (char **command = commands; *command; command++)
        json_object_array_add(list, json_object_new_string(*command));
    json_object_object_add(result, "verb", out_string(request->reclaim ? "reclaim" : "free"));
    json_object_object_add(result, "done", json_object_new_boolean(outcome->done && !dry_run));
    json_object_object_add(result, "dry_run", json_object_new_boolean(dry_run));
    json_object_object_add(result, "live", json_object_new_boolean(request->live));
    json_object_object_add(result, "config", json_object_new_boolean(request->config));
    json_object_object_add(result, "binding",
                           out_string(handover->by_override ? "driver_override" : "masks"));
    json_object_object_add(result, "apqns", apqns_to_json(&handover->asked));
    json_object_object_add(result, "way",
                           out_string(handover->n_ways > 1 ? way_names[handover->way] : NULL));
    json_object_object_add(result, "ways", ways_to_json(handover));
    json_object_object_add(result, "commands", list);
    json_object_object_add(result, "findings", out_findings(outcome->findings));
    out_finish(result, context->root, NULL);
}


/* "05.0047, 06.0047", or "nothing". */
static char *
list_all(const ApApqnSet *set)
{
    GString *text = g_string_new(NULL);
    guint position = 0;
    ApApqn apqn;

    while (ap_apqn_set_next(set, &position, &apqn)) {
        g_autofree char *name = ap_apqn_to_string(apqn);

        g_string_append_printf(text, "%s%s", text->len ? ", " : "", name);
    }
    if (text->len == 0)
        g_string_append(text, "nothing");
    return g_string_free(text, FALSE);
}


static char *
describe_asked(const ApApqnSet *set)
{
    guint position = 0;
    ApApqn apqn;

    if (ap_apqn_set_count(set) == 1 && ap_apqn_set_next(set, &position, &apqn))
        return ap_apqn_describe(apqn);
    return list_all(set);
}


static void
print_way(const ApHandover *handover, ApFreeWay way)
{
    g_autofree char *further = list_all(&handover->further[way]);

    if (handover->n_ways == 1)
        ap_print("  takes along: %s\n", further);
    else if (way == handover->way)
        ap_print("  by %s, which is the smaller way, takes along: %s\n", way_names[way], further);
    else
        ap_print("  by %s would take along: %s\n", way_names[way], further);
}


static void
print_text(const ApHandover *handover, gboolean dry_run)
{
    const ApHandoverRequest *request = &handover->request;
    g_auto(GStrv) commands = ap_handover_list_commands(handover);
    g_autofree char *asked = describe_asked(&handover->asked);

    ap_print("%s to %s%s: %s\n", dry_run ? "would go" : "went",
             request->reclaim ? "the host" : "guests",
             !request->live     ? " with the next boot"
             : !request->config ? " until the next boot"
                                : "",
             asked);
    print_way(handover, handover->way);
    if (handover->n_ways > 1)
        print_way(handover, handover->way == AP_FREE_BY_ADAPTER ? AP_FREE_BY_DOMAIN
                                                                 : AP_FREE_BY_ADAPTER);
    for (char **command = commands; dry_run && *command; command++)
        ap_print("  the same: %s\n", *command);
}


static int
print_outcome(const CmdContext *context, const ApHandover *handover, const ApOutcome *outcome,
              gboolean dry_run, GError **error)
{
    int code;

    if (context->json)
        print_json(context, handover, outcome, dry_run);
    else
        out_print_findings(stderr, outcome->findings);
    if (!context->json && (outcome->done || dry_run))
        print_text(handover, dry_run);
    if (!context->json)
        out_print_incomplete(context->root);
    code = out_end(outcome->done ? 0 : 1, error);
    if (code == CMD_FAILED && outcome->done && !dry_run)
        g_prefix_error(error, "it is done, but ");
    return code;
}


/* What a change would be; nothing is locked or written. */
static int
look(const CmdContext *context, const ApHandoverRequest *request, GError **error)
{
    g_autoptr(ApInventory) inventory = cmd_load_inventory(context, error);
    g_autoptr(ApHandover) handover = NULL;
    ApOutcome outcome = { 0 };
    int code;

    if (!inventory)
        return CMD_FAILED;
    handover = ap_handover_plan(context->root, inventory, request, error);
    if (!handover)
        return CMD_FAILED;
    outcome.findings = ap_handover_check(handover, inventory);
    ap_finding_list_settle(outcome.findings);
    outcome.done = ap_finding_list_severity(outcome.findings) != AP_SEVERITY_REJECT;
    code = print_outcome(context, handover, &outcome, TRUE, error);
    ap_outcome_clear(&outcome);
    return code;
}


static int
change(const CmdContext *context, const ApHandoverRequest *request, GError **error)
{
    g_autoptr(ApKernel) kernel = cmd_open_kernel(context, error);
    g_autoptr(ApHandover) handover = NULL;
    ApOutcome outcome = { 0 };
    ApDriver *driver;
    gboolean done;
    int code;

    if (!kernel)
        return CMD_FAILED;
    driver = ap_driver_new(context->root, kernel, cmd_load_guests, context->root);
    done = ap_driver_hand_over(driver, request, &handover, &outcome, error);
    ap_driver_free(driver);
    if (!done)
        return CMD_FAILED;
    code = print_outcome(context, handover, &outcome, FALSE, error);
    ap_outcome_clear(&outcome);
    return code;
}


static int
run(const CmdContext *context, char **args, gboolean reclaim, GError **error)
{
    g_autofree ApHandoverRequest *request = g_new0(ApHandoverRequest, 1);

    if (!parse_request(context, args, reclaim, request, error))
        return CMD_FAILED;
    return cmd_get_option(context, "--dry-run") ? look(context, request, error)
                                                : change(context, request, error);
}


static int
run_free(const CmdContext *context, char **args, GError **error)
{
    return run(context, args, FALSE, error);
}


static int
run_reclaim(const CmdContext *context, char **args, GError **error)
{
    return run(context, args, TRUE, error);
}


static const CmdOption options[] = {
    { "--domain", "LIST", "whole domains, of every adapter, such as 0x47,72" },
    { "--live", NULL, "for now" },
    { "--config", NULL, "for after the next boot" },
    { "--dry-run", NULL, "change nothing, tell what would be done" },
    { NULL },
};

const Cmd cmd_free = {
    .name = "free",
    .args = "[QUEUE ...]",
    .summary = "Give queues from the host to guests",
    .description = "QUEUE is an APQN, \"05.0047\", or a whole adapter, \"5\" or \"0x05\". "
                   "Neither --live nor --config means both. Masks give away whole adapters or "
                   "domains: the way that takes fewer further queues along is taken. Refused for "
                   "what the host itself needs.",
    .max_args = -1,
    .options = options,
    .run = run_free,
};

const Cmd cmd_reclaim = {
    .name = "reclaim",
    .args = "[QUEUE ...]",
    .summary = "Give queues back to the host",
    .description = "As `virt-ap free`, the other way round. Of a whole adapter what is free by its "
                   "domain stays with the guests. Refused for what an mdev has or a definition "
                   "needs.",
    .max_args = -1,
    .options = options,
    .run = run_reclaim,
};
