/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The last guest of each APQN: a GKeyFile with a group for each. */
#include "node_device/inventory/ap_last_guests.h"

#include "node_device/inventory/ap_problem.h"
#include "util/ap_error.h"


static void
last_guest_free(gpointer data)
{
    ApLastGuest *guest = data;

    g_free(guest->name);
    g_free(guest->uuid);
    g_free(guest);
}


static gpointer
make_key(ApApqn apqn)
{
    return GUINT_TO_POINTER((guint)apqn.adapter << 8 | apqn.domain);
}


static gboolean
read_group(GKeyFile *file, const char *group, GHashTable *last_guests, GError **error)
{
    g_autofree char *name = g_key_file_get_string(file, group, "guest", NULL);
    g_autofree char *text = g_key_file_get_string(file, group, "uuid", NULL);
    g_autofree char *uuid = text ? ap_uuid_normalize(text) : NULL;
    ApLastGuest *guest;
    ApApqn apqn;

    if (!ap_apqn_parse(group, &apqn) || !name || !uuid) {
        g_autofree char *printable = ap_text_printable(group);

        g_set_error(error, AP_ERROR, AP_ERROR_CONFIG,
                    "[%s]: wanted an APQN as the group's name, and the keys guest and uuid",
                    printable);
        return FALSE;
    }
    guest = g_new0(ApLastGuest, 1);
    guest->name = g_steal_pointer(&name);
    guest->uuid = g_steal_pointer(&uuid);
    g_hash_table_insert(last_guests, make_key(apqn), guest);
    return TRUE;
}


static void
add_problem(const ApRoot *root, GPtrArray *problems, GError *error)
{
    g_autofree char *path = ap_root_describe(root, AP_LAST_GUESTS_PATH);

    g_prefix_error(&error, "%s: ", path);
    ap_problem_add(problems, error, NULL, FALSE);
}


GHashTable *
ap_last_guests_load(const ApRoot *root, GPtrArray *problems)
{
    GHashTable *last_guests = g_hash_table_new_full(NULL, NULL, NULL, last_guest_free);
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_auto(GStrv) groups = NULL;
    gsize length;

    text = ap_root_read(root, AP_LAST_GUESTS_PATH, AP_ROOT_LARGE_MAX, &length, &error);
    if (!text) {
        if (!g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
            ap_problem_add(problems, g_steal_pointer(&error), NULL, FALSE);
        return last_guests;
    }
    if (!g_key_file_load_from_data(file, text, length, G_KEY_FILE_NONE, &error)) {
        add_problem(root, problems, g_steal_pointer(&error));
        return last_guests;
    }
    groups = g_key_file_get_groups(file, NULL);
    for (char **group = groups; *group; group++) {
        if (!read_group(file, *group, last_guests, &error))
            add_problem(root, problems, g_steal_pointer(&error));
    }
    return last_guests;
}


const ApLastGuest *
ap_last_guests_find(GHashTable *last_guests, ApApqn apqn)
{
    return g_hash_table_lookup(last_guests, make_key(apqn));
}


static gboolean
load_file(const ApRoot *root, GKeyFile *file, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autofree char *text = NULL;
    gsize length;

    text = ap_root_read(root, AP_LAST_GUESTS_PATH, AP_ROOT_LARGE_MAX, &length, &local);
    if (!text && g_error_matches(local, AP_ERROR, AP_ERROR_NOT_FOUND))
        return TRUE;
    if (!text) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    if (!g_key_file_load_from_data(file, text, length, G_KEY_FILE_KEEP_COMMENTS, &local)) {
        g_set_error(error, AP_ERROR, AP_ERROR_CONFIG, "%s: %s", AP_LAST_GUESTS_PATH,
                    local->message);
        return FALSE;
    }
    return TRUE;
}


static gboolean
save_file(const ApRoot *root, GKeyFile *file, GError **error)
{
    g_autofree char *path = g_build_filename(ap_root_get_path(root), AP_LAST_GUESTS_PATH, NULL);
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *text = g_key_file_to_data(file, NULL, NULL);
    g_autoptr(GError) local = NULL;

    g_mkdir_with_parents(dir, 0755);
    if (g_file_set_contents_full(path, text, -1,
                                 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
                                 0644, &local))
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_IO, "%s", local->message);
    return FALSE;
}


gboolean
ap_last_guests_note(const ApRoot *root, const ApMatrix *matrix, const char *name,
                    const char *uuid, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    ApApqnSet set = { 0 };
    guint position = 0;
    ApApqn apqn;

    if (!load_file(root, file, error))
        return FALSE;
    ap_apqn_set_add(&set, &matrix->adapters, &matrix->domains);
    while (ap_apqn_set_next(&set, &position, &apqn)) {
        g_autofree char *group = ap_apqn_to_string(apqn);

        g_key_file_set_string(file, group, "guest", name);
        g_key_file_set_string(file, group, "uuid", uuid);
    }
    return save_file(root, file, error);
}
