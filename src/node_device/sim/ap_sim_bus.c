/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Queues of the simulated kernel: drivers/s390/crypto/ap_bus.c and ap_queue.c, and what vfio_ap
 * does when one is bound; function names in comments are from there. */
#include "node_device/sim/ap_sim_bus.h"

#include <errno.h>
#include <string.h>

#include "node_device/sim/ap_sim_rules.h"

typedef enum {
    DRIVER_NONE,
    DRIVER_HOST,
    DRIVER_GUEST,
} Driver;

static const char *const driver_names[] = { "", "cex4queue", "vfio_ap" };


static Driver
get_driver(const ApSimCard *card, guint domain)
{
    if (ap_mask_has(&card->host, domain))
        return DRIVER_HOST;
    return ap_mask_has(&card->guest, domain) ? DRIVER_GUEST : DRIVER_NONE;
}


static const char *
get_override(const ApSimState *state, const ApSimCard *card, guint domain)
{
    char name[8];

    g_snprintf(name, sizeof(name), "%02x.%04x", card->adapter, domain);
    return g_hash_table_lookup(state->overrides, name);
}


gboolean
ap_sim_is_guest_queue(const ApSimState *state, ApApqn apqn)
{
    const ApSimCard *card = ap_sim_state_find_card(state, apqn.adapter);

    return card && ap_mask_has(&card->guest, apqn.domain);
}


/* ap_owned_by_def_drv(), which finds a queue only while a driver has it: without one its override
 * does not count. */
static gboolean
host_owns(const ApSimState *state, guint adapter, guint domain)
{
    const ApSimCard *card = ap_sim_state_find_card(state, adapter);

    if (card && get_override(state, card, domain) && get_driver(card, domain) != DRIVER_NONE)
        return get_driver(card, domain) == DRIVER_HOST;
    return ap_mask_has(&state->apmask, adapter) && ap_mask_has(&state->aqmask, domain);
}


/* ap_apqn_in_matrix_owned_by_def_drv() */
gboolean
ap_sim_host_owns_any(const ApSimState *state, const ApMask *adapters, const ApMask *domains)
{
    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1)) {
        for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
            if (host_owns(state, a, d))
                return TRUE;
        }
    }
    return FALSE;
}


/* vfio_ap_mdev_reset_queue(): a queue of a deconfigured or checkstopped card answers with an
 * error; before 6.7 the queue then stayed hidden from guests. */
void
ap_sim_reset_queues(ApSimState *state, const ApMask *adapters, const ApMask *domains)
{
    for (guint i = 0; i < state->cards->len; i++) {
        ApSimCard *card = state->cards->pdata[i];
        ApMask queues = ap_mask_and(&card->guest, domains);

        if (!ap_mask_has(adapters, card->adapter))
            continue;
        if (card->configured && !card->checkstopped)
            card->failed = ap_mask_minus(&card->failed, &queues);
        else
            card->failed = ap_mask_or(&card->failed, &queues);
    }
}


/* _queue_passable(), of every queue of @domains */
static gboolean
are_passable(const ApSimState *state, guint adapter, const ApMask *domains)
{
    const ApSimCard *card = ap_sim_state_find_card(state, adapter);
    ApMask passable;
    ApMask hindered;

    if (!card)
        return ap_mask_is_empty(domains);
    passable = card->guest;
    if (state->generation == AP_SIM_6_0)
        passable = ap_mask_minus(&passable, &card->failed);
    hindered = ap_mask_minus(domains, &passable);
    return ap_mask_is_empty(&hindered);
}


/* vfio_ap_mdev_filter_matrix() */
void
ap_sim_filter(ApSimState *state, ApSimMdev *mdev)
{
    ApMask before = mdev->shadow.adapters;
    ApMask wanted = ap_mask_and(&mdev->matrix.adapters, &state->config.adapters);
    ApMask filtered;

    mdev->shadow.domains = ap_mask_and(&mdev->matrix.domains, &state->config.domains);
    mdev->shadow.adapters = wanted;
    for (int a = ap_mask_next(&wanted, 0); a >= 0; a = ap_mask_next(&wanted, a + 1)) {
        if (!are_passable(state, a, &mdev->shadow.domains))
            ap_mask_clear(&mdev->shadow.adapters, a);
    }
    /* Adapters that the guest had are reset; 6.0 did not. */
    filtered = ap_mask_and(&wanted, &before);
    filtered = ap_mask_minus(&filtered, &mdev->shadow.adapters);
    if (state->generation != AP_SIM_6_0)
        ap_sim_reset_queues(state, &filtered, &mdev->shadow.domains);
}


