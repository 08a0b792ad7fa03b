/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of which queues the host itself needs. */
#include "node_device/inventory/ap_needs.h"

#include <string.h>

#include "node_device/inventory/ap_host.h"
#include "node_device/inventory/ap_zkey.h"
#include "util/ap_error.h"


static void
need_free(gpointer data)
{
    ApNeed *need = data;

    g_free(need->who);
    g_free(need);
}


/* Takes over @who. */
static ApNeed *
add_need(GPtrArray *needs, char *who, const ApApqnSet *apqns)
{
    ApNeed *need = g_new0(ApNeed, 1);

    need->who = who;
    need->apqns = *apqns;
    g_ptr_array_add(needs, need);
    return need;
}


static gboolean
read_node_mask(const ApRoot *root, const char *name, const char *mask, ApMask *ret_mask,
               GPtrArray *problems)
{
    g_autofree char *path = g_strconcat(AP_NEEDS_NODE_DIR "/", name, "/", mask, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = ap_root_read(root, path, AP_ROOT_ATTRIBUTE_MAX, NULL, &error);

    if (text && ap_mask_parse_sysfs(text, ret_mask, &error))
        return TRUE;
    /* The default node has none, and any node can go while it is looked at. */
    if (!g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND)) {
        g_autofree char *full = ap_root_describe(root, path);

        if (text)
            g_prefix_error(&error, "%s: ", full);
        ap_problem_add_hidden(problems, g_steal_pointer(&error), AP_PROBLEM_HIDES_NEED);
    }
    return FALSE;
}


/* The names in a directory of which nobody says that it must be there; NULL if they cannot be
 * known, or there are none. */
static GPtrArray *
list_names(const ApRoot *root, const char *path, GPtrArray *problems)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *names = ap_root_list(root, path, &error);

    if (!names && !g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
        ap_problem_add_hidden(problems, g_steal_pointer(&error), AP_PROBLEM_HIDES_NEED);
    return names;
}


/* A node that reaches everything needs nothing in particular. */
static void
load_nodes(const ApRoot *root, GPtrArray *needs, GPtrArray *problems)
{
    g_autoptr(GPtrArray) names = list_names(root, AP_NEEDS_NODE_DIR, problems);
    ApMask full = ap_mask_range(0, AP_ID_MAX);

    for (guint i = 0; names && i < names->len; i++) {
        const char *name = names->pdata[i];
        ApApqnSet set = { 0 };
        ApMask adapters;
        ApMask domains;

        if (!read_node_mask(root, name, "apmask", &adapters, problems) ||
            !read_node_mask(root, name, "aqmask", &domains, problems) ||
            (ap_mask_equal(&adapters, &full) && ap_mask_equal(&domains, &full)))
            continue;
        ap_apqn_set_add(&set, &adapters, &domains);
        add_need(needs, g_strdup_printf("the zcrypt device node %s uses", name), &set)
            ->one_is_enough = TRUE;
    }
}


static gboolean
parse_token_line(const char *line, ApApqnSet *set, GError **error)
{
    g_autofree char *printable = ap_text_printable(line);
    g_auto(GStrv) words = g_strsplit_set(line, " \t", -1);
    guint numbers[2];
    guint n = 0;

    for (char **word = words; *word; word++) {
        guint64 id;

        if (**word == '\0')
            continue;
        if (n == 2 || !ap_attr_parse(*word, &id, NULL) || id > AP_ID_MAX) {
            n = 0;
            break;
        }
        numbers[n++] = id;
    }
    if (n != 2) {
        g_set_error(error, AP_ERROR, AP_ERROR_NUMBER, "'%s' is not an adapter and a domain",
                    printable);
        return FALSE;
    }
    ap_mask_set(&set->domains[numbers[0]], numbers[1]);
    return TRUE;
}


gboolean
ap_needs_is_token(const char *name)
{
    return g_str_has_prefix(name, "ep11tok") && g_str_has_suffix(name, ".conf");
}


