/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `virt-ap explain`: what a code means. */
#include <string.h>

#include "explanations.h"
#include "out.h"
#include "util/ap_error.h"
#include "util/ap_print.h"


static const Explanation *
find_explanation(const char *code)
{
    const Explanation *explanation = explanations;

    while (explanation->code && strcmp(explanation->code, code) != 0)
        explanation++;
    return explanation->code ? explanation : NULL;
}


/* Messages end with the code in brackets, and those are easily copied with it. */
static char *
without_brackets(const char *word)
{
    gsize length = strlen(word);

    if (length > 2 && word[0] == '[' && word[length - 1] == ']')
        return g_strndup(word + 1, length - 2);
    return g_strdup(word);
}


static void
set_unknown_error(const char *code, GError **error)
{
    g_autoptr(GPtrArray) codes = g_ptr_array_new();
    g_autofree char *printable = ap_text_printable(code);
    const char *nearest;

    for (const Explanation *explanation = explanations; explanation->code; explanation++)
        g_ptr_array_add(codes, (char *)explanation->code);
    nearest = ap_text_find_nearest(code, (const char *const *)codes->pdata, codes->len);
    g_set_error(error, AP_ERROR, AP_ERROR_NOT_FOUND, "no code '%s'\n%s%s%s", printable,
                nearest ? "did you mean '" : "`virt-ap explain` lists all",
                nearest ? nearest : "", nearest ? "'?" : "");
}


static void
list_codes(gboolean json)
{
    JsonObject *result = json ? out_new() : NULL;
    JsonObject *codes = json ? json_object_new_array() : NULL;

    for (const Explanation *explanation = explanations; explanation->code; explanation++) {
        if (json)
            json_object_array_add(codes, out_string(explanation->code));
        else
            ap_print("%s\n", explanation->code);
    }
    if (!json)
        return;
    json_object_object_add(result, "codes", codes);
    out_print(result);
}


static void
print_explanation(const Explanation *explanation, gboolean json)
{
    JsonObject *result;

    if (!json) {
        ap_print("%s\n\n%s", explanation->code, explanation->text);
        return;
    }
    result = out_new();
    json_object_object_add(result, "code", out_string(explanation->code));
    json_object_object_add(result, "text", out_string(explanation->text));
    out_print(result);
}


static int
explain(const CmdContext *context, char **args, GError **error)
{
    g_autofree char *code = args[0] ? without_brackets(args[0]) : NULL;
    const Explanation *explanation = code ? find_explanation(code) : NULL;

    if (!code)
        list_codes(context->json);
    else if (explanation)
        print_explanation(explanation, context->json);
    else {
        set_unknown_error(code, error);
        return CMD_FAILED;
    }
    return out_end(0, error);
}


const Cmd cmd_explain = {
    .name = "explain",
    .args = "[CODE]",
    .summary = "Tell what a finding's code means",
    .description = "CODE is what a finding names: in-use, host-owned. Without CODE all are "
                   "listed.",
    .max_args = 1,
    .run = explain,
};