/* vfio_ap_mdev_filter_cdoms() */
void
ap_sim_filter_control(ApSimState *state, ApSimMdev *mdev)
{
    mdev->shadow.control_domains =
        ap_mask_and(&mdev->matrix.control_domains, &state->config.control_domains);
}


/* vfio_ap_mdev_for_queue() */
static ApSimMdev *
find_mdev_of(const ApSimState *state, guint adapter, guint domain)
{
    for (guint i = 0; i < state->mdevs->len; i++) {
        ApSimMdev *mdev = state->mdevs->pdata[i];

        if (ap_mask_has(&mdev->matrix.adapters, adapter) &&
            ap_mask_has(&mdev->matrix.domains, domain))
            return mdev;
    }
    return NULL;
}


/* ap_device_remove(), vfio_ap_mdev_remove_queue(): the guest loses the whole adapter. */
static void
unbind_queue(ApSimState *state, ApSimCard *card, guint domain)
{
    ApSimMdev *mdev = find_mdev_of(state, card->adapter, domain);

    if (get_driver(card, domain) == DRIVER_GUEST && mdev &&
        ap_mask_has(&mdev->shadow.adapters, card->adapter) &&
        ap_mask_has(&mdev->shadow.domains, domain)) {
        ApMask adapters = { 0 };

        ap_mask_set(&adapters, card->adapter);
        ap_mask_clear(&mdev->shadow.adapters, card->adapter);
        ap_sim_reset_queues(state, &adapters, &mdev->shadow.domains);
    }
    ap_mask_clear(&card->host, domain);
    ap_mask_clear(&card->guest, domain);
}


/* ap_device_probe(): driver_override decides, else the masks. */
static gboolean
may_bind(const ApSimState *state, const ApSimCard *card, guint domain, Driver driver)
{
    const char *override = get_override(state, card, domain);
    gboolean reserved = ap_mask_has(&state->apmask, card->adapter) &&
                        ap_mask_has(&state->aqmask, domain);

    if (override)
        return strcmp(override, driver_names[driver]) == 0;
    return reserved == (driver == DRIVER_HOST);
}


/* ap_device_probe(), vfio_ap_mdev_probe_queue() */
static gboolean
bind_queue(ApSimState *state, ApSimCard *card, guint domain, Driver driver)
{
    ApSimMdev *mdev;

    if (!may_bind(state, card, domain, driver))
        return FALSE;
    if (driver == DRIVER_HOST) {
        ap_mask_set(&card->host, domain);
        return TRUE;
    }
    ap_mask_set(&card->guest, domain);
    ap_mask_clear(&card->failed, domain);
    mdev = find_mdev_of(state, card->adapter, domain);
    if (mdev && state->generation >= AP_SIM_6_0)
        ap_sim_filter(state, mdev);
    return TRUE;
}


/* device_attach() */
static void
attach_queue(ApSimState *state, ApSimCard *card, guint domain)
{
    if (!bind_queue(state, card, domain, DRIVER_HOST))
        bind_queue(state, card, domain, DRIVER_GUEST);
}


void
ap_sim_bind_all(ApSimState *state)
{
    const ApMask *domains = &state->config.domains;

    for (guint i = 0; i < state->cards->len; i++) {
        ApSimCard *card = state->cards->pdata[i];

        for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
            if (get_driver(card, d) == DRIVER_NONE)
                attach_queue(state, card, d);
        }
    }
}


/* __ap_revise_reserved(): a queue that is bound to the wrong driver is probed again. */
static void
revise_bindings(ApSimState *state)
{
    const ApMask *domains = &state->config.domains;

    for (guint i = 0; i < state->cards->len; i++) {
        ApSimCard *card = state->cards->pdata[i];

        for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
            Driver driver = get_driver(card, d);

            if (driver == DRIVER_NONE || may_bind(state, card, d, driver))
                continue;
            unbind_queue(state, card, d);
            attach_queue(state, card, d);
        }
    }
}


/* __verify_card_reservations(), __verify_queue_reservations(): what is newly the host's must not
 * be in an mdev; from 7.x on with whatever the other mask says. */
