/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Topology files. */
#include "node_device/sim/ap_sim_topology.h"

#include <string.h>

#include "node_device/sim/ap_sim_bus.h"
#include "node_device/sim/ap_sim_rules.h"
#include "util/ap_error.h"

/* CEX4; the hardware types follow one another. */
#define TYPE_CEX4 10

#define MACHINE "machine"

static const char *const machine_keys[] = { "apxa",          "max-adapter", "max-domain",
                                            "usage-domains", "control-domains", "interrupts",
                                            "apmask",        "aqmask",      NULL };

static const char *const adapter_keys[] = { "type", "mode", "configured", "checkstopped", NULL };

static const char *const types[] = { "cex4", "cex5", "cex6", "cex7", "cex8", NULL };
static const char *const modes[] = { "cca", "ep11", "accel", NULL };

/* A value is looked up once; the error says where it stands. */
typedef struct {
    GKeyFile *file;
    const char *group;
    GError **error;
} Group;


static gboolean
set_error(const Group *group, const char *key, const char *format, ...) G_GNUC_PRINTF(3, 4);

static gboolean
set_error(const Group *group, const char *key, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(group->error, AP_ERROR, AP_ERROR_CONFIG, "[%s]%s%s: %s", group->group,
                key[0] ? " " : "", key, what);
    return FALSE;
}


static char *
get_text(const Group *group, const char *key)
{
    return g_key_file_get_value(group->file, group->group, key, NULL);
}


static gboolean
check_keys(const Group *group, const char *const *known)
{
    g_auto(GStrv) keys = g_key_file_get_keys(group->file, group->group, NULL, NULL);

    for (char **key = keys; *key; key++) {
        if (!g_strv_contains(known, *key))
            return set_error(group, *key, "there is no such key");
    }
    return TRUE;
}


static gboolean
get_flag(const Group *group, const char *key, gboolean *ret_value)
{
    g_autofree char *text = get_text(group, key);

    if (!text)
        return TRUE;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return set_error(group, key, "'%s' is neither true nor false", text);
    *ret_value = strcmp(text, "true") == 0;
    return TRUE;
}


static gboolean
parse_id(const Group *group, const char *key, const char *text, guint limit, guint *ret_id)
{
    g_autoptr(GError) local = NULL;

    if (!ap_id_parse(text, ret_id, &local))
        return set_error(group, key, "%s", local->message);
    if (*ret_id > limit)
        return set_error(group, key, "%s is above the limit of %u", text, limit);
    return TRUE;
}


static gboolean
get_id(const Group *group, const char *key, guint limit, guint *ret_id)
{
    g_autofree char *text = get_text(group, key);

    return !text || parse_id(group, key, text, limit, ret_id);
}


/* "4, 6, 0x2a-0x2c" */
static gboolean
parse_ids(const Group *group, const char *key, const char *text, guint limit, ApMask *ret_ids)
{
    g_auto(GStrv) terms = g_strsplit(text, ",", -1);
    ApMask ids = { 0 };

    for (char **term = terms; *term && text[0]; term++) {
        g_auto(GStrv) ends = g_strsplit(*term, "-", 2);
        ApMask range;
        guint first;
        guint last;

        if (!ends[0] || !parse_id(group, key, g_strstrip(ends[0]), limit, &first))
            return FALSE;
        last = first;
        if (ends[1] && !parse_id(group, key, g_strstrip(ends[1]), limit, &last))
            return FALSE;
        if (first > last)
            return set_error(group, key, "range '%s' runs backwards", g_strstrip(*term));
        range = ap_mask_range(first, last);
        ids = ap_mask_or(&ids, &range);
    }
    *ret_ids = ids;
    return TRUE;
}


static gboolean
get_ids(const Group *group, const char *key, guint limit, ApMask *ret_ids)
{
    g_autofree char *text = get_text(group, key);

    return !text || parse_ids(group, key, text, limit, ret_ids);
}


static gboolean
get_choice(const Group *group, const char *key, const char *const *choices, guint *ret_index)
{
    g_autofree char *text = get_text(group, key);

    if (!text)
        return set_error(group, key, "it is missing");
    for (guint i = 0; choices[i]; i++) {
        if (strcmp(choices[i], text) == 0) {
            *ret_index = i;
            return TRUE;
        }
    }
    return set_error(group, key, "there is no '%s'", text);
}


