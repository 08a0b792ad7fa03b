/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mdevs of the simulated kernel: drivers/s390/crypto/vfio_ap_ops.c and drivers/vfio/mdev; function
 * names in comments are from there. Queues and their drivers are in ap_sim_bus.c. */
#include "node_device/sim/ap_sim_rules.h"

#include <errno.h>
#include <string.h>

#include "node_device/sim/ap_sim_bus.h"
#include "util/ap_error.h"

#define UUID_LENGTH 36

/* MAX_ZDEV_ENTRIES_EXT */
#define MDEVS_MAX 65536

/* AP_CONFIG_STRLEN */
#define AP_CONFIG_LENGTH 201

/* The attributes that change one bit: which mask, and whether it is set or cleared. */
typedef struct {
    const char *name;
    gsize mask_offset;
    gboolean assign;
} BitAttr;

static const BitAttr bit_attrs[] = {
    { "assign_adapter", G_STRUCT_OFFSET(ApMatrix, adapters), TRUE },
    { "assign_domain", G_STRUCT_OFFSET(ApMatrix, domains), TRUE },
    { "assign_control_domain", G_STRUCT_OFFSET(ApMatrix, control_domains), TRUE },
    { "unassign_adapter", G_STRUCT_OFFSET(ApMatrix, adapters), FALSE },
    { "unassign_domain", G_STRUCT_OFFSET(ApMatrix, domains), FALSE },
    { "unassign_control_domain", G_STRUCT_OFFSET(ApMatrix, control_domains), FALSE },
};


/* create_store(): one more character than a UUID is not looked at. */
int
ap_sim_create_mdev(ApSimState *state, const char *text)
{
    gsize length = strlen(text);
    g_autofree char *prefix = g_strndup(text, UUID_LENGTH);
    g_autofree char *uuid = g_ascii_strdown(prefix, -1);

    if (length < UUID_LENGTH || length > UUID_LENGTH + 1 || !g_uuid_string_is_valid(uuid))
        return EINVAL;
    if (ap_sim_state_find_mdev(state, uuid))
        return EEXIST;
    if (state->mdevs->len >= MDEVS_MAX)
        return state->generation == AP_SIM_4_20 ? EPERM : EUSERS;
    ap_sim_state_add_mdev(state, uuid);
    return 0;
}


int
ap_sim_remove_mdev(ApSimState *state, const char *uuid)
{
    ApSimMdev *mdev = ap_sim_state_find_mdev(state, uuid);

    if (!mdev)
        return ENOENT;
    if (mdev->is_open && state->generation == AP_SIM_4_20)
        return EBUSY;
    /* From 6.4 on QEMU is asked to let go, and does. */
    if (mdev->is_open && state->generation == AP_SIM_6_0)
        return AP_SIM_WAITS;
    ap_sim_reset_queues(state, &mdev->matrix.adapters, &mdev->matrix.domains);
    g_ptr_array_remove(state->mdevs, mdev);
    return 0;
}


/* ap_matrix_overflow_check(): with APXA QCI's maxima, else 63 and 15. */
static guint
get_limit(const ApSimState *state, gsize mask_offset)
{
    if (mask_offset == G_STRUCT_OFFSET(ApMatrix, adapters))
        return state->apxa ? state->max_adapter : 63;
    return state->apxa ? state->max_domain : 15;
}


static gboolean
is_within_limits(const ApSimState *state, const ApMatrix *matrix)
{
    ApMask adapters = ap_mask_range(0, get_limit(state, G_STRUCT_OFFSET(ApMatrix, adapters)));
    ApMask domains = ap_mask_range(0, get_limit(state, G_STRUCT_OFFSET(ApMatrix, domains)));
    ApMask adapters_above = ap_mask_minus(&matrix->adapters, &adapters);
    ApMask domains_above = ap_mask_minus(&matrix->domains, &domains);
    ApMask control_above = ap_mask_minus(&matrix->control_domains, &domains);

    return ap_mask_is_empty(&adapters_above) && ap_mask_is_empty(&domains_above) &&
           ap_mask_is_empty(&control_above);
}


