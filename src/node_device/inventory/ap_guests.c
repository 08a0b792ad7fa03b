/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest and its mdevs, and their way from libvirt-ap-guests to the callout. */
#include "node_device/inventory/ap_guests.h"

#include <string.h>

#include "conf/ap_domain_namespace.h"
#include "conf/ap_json.h"
#include "node_device/inventory/ap_host_list.h"
#include "node_device/inventory/ap_problem.h"
#include "util/ap_error.h"


ApGuest *
ap_guest_new(const char *name, const char *uuid, const char *state)
{
    ApGuest *guest = g_new0(ApGuest, 1);

    guest->name = strchr(name, '\n') ? ap_text_escape(name) : g_strdup(name);
    guest->uuid = g_strdup(uuid);
    guest->state = g_strdup(state);
    guest->mdevs = g_ptr_array_new_with_free_func(g_free);
    guest->held = g_ptr_array_new_with_free_func(g_free);
    return guest;
}


void
ap_guest_free(ApGuest *guest)
{
    if (!guest)
        return;
    g_free(guest->name);
    g_free(guest->uuid);
    g_free(guest->state);
    g_ptr_array_unref(guest->mdevs);
    g_ptr_array_unref(guest->held);
    g_free(guest);
}


static void
add_once(GPtrArray *uuids, const char *uuid)
{
    if (!g_ptr_array_find_with_equal_func(uuids, uuid, g_str_equal, NULL))
        g_ptr_array_add(uuids, g_strdup(uuid));
}


void
ap_guest_add_mdev(ApGuest *guest, const char *uuid, gboolean held)
{
    add_once(guest->mdevs, uuid);
    if (held)
        add_once(guest->held, uuid);
}


gboolean
ap_guest_is_same(const ApGuest *a, const ApGuest *b)
{
    if (a->uuid && b->uuid)
        return strcmp(a->uuid, b->uuid) == 0;
    return strcmp(a->name, b->name) == 0;
}


gboolean
ap_guest_names(const ApGuest *guest, const char *uuid)
{
    return g_ptr_array_find_with_equal_func(guest->mdevs, uuid, g_str_equal, NULL);
}


gboolean
ap_guest_holds(const ApGuest *guest, const char *uuid)
{
    return g_ptr_array_find_with_equal_func(guest->held, uuid, g_str_equal, NULL);
}


gboolean
ap_guests_bring_matrices(const ApRoot *root)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ApDir) dir = ap_dir_open(root, AP_GUESTS_DIR, &error);
    const char *name;

    if (!dir)
        return !g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND);
    while ((name = ap_dir_next(dir, &error))) {
        g_autoptr(GError) unread = NULL;
        const char *text;
        gsize length;

        if (!g_str_has_suffix(name, ".xml"))
            continue;
        text = ap_dir_read(dir, name, AP_ROOT_LARGE_MAX, &length, &unread);
        if (text ? memmem(text, length, AP_DOMAIN_NAMESPACE, strlen(AP_DOMAIN_NAMESPACE)) != NULL
                 : !g_error_matches(unread, AP_ERROR, AP_ERROR_NOT_FOUND))
            return TRUE;
    }
    return error != NULL;
}


static JsonObject *
strings_to_json(const GPtrArray *strings)
{
    JsonObject *array = json_object_new_array();

    for (guint i = 0; i < strings->len; i++)
        json_object_array_add(array, json_object_new_string(strings->pdata[i]));
    return array;
}


static JsonObject *
string_to_json(const char *string)
{
    return string ? json_object_new_string(string) : NULL;
}


/* The matrix that the guest brings with it, in the form of ap_config. */
static JsonObject *
matrix_to_json(const ApGuest *guest)
{
    g_autofree char *text = guest->has_matrix ? ap_matrix_to_ap_config(&guest->matrix) : NULL;

    return string_to_json(text);
}


char *
ap_guests_to_json(const GPtrArray *guests, const GPtrArray *problems)
{
    g_autoptr(JsonObject) root = json_object_new_object();
    JsonObject *guest_array = json_object_new_array();
    JsonObject *problem_array = json_object_new_array();

    for (guint i = 0; i < guests->len; i++) {
        const ApGuest *guest = guests->pdata[i];
        JsonObject *object = json_object_new_object();

        json_object_object_add(object, "name", string_to_json(guest->name));
        json_object_object_add(object, "uuid", string_to_json(guest->uuid));
        json_object_object_add(object, "state", string_to_json(guest->state));
        json_object_object_add(object, "persistent", json_object_new_boolean(guest->persistent));
        json_object_object_add(object, "autostart", json_object_new_boolean(guest->autostart));
        json_object_object_add(object, "mdevs", strings_to_json(guest->mdevs));
        json_object_object_add(object, "held", strings_to_json(guest->held));
        json_object_object_add(object, "matrix", matrix_to_json(guest));
        json_object_object_add(object, "asks-pool", json_object_new_boolean(guest->asks_pool));
        json_object_array_add(guest_array, object);
    }
    for (guint i = 0; i < problems->len; i++) {
        const ApProblem *problem = problems->pdata[i];
        JsonObject *object = json_object_new_object();

        json_object_object_add(object, "message", string_to_json(problem->message));
        json_object_object_add(object, "hides", json_object_new_int(problem->hides));
        json_object_object_add(object, "denied", json_object_new_boolean(problem->denied));
        json_object_array_add(problem_array, object);
    }
    json_object_object_add(root, "guests", guest_array);
    json_object_object_add(root, "problems", problem_array);
    return g_strdup(json_object_to_json_string(root));
}