static gboolean
is_in_use(const ApSimState *state, const ApMask *reserved, gboolean is_apmask)
{
    const ApMask *other = is_apmask ? &state->aqmask : &state->apmask;
    ApMask all = ap_mask_range(0, AP_ID_MAX);

    if (state->generation >= AP_SIM_7_2)
        other = &all;
    for (guint i = 0; i < state->mdevs->len; i++) {
        const ApMatrix *matrix = &((ApSimMdev *)state->mdevs->pdata[i])->matrix;

        if (ap_mask_intersects(is_apmask ? &matrix->adapters : &matrix->domains, reserved) &&
            ap_mask_intersects(is_apmask ? &matrix->domains : &matrix->adapters, other))
            return TRUE;
    }
    return FALSE;
}


/* apmask_store(), aqmask_store() */
static int
write_mask(ApSimState *state, gboolean is_apmask, const char *value)
{
    ApMask *mask = is_apmask ? &state->apmask : &state->aqmask;
    ApMask wanted = *mask;
    ApMask reserved;

    if (g_hash_table_size(state->overrides) > 0 || !ap_mask_apply(&wanted, value, NULL))
        return EINVAL;
    if (ap_mask_equal(&wanted, mask))
        return 0;
    reserved = ap_mask_minus(&wanted, mask);
    if (state->generation >= AP_SIM_6_0 && !ap_mask_is_empty(&reserved) &&
        is_in_use(state, &reserved, is_apmask))
        return EBUSY;
    *mask = wanted;
    revise_bindings(state);
    return 0;
}


/* bus_find_device_by_name(), which uses sysfs_streq() */
static ApSimCard *
find_queue(const ApSimState *state, const char *name, guint *ret_domain)
{
    g_autofree char *trimmed = g_str_has_suffix(name, "\n") ? g_strndup(name, strlen(name) - 1)
                                                            : g_strdup(name);
    ApApqn apqn;
    ApSimCard *card;

    if (!ap_apqn_parse(trimmed, &apqn) || !ap_mask_has(&state->config.domains, apqn.domain))
        return NULL;
    card = ap_sim_state_find_card(state, apqn.adapter);
    *ret_domain = apqn.domain;
    return card;
}


/* driver_override_store(), device_set_driver_override() */
static int
write_override(ApSimState *state, const char *path, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    guint n = g_strv_length(parts);
    ApMask full = ap_mask_range(0, AP_ID_MAX);
    gsize length = strcspn(value, "\n");
    guint domain;

    if (state->generation < AP_SIM_7_2 || n < 2 || !find_queue(state, parts[n - 2], &domain))
        return ENOENT;
    if (!ap_mask_equal(&state->apmask, &full) || !ap_mask_equal(&state->aqmask, &full))
        return EINVAL;
    if (length == 0)
        g_hash_table_remove(state->overrides, parts[n - 2]);
    else
        g_hash_table_insert(state->overrides, g_strdup(parts[n - 2]), g_strndup(value, length));
    return 0;
}


/* bind_store(), unbind_store() of drivers/base/bus.c */
static int
write_driver(ApSimState *state, const char *path, const char *value)
{
    gboolean is_bind = g_str_has_suffix(path, "/bind");
    Driver driver = strstr(path, "/drivers/cex4queue/") ? DRIVER_HOST
                  : strstr(path, "/drivers/vfio_ap/") ? DRIVER_GUEST
                                                      : DRIVER_NONE;
    ApSimCard *card;
    guint domain;

    if (driver == DRIVER_NONE)
        return ENOENT;
    card = find_queue(state, value, &domain);
    if (!card)
        return ENODEV;
    if (!is_bind && get_driver(card, domain) != driver)
        return ENODEV;
    if (!is_bind) {
        unbind_queue(state, card, domain);
        return 0;
    }
    if (get_driver(card, domain) != DRIVER_NONE)
        return EBUSY;
    return bind_queue(state, card, domain, driver) ? 0 : ENODEV;
}


static int
probe_queue(ApSimState *state, const char *value)
{
    guint domain;
    ApSimCard *card = find_queue(state, value, &domain);

    if (!card)
        return ENODEV;
    if (get_driver(card, domain) == DRIVER_NONE)
        attach_queue(state, card, domain);
    return 0;
}


int
ap_sim_bind(ApSimState *state, const char *path, const char *value)
{
    if (value[0] == '\0')
        return 0;
    if (strcmp(path, "/sys/bus/ap/apmask") == 0)
        return write_mask(state, TRUE, value);
    if (strcmp(path, "/sys/bus/ap/aqmask") == 0)
        return write_mask(state, FALSE, value);
    if (strcmp(path, "/sys/bus/ap/drivers_probe") == 0)
        return probe_queue(state, value);
    if (g_str_has_suffix(path, "/driver_override"))
        return write_override(state, path, value);
    return write_driver(state, path, value);
}