/* vfio_ap_mdev_verify_no_sharing() */
static gboolean
is_shared(const ApSimState *state, const ApSimMdev *mdev, const ApMatrix *matrix)
{
    for (guint i = 0; i < state->mdevs->len; i++) {
        const ApSimMdev *other = state->mdevs->pdata[i];

        if (other != mdev && ap_mask_intersects(&other->matrix.adapters, &matrix->adapters) &&
            ap_mask_intersects(&other->matrix.domains, &matrix->domains))
            return TRUE;
    }
    return FALSE;
}


/* vfio_ap_mdev_validate_masks() */
static int
validate(const ApSimState *state, const ApSimMdev *mdev, const ApMatrix *matrix)
{
    if (ap_sim_host_owns_any(state, &matrix->adapters, &matrix->domains))
        return EADDRNOTAVAIL;
    return is_shared(state, mdev, matrix) ? EADDRINUSE : 0;
}


/* vfio_ap_mdev_verify_queues_reserved_for_apid() and ..._apqi() of 4.20: each queue must be bound;
 * with nothing in the other mask yet, one queue of this adapter or domain. */
static gboolean
is_bound_4_20(const ApSimState *state, const ApMatrix *matrix, gsize mask_offset, guint id)
{
    gboolean is_adapter = mask_offset == G_STRUCT_OFFSET(ApMatrix, adapters);
    const ApMask *others = is_adapter ? &matrix->domains : &matrix->adapters;
    ApMask all = ap_mask_range(0, AP_ID_MAX);
    gboolean any = ap_mask_is_empty(others);

    if (any)
        others = &all;
    for (int o = ap_mask_next(others, 0); o >= 0; o = ap_mask_next(others, o + 1)) {
        gboolean bound = ap_sim_is_guest_queue(state, is_adapter ? (ApApqn){ id, o }
                                                                 : (ApApqn){ o, id });

        if (bound == any)
            return any;
    }
    return !any;
}


static int
assign_4_20(ApSimState *state, ApSimMdev *mdev, gsize mask_offset, guint id)
{
    ApMatrix matrix = mdev->matrix;

    ap_mask_set(G_STRUCT_MEMBER_P(&matrix, mask_offset), id);
    if (mask_offset != G_STRUCT_OFFSET(ApMatrix, control_domains)) {
        if (!is_bound_4_20(state, &mdev->matrix, mask_offset, id))
            return EADDRNOTAVAIL;
        if (is_shared(state, mdev, &matrix))
            return EADDRINUSE;
    }
    mdev->matrix = matrix;
    return 0;
}


/* assign_adapter_store(), assign_domain_store(), assign_control_domain_store() */
static int
assign(ApSimState *state, ApSimMdev *mdev, gsize mask_offset, guint id)
{
    ApMatrix matrix = mdev->matrix;
    ApMask *mask = G_STRUCT_MEMBER_P(&matrix, mask_offset);
    int errnum;

    if (ap_mask_has(mask, id))
        return 0;
    ap_mask_set(mask, id);
    if (mask_offset == G_STRUCT_OFFSET(ApMatrix, control_domains)) {
        mdev->matrix = matrix;
        ap_sim_filter_control(state, mdev);
        return 0;
    }
    errnum = validate(state, mdev, &matrix);
    if (errnum != 0)
        return errnum;
    mdev->matrix = matrix;
    ap_sim_filter(state, mdev);
    return 0;
}


/* vfio_ap_mdev_hot_unplug_adapters() and ..._domains(): what the guest had of it is reset and
 * taken from it. Nothing is filtered again. */
static void
unplug(ApSimState *state, ApSimMdev *mdev, const ApMask *adapters, const ApMask *domains)
{
    ApMask gone = ap_mask_and(&mdev->shadow.adapters, adapters);

    ap_sim_reset_queues(state, &gone, &mdev->shadow.domains);
    mdev->shadow.adapters = ap_mask_minus(&mdev->shadow.adapters, adapters);
    gone = ap_mask_and(&mdev->shadow.domains, domains);
    ap_sim_reset_queues(state, &mdev->shadow.adapters, &gone);
    mdev->shadow.domains = ap_mask_minus(&mdev->shadow.domains, domains);
}