/* What is written to apmask or aqmask once the machine runs. */
static gboolean
get_mask(const Group *group, const char *key, ApMask *mask)
{
    g_autofree char *text = get_text(group, key);
    g_autoptr(GError) local = NULL;

    *mask = ap_mask_range(0, AP_ID_MAX);
    if (!text || text[0] == '\0' || ap_mask_apply(mask, text, &local))
        return TRUE;
    return set_error(group, key, "%s", local->message);
}


static gboolean
read_machine(const Group *group, ApSimState *state)
{
    gboolean interrupts = FALSE;

    state->apxa = TRUE;
    if (!check_keys(group, machine_keys) || !get_flag(group, "apxa", &state->apxa) ||
        !get_flag(group, "interrupts", &interrupts))
        return FALSE;
    state->max_adapter = state->apxa ? AP_ID_MAX : 63;
    state->max_domain = state->apxa ? AP_ID_MAX : 15;
    if (!get_id(group, "max-adapter", state->max_adapter, &state->max_adapter) ||
        !get_id(group, "max-domain", state->max_domain, &state->max_domain))
        return FALSE;
    if (!g_key_file_has_key(group->file, MACHINE, "usage-domains", NULL))
        return set_error(group, "usage-domains", "it is missing");
    if (!get_ids(group, "usage-domains", state->max_domain, &state->config.domains))
        return FALSE;
    state->config.control_domains = state->config.domains;
    return get_ids(group, "control-domains", state->max_domain, &state->config.control_domains) &&
           get_mask(group, "apmask", &state->boot_apmask) &&
           get_mask(group, "aqmask", &state->boot_aqmask);
}


static gboolean
read_adapter(const Group *group, ApSimState *state)
{
    ApSimCard *card;
    guint adapter;
    guint type = 0;
    guint mode = 0;

    if (!g_str_has_prefix(group->group, "adapter "))
        return set_error(group, "", "it is neither [machine] nor [adapter ID]");
    if (!parse_id(group, "", group->group + strlen("adapter "), state->max_adapter, &adapter))
        return FALSE;
    if (ap_sim_state_find_card(state, adapter))
        return set_error(group, "", "adapter 0x%02x is there twice", adapter);
    if (!check_keys(group, adapter_keys) || !get_choice(group, "type", types, &type) ||
        !get_choice(group, "mode", modes, &mode))
        return FALSE;
    card = ap_sim_state_add_card(state, adapter);
    card->type = TYPE_CEX4 + type;
    card->mode = g_strdup(modes[mode]);
    card->configured = TRUE;
    ap_mask_set(&state->config.adapters, adapter);
    return get_flag(group, "configured", &card->configured) &&
           get_flag(group, "checkstopped", &card->checkstopped);
}


static gboolean
read_groups(GKeyFile *file, ApSimState *state, GError **error)
{
    g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
    const Group machine = { file, MACHINE, error };

    if (!g_key_file_has_group(file, MACHINE))
        return set_error(&machine, "", "there is no such group");
    if (!read_machine(&machine, state))
        return FALSE;
    for (char **name = groups; *name; name++) {
        const Group group = { file, *name, error };

        if (strcmp(*name, MACHINE) != 0 && !read_adapter(&group, state))
            return FALSE;
    }
    return TRUE;
}


ApSimState *
ap_sim_topology_parse(const char *text, gsize length, ApSimGeneration generation, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(ApSimState) state = ap_sim_state_new();
    g_autoptr(GError) local = NULL;

    if (!g_key_file_load_from_data(file, text, length, G_KEY_FILE_NONE, &local)) {
        g_set_error(error, AP_ERROR, AP_ERROR_CONFIG, "%s", local->message);
        return NULL;
    }
    if (!read_groups(file, state, error))
        return NULL;
    state->generation = generation;
    state->apmask = state->boot_apmask;
    state->aqmask = state->boot_aqmask;
    ap_sim_bind_all(state);
    return g_steal_pointer(&state);
}
