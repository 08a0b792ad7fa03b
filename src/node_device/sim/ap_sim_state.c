/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the simulated kernel knows, and its text form. */
#include "node_device/sim/ap_sim_state.h"

#include <string.h>

#include "util/ap_error.h"

static const char *const generations[] = { "4.20", "6.0", "6.10", "6.12", "7.2" };


gboolean
ap_sim_generation_from_string(const char *text, ApSimGeneration *ret_generation)
{
    for (guint i = 0; i < G_N_ELEMENTS(generations); i++) {
        if (strcmp(generations[i], text) == 0) {
            *ret_generation = i;
            return TRUE;
        }
    }
    return FALSE;
}


static void
card_free(gpointer data)
{
    ApSimCard *card = data;

    g_free(card->mode);
    g_free(card);
}


static void
mdev_free(gpointer data)
{
    ApSimMdev *mdev = data;

    g_free(mdev->uuid);
    g_free(mdev);
}


ApSimState *
ap_sim_state_new(void)
{
    ApSimState *state = g_new0(ApSimState, 1);

    state->cards = g_ptr_array_new_with_free_func(card_free);
    state->mdevs = g_ptr_array_new_with_free_func(mdev_free);
    state->overrides = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return state;
}


void
ap_sim_state_free(ApSimState *state)
{
    if (!state)
        return;
    g_ptr_array_unref(state->cards);
    g_ptr_array_unref(state->mdevs);
    g_hash_table_unref(state->overrides);
    g_free(state);
}


ApSimCard *
ap_sim_state_add_card(ApSimState *state, guint adapter)
{
    ApSimCard *card = g_new0(ApSimCard, 1);
    guint position = 0;

    card->adapter = adapter;
    while (position < state->cards->len &&
           ((ApSimCard *)state->cards->pdata[position])->adapter < adapter)
        position++;
    g_ptr_array_insert(state->cards, position, card);
    return card;
}


ApSimCard *
ap_sim_state_find_card(const ApSimState *state, guint adapter)
{
    for (guint i = 0; i < state->cards->len; i++) {
        ApSimCard *card = state->cards->pdata[i];

        if (card->adapter == adapter)
            return card;
    }
    return NULL;
}


ApSimMdev *
ap_sim_state_add_mdev(ApSimState *state, const char *uuid)
{
    ApSimMdev *mdev = g_new0(ApSimMdev, 1);

    mdev->uuid = g_strdup(uuid);
    g_ptr_array_add(state->mdevs, mdev);
    return mdev;
}


ApSimMdev *
ap_sim_state_find_mdev(const ApSimState *state, const char *uuid)
{
    for (guint i = 0; i < state->mdevs->len; i++) {
        ApSimMdev *mdev = state->mdevs->pdata[i];

        if (strcmp(mdev->uuid, uuid) == 0)
            return mdev;
    }
    return NULL;
}


static guint
get_number(GKeyFile *file, const char *group, const char *key, GError **error)
{
    return *error ? 0 : g_key_file_get_integer(file, group, key, error);
}


static gboolean
get_flag(GKeyFile *file, const char *group, const char *key, GError **error)
{
    return *error ? FALSE : g_key_file_get_boolean(file, group, key, error);
}


static ApMask
get_mask(GKeyFile *file, const char *group, const char *key, GError **error)
{
    ApMask mask = { 0 };
    g_autofree char *text = *error ? NULL : g_key_file_get_string(file, group, key, error);

    if (text)
        ap_mask_parse_sysfs(text, &mask, error);
    return mask;
}


static ApMatrix
get_matrix(GKeyFile *file, const char *group, const char *prefix, GError **error)
{
    g_autofree char *adapters = g_strconcat(prefix, "apm", NULL);
    g_autofree char *domains = g_strconcat(prefix, "aqm", NULL);
    g_autofree char *control = g_strconcat(prefix, "adm", NULL);

    return (ApMatrix){
        .adapters = get_mask(file, group, adapters, error),
        .domains = get_mask(file, group, domains, error),
        .control_domains = get_mask(file, group, control, error),
    };
}


static void
get_host(ApSimState *state, GKeyFile *file, GError **error)
{
    state->serial = get_number(file, "host", "serial", error);
    state->generation = get_number(file, "host", "generation", error);
    state->apxa = get_flag(file, "host", "apxa", error);
    state->max_adapter = get_number(file, "host", "max-adapter", error);
    state->max_domain = get_number(file, "host", "max-domain", error);
    state->config = get_matrix(file, "host", "", error);
    state->apmask = get_mask(file, "host", "apmask", error);
    state->aqmask = get_mask(file, "host", "aqmask", error);
    state->boot_apmask = get_mask(file, "host", "boot-apmask", error);
    state->boot_aqmask = get_mask(file, "host", "boot-aqmask", error);
}


static void
get_card(ApSimState *state, GKeyFile *file, const char *group, GError **error)
{
    ApSimCard *card = ap_sim_state_add_card(state, get_number(file, group, "adapter", error));

    card->type = get_number(file, group, "type", error);
    card->mode = *error ? NULL : g_key_file_get_string(file, group, "mode", error);
    card->configured = get_flag(file, group, "configured", error);
    card->checkstopped = get_flag(file, group, "checkstopped", error);
    card->host = get_mask(file, group, "host", error);
    card->guest = get_mask(file, group, "guest", error);
    card->failed = get_mask(file, group, "failed", error);
    card->object = get_number(file, group, "object", error);
}