static int
unassign(ApSimState *state, ApSimMdev *mdev, gsize mask_offset, guint id)
{
    ApMask *mask = G_STRUCT_MEMBER_P(&mdev->matrix, mask_offset);
    ApMask *shadow = G_STRUCT_MEMBER_P(&mdev->shadow, mask_offset);
    ApMask nothing = { 0 };
    ApMask gone = { 0 };

    if (!ap_mask_has(mask, id))
        return 0;
    ap_mask_clear(mask, id);
    ap_mask_set(&gone, id);
    if (mask_offset == G_STRUCT_OFFSET(ApMatrix, adapters))
        unplug(state, mdev, &gone, &nothing);
    else if (mask_offset == G_STRUCT_OFFSET(ApMatrix, domains))
        unplug(state, mdev, &nothing, &gone);
    else
        ap_mask_clear(shadow, id);
    return 0;
}


static int
write_bit(ApSimState *state, ApSimMdev *mdev, const BitAttr *attr, const char *value)
{
    g_autoptr(GError) error = NULL;
    guint64 id;

    if (state->generation == AP_SIM_4_20 && mdev->is_open)
        return EBUSY;
    if (!ap_attr_parse(value, &id, &error))
        return error->code == AP_ERROR_RANGE ? ERANGE : EINVAL;
    if (id > get_limit(state, attr->mask_offset))
        return ENODEV;
    if (!attr->assign)
        return unassign(state, mdev, attr->mask_offset, id);
    if (state->generation == AP_SIM_4_20)
        return assign_4_20(state, mdev, attr->mask_offset, id);
    return assign(state, mdev, attr->mask_offset, id);
}


/* parse_bitmap(): what follows the third mask is not looked at. */
static gboolean
parse_ap_config(const char *value, ApMatrix *ret_matrix)
{
    g_autofree char *seen = g_strndup(value, AP_CONFIG_LENGTH);
    ApMask masks[3];
    char *rest = seen;

    for (guint i = 0; i < G_N_ELEMENTS(masks); i++) {
        char *part = strsep(&rest, ",\n");

        if (!part || !ap_mask_parse_hex(part, &masks[i], NULL))
            return FALSE;
    }
    *ret_matrix = (ApMatrix){ masks[0], masks[1], masks[2] };
    return TRUE;
}


/* ap_config_store() */
static int
write_ap_config(ApSimState *state, ApSimMdev *mdev, const char *value)
{
    ApMatrix matrix;
    ApMask adapters_gone;
    ApMask domains_gone;
    int errnum;

    if (!parse_ap_config(value, &matrix))
        return EINVAL;
    errnum = validate(state, mdev, &matrix);
    if (errnum != 0)
        return errnum;
    if (!is_within_limits(state, &matrix))
        return ENODEV;
    adapters_gone = ap_mask_minus(&mdev->matrix.adapters, &matrix.adapters);
    domains_gone = ap_mask_minus(&mdev->matrix.domains, &matrix.domains);
    unplug(state, mdev, &adapters_gone, &domains_gone);
    mdev->matrix = matrix;
    ap_sim_filter(state, mdev);
    ap_sim_filter_control(state, mdev);
    return 0;
}


int
ap_sim_write_attr(ApSimState *state, const char *uuid, const char *attr, const char *value)
{
    ApSimMdev *mdev = ap_sim_state_find_mdev(state, uuid);
    gboolean has_ap_config = state->generation >= AP_SIM_6_10;

    if (!mdev)
        return ENOENT;
    if (strcmp(attr, "matrix") == 0 || strcmp(attr, "control_domains") == 0)
        return EACCES;
    /* sysfs calls no store function for nothing. */
    for (guint i = 0; i < G_N_ELEMENTS(bit_attrs); i++) {
        if (strcmp(bit_attrs[i].name, attr) == 0)
            return value[0] ? write_bit(state, mdev, &bit_attrs[i], value) : 0;
    }
    if (strcmp(attr, "ap_config") == 0 && has_ap_config)
        return value[0] ? write_ap_config(state, mdev, value) : 0;
    return ENOENT;
}


/* vfio_ap_mdev_set_kvm() and ..._unset_kvm() */
int
ap_sim_set_open(ApSimState *state, const char *uuid, gboolean is_open)
{
    ApSimMdev *mdev = ap_sim_state_find_mdev(state, uuid);

    if (!mdev)
        return ENOENT;
    if (mdev->is_open && is_open)
        return EBUSY;
    if (mdev->is_open)
        ap_sim_reset_queues(state, &mdev->matrix.adapters, &mdev->matrix.domains);
    mdev->is_open = is_open;
    return 0;
}
