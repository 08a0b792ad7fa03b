/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of what is defined. */
#include "node_device/inventory/ap_defs.h"

#include <string.h>

#include "conf/ap_mdevctl_json.h"
#include "node_device/inventory/ap_problem.h"
#include "util/ap_error.h"


void
ap_definition_free(ApDefinition *definition)
{
    if (!definition)
        return;
    g_free(definition->uuid);
    ap_mdev_def_free(definition->def);
    g_free(definition);
}


/* Takes over @def. */
static ApDefinition *
wrap_definition(const char *uuid, ApMdevDef *def)
{
    ApDefinition *definition = g_new0(ApDefinition, 1);

    def->uuid = g_strdup(uuid);
    def->parent = g_strdup(AP_MDEV_PARENT);
    definition->uuid = g_strdup(uuid);
    definition->def = def;
    definition->valid = ap_mdev_def_replay(def, NULL, NULL, &definition->matrix, NULL);
    return definition;
}


/* Names that spell the UUID as mdevctl writes it are looked for first: there is no need to read the
 * directory then. */
char *
ap_defs_find_path(const ApRoot *root, const char *uuid)
{
    g_autofree char *usual = g_strconcat(AP_DEFS_DIR "/", uuid, NULL);
    g_autoptr(ApDir) dir = NULL;
    const char *name;

    if (!ap_root_is_missing(root, usual))
        return g_steal_pointer(&usual);
    dir = ap_dir_open(root, AP_DEFS_DIR, NULL);
    while (dir && (name = ap_dir_next(dir, NULL))) {
        g_autofree char *found = ap_uuid_from_name(name);

        if (g_strcmp0(found, uuid) == 0)
            return g_strconcat(AP_DEFS_DIR "/", name, NULL);
    }
    return g_steal_pointer(&usual);
}


ApDefinition *
ap_definition_new(const char *uuid, const ApMatrix *matrix, gboolean autostart)
{
    ApMdevDef *def = ap_mdev_def_new(AP_MDEV_TYPE);

    def->autostart = autostart;
    ap_mdev_def_add_matrix(def, matrix, TRUE);
    return wrap_definition(uuid, def);
}


static ApDefinition *
parse_definition(const char *uuid, const char *text, gsize length, GError **error)
{
    ApMdevDef *def = ap_mdevctl_json_parse(text, length, error);

    return def ? wrap_definition(uuid, def) : NULL;
}


ApDefinition *
ap_defs_read(const ApRoot *root, const char *uuid, GError **error)
{
    g_autofree char *path = ap_defs_find_path(root, uuid);
    g_autofree char *text = NULL;
    ApDefinition *definition;
    gsize length;

    text = ap_root_read(root, path, AP_ROOT_DEFINITION_MAX, &length, error);
    if (!text)
        return NULL;
    definition = parse_definition(uuid, text, length, error);
    if (!definition) {
        g_autofree char *full = ap_root_describe(root, path);

        g_prefix_error(error, "%s: ", full);
    }
    return definition;
}


/* Whether mdevctl may read what we cannot: what is there is a file, or nobody knows what it is. */
static gboolean
is_a_file_to_others(const ApRoot *root, const char *name)
{
    g_autofree char *path = g_strconcat(AP_DEFS_DIR "/", name, NULL);
    struct stat st;

    if (ap_root_stat(root, path, TRUE, &st))
        return S_ISREG(st.st_mode);
    return !ap_root_stat(root, path, FALSE, &st);
}


static void
load_one(const ApRoot *root, ApDir *dir, const char *name, GPtrArray *definitions,
         GPtrArray *problems)
{
    g_autofree char *uuid = ap_uuid_from_name(name);
    g_autoptr(GError) error = NULL;
    ApDefinition *definition = NULL;
    const char *text;
    gsize length;

    if (!uuid)
        return;
    text = ap_dir_read(dir, name, AP_ROOT_DEFINITION_MAX, &length, &error);
    if (text) {
        definition = parse_definition(uuid, text, length, &error);
        if (!definition) {
            g_autofree char *full = ap_root_describe(root, AP_DEFS_DIR);

            g_prefix_error(&error, "%s/%s: ", full, name);
        }
    }
    /* One that is undefined while we look is no problem. */
    if (g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
        return;
    if (!definition) {
        gboolean hidden = !text && is_a_file_to_others(root, name);
        ApProblem *problem = ap_problem_add(problems, g_steal_pointer(&error), uuid, FALSE);

        problem->hides = hidden ? AP_PROBLEM_HIDES_DEFINED : AP_PROBLEM_HIDES_NOTHING;
        return;
    }
    if (strcmp(definition->def->type, AP_MDEV_TYPE) != 0) {
        ap_definition_free(definition);
        return;
    }
    g_ptr_array_add(definitions, definition);
}


static int
compare_definitions(gconstpointer a, gconstpointer b)
{
    const ApDefinition *const *first = a;
    const ApDefinition *const *second = b;

    return strcmp((*first)->uuid, (*second)->uuid);
}


/* Lets @into stand for both definitions of one mdev: mdevctl may start whatever one of them has. */
static void
merge(ApDefinition *into, const ApDefinition *other)
{
    ApMatrix *matrix = &into->matrix;

    into->def->autostart = into->def->autostart || other->def->autostart;
    into->valid = into->valid || other->valid;
    matrix->adapters = ap_mask_or(&matrix->adapters, &other->matrix.adapters);
    matrix->domains = ap_mask_or(&matrix->domains, &other->matrix.domains);
    matrix->control_domains =
        ap_mask_or(&matrix->control_domains, &other->matrix.control_domains);
}


/* File names are UUIDs in several spellings, so two can be one mdev's. Which of them counts is
 * chance for mdevctl. */
static void
join_duplicates(const ApRoot *root, GPtrArray *definitions, GPtrArray *problems)
{
    for (guint i = definitions->len; i > 1; i--) {
        const ApDefinition *other = definitions->pdata[i - 1];
        ApDefinition *definition = definitions->pdata[i - 2];
        g_autofree char *full = NULL;

        if (strcmp(definition->uuid, other->uuid) != 0)
            continue;
        full = ap_root_describe(root, AP_DEFS_DIR);
        ap_problem_add(problems,
                       g_error_new(AP_ERROR, AP_ERROR_IO,
                                   "%s: two files define mdev %s, their names in two spellings",
                                   full, definition->uuid),
                       definition->uuid, FALSE);
        merge(definition, other);
        g_ptr_array_remove_index(definitions, i - 1);
    }
}


GPtrArray *
ap_defs_load(const ApRoot *root, GPtrArray *problems)
{
    GPtrArray *definitions =
        g_ptr_array_new_with_free_func((GDestroyNotify)ap_definition_free);
    g_autoptr(GError) error = NULL;
    g_autoptr(ApDir) dir = ap_dir_open(root, AP_DEFS_DIR, &error);
    const char *name;

    if (!dir) {
        if (!g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
            ap_problem_add_hidden(problems, g_steal_pointer(&error), AP_PROBLEM_HIDES_DEFINED);
        return definitions;
    }
    while ((name = ap_dir_next(dir, &error)))
        load_one(root, dir, name, definitions, problems);
    if (error)
        ap_problem_add_hidden(problems, g_steal_pointer(&error), AP_PROBLEM_HIDES_DEFINED);
    g_ptr_array_sort(definitions, compare_definitions);
    join_duplicates(root, definitions, problems);
    return definitions;
}