static void
get_mdev(ApSimState *state, GKeyFile *file, const char *group, GError **error)
{
    ApSimMdev *mdev = ap_sim_state_add_mdev(state, group + strlen("mdev "));

    mdev->matrix = get_matrix(file, group, "", error);
    mdev->shadow = get_matrix(file, group, "shadow-", error);
    mdev->is_open = get_flag(file, group, "open", error);
    mdev->object = get_number(file, group, "object", error);
}


static void
get_overrides(ApSimState *state, GKeyFile *file, GError **error)
{
    g_auto(GStrv) names = g_key_file_get_keys(file, "overrides", NULL, NULL);

    for (char **name = names; name && *name && !*error; name++)
        g_hash_table_insert(state->overrides, g_strdup(*name),
                            g_key_file_get_string(file, "overrides", *name, error));
}


ApSimState *
ap_sim_state_parse(const char *text, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(ApSimState) state = ap_sim_state_new();
    g_autoptr(GError) local = NULL;
    g_auto(GStrv) groups = NULL;

    if (g_key_file_load_from_data(file, text, strlen(text), G_KEY_FILE_NONE, &local)) {
        get_host(state, file, &local);
        get_overrides(state, file, &local);
        groups = g_key_file_get_groups(file, NULL);
    }
    for (char **group = groups; group && *group && !local; group++) {
        if (g_str_has_prefix(*group, "card "))
            get_card(state, file, *group, &local);
        else if (g_str_has_prefix(*group, "mdev "))
            get_mdev(state, file, *group, &local);
    }
    if (local) {
        g_set_error(error, AP_ERROR, AP_ERROR_CONFIG, "the simulated kernel's state: %s",
                    local->message);
        return NULL;
    }
    return g_steal_pointer(&state);
}


static void
set_mask(GKeyFile *file, const char *group, const char *key, const ApMask *mask)
{
    char text[AP_MASK_STRING_SIZE];

    g_key_file_set_string(file, group, key, ap_mask_to_string(mask, text));
}


static void
set_matrix(GKeyFile *file, const char *group, const char *prefix, const ApMatrix *matrix)
{
    g_autofree char *adapters = g_strconcat(prefix, "apm", NULL);
    g_autofree char *domains = g_strconcat(prefix, "aqm", NULL);
    g_autofree char *control = g_strconcat(prefix, "adm", NULL);

    set_mask(file, group, adapters, &matrix->adapters);
    set_mask(file, group, domains, &matrix->domains);
    set_mask(file, group, control, &matrix->control_domains);
}


static void
set_host(GKeyFile *file, const ApSimState *state)
{
    g_key_file_set_integer(file, "host", "serial", state->serial);
    g_key_file_set_integer(file, "host", "generation", state->generation);
    g_key_file_set_boolean(file, "host", "apxa", state->apxa);
    g_key_file_set_integer(file, "host", "max-adapter", state->max_adapter);
    g_key_file_set_integer(file, "host", "max-domain", state->max_domain);
    set_matrix(file, "host", "", &state->config);
    set_mask(file, "host", "apmask", &state->apmask);
    set_mask(file, "host", "aqmask", &state->aqmask);
    set_mask(file, "host", "boot-apmask", &state->boot_apmask);
    set_mask(file, "host", "boot-aqmask", &state->boot_aqmask);
}


static void
set_card(GKeyFile *file, const ApSimCard *card)
{
    g_autofree char *group = g_strdup_printf("card %02x", card->adapter);

    g_key_file_set_integer(file, group, "adapter", card->adapter);
    g_key_file_set_integer(file, group, "type", card->type);
    g_key_file_set_string(file, group, "mode", card->mode);
    g_key_file_set_boolean(file, group, "configured", card->configured);
    g_key_file_set_boolean(file, group, "checkstopped", card->checkstopped);
    set_mask(file, group, "host", &card->host);
    set_mask(file, group, "guest", &card->guest);
    set_mask(file, group, "failed", &card->failed);
    g_key_file_set_integer(file, group, "object", card->object);
}


static void
set_mdev(GKeyFile *file, const ApSimMdev *mdev)
{
    g_autofree char *group = g_strconcat("mdev ", mdev->uuid, NULL);

    set_matrix(file, group, "", &mdev->matrix);
    set_matrix(file, group, "shadow-", &mdev->shadow);
    g_key_file_set_boolean(file, group, "open", mdev->is_open);
    g_key_file_set_integer(file, group, "object", mdev->object);
}


char *
ap_sim_state_format(const ApSimState *state)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    GHashTableIter iter;
    gpointer queue;
    gpointer driver;

    set_host(file, state);
    for (guint i = 0; i < state->cards->len; i++)
        set_card(file, state->cards->pdata[i]);
    for (guint i = 0; i < state->mdevs->len; i++)
        set_mdev(file, state->mdevs->pdata[i]);
    g_hash_table_iter_init(&iter, state->overrides);
    while (g_hash_table_iter_next(&iter, &queue, &driver))
        g_key_file_set_string(file, "overrides", queue, driver);
    return g_key_file_to_data(file, NULL, NULL);
}
