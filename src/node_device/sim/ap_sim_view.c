/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the simulated kernel's attributes say. */
#include "node_device/sim/ap_sim_view.h"

#include <string.h>

/* A page, less the NUL: what sysfs gives of a longer text. */
#define PAGE_MAX 4095

/* The first 32 bits of TAPQ's GR2, by mode, as the emulated machine has them. */
static const struct {
    const char *mode;
    char letter;
    const char *functions;
} modes[] = {
    { "cca", 'C', "0x92800000\n" },
    { "ep11", 'P', "0x86000000\n" },
    { "accel", 'A', "0x6A000000\n" },
};


static GArray *
files_new(void)
{
    return g_array_new(TRUE, TRUE, sizeof(ApSimFile));
}


static void
add(GArray *files, const char *name, gboolean is_link, char *text)
{
    ApSimFile file = { .name = name, .text = text, .is_link = is_link };

    g_array_append_val(files, file);
}


static void
add_text(GArray *files, const char *name, const char *text)
{
    add(files, name, FALSE, g_strdup(text));
}


static void
add_number(GArray *files, const char *name, guint number)
{
    add(files, name, FALSE, g_strdup_printf("%u\n", number));
}


static void
add_mask(GArray *files, const char *name, const ApMask *mask)
{
    char text[AP_MASK_STRING_SIZE];

    add(files, name, FALSE, g_strconcat(ap_mask_to_string(mask, text), "\n", NULL));
}


static ApSimFile *
finish(GArray *files)
{
    return (ApSimFile *)g_array_free(files, FALSE);
}


void
ap_sim_files_free(ApSimFile *files)
{
    for (ApSimFile *file = files; file->name; file++)
        g_free(file->text);
    g_free(files);
}


ApSimFile *
ap_sim_view_static_bus(const ApSimState *state)
{
    GArray *files = files_new();
    gboolean apxa = state->apxa;

    add_mask(files, "ap_adapter_mask", &state->config.adapters);
    add_mask(files, "ap_usage_domain_mask", &state->config.domains);
    add_mask(files, "ap_control_domain_mask", &state->config.control_domains);
    /* ap_get_configuration() takes a 0 for "not told". */
    add_number(files, "ap_max_adapter_id",
               apxa && state->max_adapter ? state->max_adapter : 63);
    add_number(files, "ap_max_domain_id", apxa && state->max_domain ? state->max_domain : 15);
    if (state->generation >= AP_SIM_6_10)
        add_text(files, "features", apxa ? "APSC APXA RC8A\n" : "APSC RC8A\n");
    add_number(files, "scans", 1);
    add(files, "apmask", TRUE, g_strdup("../../../.sim/state/apmask"));
    add(files, "aqmask", TRUE, g_strdup("../../../.sim/state/aqmask"));
    add(files, "bindings", TRUE, g_strdup("../../../.sim/state/bindings"));
    return finish(files);
}


/* bindings_show() */
static char *
format_bindings(const ApSimState *state)
{
    guint n_queues = state->cards->len * ap_mask_count(&state->config.domains);
    guint n_bound = 0;

    for (guint i = 0; i < state->cards->len; i++) {
        const ApSimCard *card = state->cards->pdata[i];

        n_bound += ap_mask_count(&card->host) + ap_mask_count(&card->guest);
    }
    return g_strdup_printf("%u/%u%s\n", n_bound, n_queues,
                           n_bound == n_queues ? " (complete)" : "");
}


ApSimFile *
ap_sim_view_bus(const ApSimState *state)
{
    GArray *files = files_new();

    add_mask(files, "apmask", &state->apmask);
    add_mask(files, "aqmask", &state->aqmask);
    add(files, "bindings", FALSE, format_bindings(state));
    return finish(files);
}


ApSimFile *
ap_sim_view_card(const ApSimCard *card)
{
    GArray *files = files_new();
    guint mode = 0;

    while (strcmp(modes[mode].mode, card->mode) != 0)
        mode++;
    add(files, "type", FALSE, g_strdup_printf("CEX%u%c\n", card->type - 6, modes[mode].letter));
    add_number(files, "hwtype", card->type);
    add_number(files, "raw_hwtype", card->type);
    add(files, "modalias", FALSE, g_strdup_printf("ap:t%02X\n", card->type));
    add_text(files, "ap_functions", modes[mode].functions);
    add_number(files, "depth", 8);
    add_number(files, "config", card->configured);
    add_number(files, "chkstop", card->checkstopped);
    add_number(files, "online", 1);
    add_text(files, "serialnr", "\n");
    add(files, "driver", TRUE, g_strdup("../../../bus/ap/drivers/cex4card"));
    return finish(files);
}