static gboolean
begins_list(const char *line)
{
    return strcmp(line, "APQN_ALLOWLIST") == 0 || strcmp(line, "APQN_WHITELIST") == 0;
}


char *
ap_needs_reduce_token(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    GString *kept = g_string_new(NULL);
    gboolean listing = FALSE;

    for (char **line = lines; *line; line++) {
        ApApqnSet apqns = { 0 };
        gboolean is_edge;

        (*line)[strcspn(*line, "#")] = '\0';
        g_strstrip(*line);
        is_edge = begins_list(*line) || strcmp(*line, "END") == 0;
        if (is_edge)
            listing = begins_list(*line);
        if (is_edge || (listing && parse_token_line(*line, &apqns, NULL)))
            g_string_append_printf(kept, "%s\n", *line);
        else if (listing && **line)
            g_string_append(kept, "?\n");
    }
    return g_string_free(kept, FALSE);
}


gboolean
ap_needs_parse_token(const char *text, ApApqnSet *set, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autofree ApApqnSet *found = g_new0(ApApqnSet, 1);
    gboolean listing = FALSE;

    for (char **each = lines; *each; each++) {
        char *line = *each;

        line[strcspn(line, "#")] = '\0';
        g_strstrip(line);
        if (line[0] == '\0')
            continue;
        if (begins_list(line))
            listing = TRUE;
        else if (strcmp(line, "END") == 0)
            listing = FALSE;
        else if (listing && !parse_token_line(line, found, error))
            return FALSE;
    }
    ap_apqn_set_add_all(set, found);
    return TRUE;
}


static void
load_tokens(const ApRoot *root, GPtrArray *needs, GPtrArray *problems)
{
    g_autoptr(GPtrArray) names = list_names(root, AP_NEEDS_TOKEN_DIR, problems);

    for (guint i = 0; names && i < names->len; i++) {
        const char *name = names->pdata[i];
        g_autofree char *path = g_strconcat(AP_NEEDS_TOKEN_DIR "/", name, NULL);
        g_autoptr(GError) error = NULL;
        g_autofree char *text = NULL;
        ApApqnSet set = { 0 };

        if (!ap_needs_is_token(name))
            continue;
        text = ap_root_read(root, path, AP_ROOT_SMALL_MAX, NULL, &error);
        if (text && !ap_needs_parse_token(text, &set, &error)) {
            g_autofree char *full = ap_root_describe(root, path);

            g_prefix_error(&error, "%s: ", full);
        }
        if (error)
            ap_problem_add_hidden(problems, g_steal_pointer(&error), AP_PROBLEM_HIDES_NEED);
        else if (!ap_apqn_set_is_empty(&set))
            add_need(needs, g_strdup_printf("openCryptoki's EP11 token (%s) uses", name), &set);
    }
}


/* Whether the default domain is known: the judge asks for it when queues are given away. */
static void
look_at_default_domain(const ApRoot *root, GPtrArray *problems)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text =
        ap_root_read(root, AP_HOST_DEFAULT_DOMAIN, AP_ROOT_ATTRIBUTE_MAX, NULL, &error);

    if (!text && !g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
        ap_problem_add_hidden(problems, g_steal_pointer(&error), AP_PROBLEM_HIDES_NEED);
}


GPtrArray *
ap_needs_load(const ApRoot *root, GPtrArray *problems)
{
    GPtrArray *needs = g_ptr_array_new_with_free_func(need_free);
    ApApqnSet keys;

    ap_zkey_load(root, &keys, problems);
    if (!ap_apqn_set_is_empty(&keys))
        add_need(needs, g_strdup("keys of its zkey repository use"), &keys)->are_keys = TRUE;
    load_nodes(root, needs, problems);
    load_tokens(root, needs, problems);
    look_at_default_domain(root, problems);
    return needs;
}