static gboolean
is_array_of_strings(JsonObject *array)
{
    if (!json_object_is_type(array, json_type_array))
        return FALSE;
    for (gsize i = 0; i < json_object_array_length(array); i++) {
        if (!json_object_is_type(json_object_array_get_idx(array, i), json_type_string))
            return FALSE;
    }
    return TRUE;
}


static gboolean
add_mdevs_from_json(ApGuest *guest, JsonObject *array, gboolean held)
{
    if (!is_array_of_strings(array))
        return FALSE;
    for (gsize i = 0; i < json_object_array_length(array); i++)
        ap_guest_add_mdev(guest, json_object_get_string(json_object_array_get_idx(array, i)),
                          held);
    return TRUE;
}


static gboolean
add_matrix_from_json(ApGuest *guest, JsonObject *object)
{
    JsonObject *text;

    if (!json_object_object_get_ex(object, "matrix", &text))
        return FALSE;
    guest->has_matrix = text != NULL;
    return !text || (json_object_is_type(text, json_type_string) &&
                     ap_matrix_parse_ap_config(json_object_get_string(text), &guest->matrix, NULL));
}


static ApGuest *
guest_from_json(JsonObject *object)
{
    const char *name = ap_json_get_string(object, "name");
    const char *state = ap_json_get_string(object, "state");
    g_autoptr(ApGuest) guest = NULL;

    if (!name || !state)
        return NULL;
    guest = ap_guest_new(name, ap_json_get_string(object, "uuid"), state);
    guest->persistent = json_object_get_boolean(json_object_object_get(object, "persistent"));
    guest->autostart = json_object_get_boolean(json_object_object_get(object, "autostart"));
    guest->asks_pool = json_object_get_boolean(json_object_object_get(object, "asks-pool"));
    if (!add_mdevs_from_json(guest, json_object_object_get(object, "mdevs"), FALSE) ||
        !add_mdevs_from_json(guest, json_object_object_get(object, "held"), TRUE) ||
        !add_matrix_from_json(guest, object))
        return NULL;
    return g_steal_pointer(&guest);
}


static gboolean
add_problem_from_json(JsonObject *object, GPtrArray *problems)
{
    const char *message = ap_json_get_string(object, "message");
    JsonObject *hides = json_object_object_get(object, "hides");
    JsonObject *denied = json_object_object_get(object, "denied");
    ApErrorCode code = json_object_get_boolean(denied) ? AP_ERROR_DENIED : AP_ERROR_IO;
    int n = json_object_get_int(hides);

    if (!message || !json_object_is_type(denied, json_type_boolean) ||
        !json_object_is_type(hides, json_type_int) || n < 0 || n >= AP_N_PROBLEM_HIDES)
        return FALSE;
    ap_problem_add_hidden(problems, g_error_new(AP_ERROR, code, "%s", message), n);
    return TRUE;
}


GPtrArray *
ap_guests_from_json(const char *text, GPtrArray *problems)
{
    g_autoptr(JsonObject) root = json_tokener_parse(text);
    JsonObject *guest_array = json_object_object_get(root, "guests");
    JsonObject *problem_array = json_object_object_get(root, "problems");
    g_autoptr(GPtrArray) found = ap_problem_list_new();
    g_autoptr(GPtrArray) guests =
        g_ptr_array_new_with_free_func((GDestroyNotify)ap_guest_free);

    if (!json_object_is_type(guest_array, json_type_array) ||
        !json_object_is_type(problem_array, json_type_array))
        return NULL;
    for (gsize i = 0; i < json_object_array_length(guest_array); i++) {
        ApGuest *guest = guest_from_json(json_object_array_get_idx(guest_array, i));

        if (!guest)
            return NULL;
        g_ptr_array_add(guests, guest);
    }
    for (gsize i = 0; i < json_object_array_length(problem_array); i++) {
        if (!add_problem_from_json(json_object_array_get_idx(problem_array, i), found))
            return NULL;
    }
    g_ptr_array_extend_and_steal(problems, g_steal_pointer(&found));
    return g_steal_pointer(&guests);
}