static const ApSimMdev *
find_mdev_of(const ApSimState *state, guint adapter, guint domain)
{
    for (guint i = 0; i < state->mdevs->len; i++) {
        const ApSimMdev *mdev = state->mdevs->pdata[i];

        if (ap_mask_has(&mdev->matrix.adapters, adapter) &&
            ap_mask_has(&mdev->matrix.domains, domain))
            return mdev;
    }
    return NULL;
}


/* status_show() of vfio_ap */
static const char *
get_status(const ApSimState *state, guint adapter, guint domain)
{
    const ApSimMdev *mdev = find_mdev_of(state, adapter, domain);

    if (!mdev)
        return "unassigned";
    return mdev->is_open && ap_mask_has(&mdev->shadow.adapters, adapter) &&
                   ap_mask_has(&mdev->shadow.domains, domain)
               ? "in use"
               : "assigned";
}


static const char *
get_override(const ApSimState *state, const ApSimCard *card, guint domain)
{
    char name[8];

    g_snprintf(name, sizeof(name), "%02x.%04x", card->adapter, domain);
    return g_hash_table_lookup(state->overrides, name);
}


char *
ap_sim_view_queue_face(const ApSimState *state, const ApSimCard *card, guint domain)
{
    const char *override = get_override(state, card, domain);

    if (ap_mask_has(&card->guest, domain))
        return g_strdup_printf("vfio_ap,%s,%08x", get_status(state, card->adapter, domain),
                               override ? g_str_hash(override) : 0);
    return g_strdup_printf("%s,%08x", ap_mask_has(&card->host, domain) ? "cex4queue" : "none",
                           override ? g_str_hash(override) : 0);
}


ApSimFile *
ap_sim_view_queue(const ApSimState *state, const ApSimCard *card, guint domain)
{
    GArray *files = files_new();
    const char *override = get_override(state, card, domain);

    add_number(files, "config", card->configured);
    add_number(files, "chkstop", card->checkstopped);
    if (ap_mask_has(&card->host, domain)) {
        add_number(files, "online", 1);
        add(files, "driver", TRUE, g_strdup("../../../../bus/ap/drivers/cex4queue"));
    } else if (ap_mask_has(&card->guest, domain)) {
        add(files, "driver", TRUE, g_strdup("../../../../bus/ap/drivers/vfio_ap"));
        if (state->generation >= AP_SIM_6_0)
            add(files, "status", FALSE,
                g_strconcat(get_status(state, card->adapter, domain), "\n", NULL));
    }
    if (state->generation >= AP_SIM_7_2)
        add(files, "driver_override", FALSE, g_strconcat(override ? override : "", "\n", NULL));
    return finish(files);
}


ApSimFile *
ap_sim_view_matrix(const ApSimState *state)
{
    GArray *files = files_new();

    if (state->generation >= AP_SIM_6_10)
        add_text(files, "features", "guest_matrix hotplug ap_config\n");
    return finish(files);
}


/* vfio_ap_mdev_matrix_show(), cut as sysfs cuts it */
static char *
format_apqns(const ApMatrix *matrix)
{
    const ApMask *domains = &matrix->domains;
    GString *text = g_string_new(NULL);
    int first = ap_mask_next(domains, 0);

    for (int a = ap_mask_next(&matrix->adapters, 0); a >= 0;
         a = ap_mask_next(&matrix->adapters, a + 1)) {
        if (first < 0)
            g_string_append_printf(text, "%02x.\n", a);
        for (int d = first; d >= 0; d = ap_mask_next(domains, d + 1))
            g_string_append_printf(text, "%02x.%04x\n", a, d);
    }
    if (ap_mask_is_empty(&matrix->adapters)) {
        for (int d = first; d >= 0; d = ap_mask_next(domains, d + 1))
            g_string_append_printf(text, ".%04x\n", d);
    }
    if (text->len > PAGE_MAX)
        g_string_truncate(text, PAGE_MAX);
    return g_string_free(text, FALSE);
}


/* control_domains_show() */
static char *
format_control(const ApMask *domains)
{
    GString *text = g_string_new(NULL);

    for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1))
        g_string_append_printf(text, "%04x\n", d);
    return g_string_free(text, FALSE);
}


ApSimFile *
ap_sim_view_mdev(const ApSimState *state, const ApSimMdev *mdev)
{
    GArray *files = files_new();

    add(files, "matrix", FALSE, format_apqns(&mdev->matrix));
    add(files, "control_domains", FALSE, format_control(&mdev->matrix.control_domains));
    if (state->generation >= AP_SIM_6_0)
        add(files, "guest_matrix", FALSE, format_apqns(&mdev->shadow));
    if (state->generation >= AP_SIM_6_10)
        add(files, "ap_config", FALSE, ap_matrix_to_ap_config(&mdev->matrix));
    return finish(files);
}
