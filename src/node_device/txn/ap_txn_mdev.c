/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps that change an mdev, and the change of an active one that needs no journal. */
#include <errno.h>
#include <string.h>

#include "node_device/inventory/ap_host.h"
#include "node_device/txn/ap_txn_priv.h"
#include "util/ap_error.h"

/* The masks of a matrix, and what one bit of each is called. */
static const struct {
    gsize offset;
    const char *name;
} masks[] = {
    { G_STRUCT_OFFSET(ApMatrix, adapters), "adapter" },
    { G_STRUCT_OFFSET(ApMatrix, domains), "domain" },
    { G_STRUCT_OFFSET(ApMatrix, control_domains), "control_domain" },
};


gboolean
ap_step_mdev_read(const ApRoot *root, const char *uuid, gboolean *ret_active, ApMatrix *ret_matrix,
                  GError **error)
{
    g_autoptr(GError) local = NULL;
    gboolean has_ap_config;

    *ret_active = ap_host_read_matrix(root, uuid, ret_matrix, &has_ap_config, &local);
    if (*ret_active || g_error_matches(local, AP_ERROR, AP_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}


/* Writes the one bit in which @from and @to differ. */
static gboolean
write_bit(ApKernel *kernel, const char *uuid, const ApMatrix *from, const ApMatrix *to,
          GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(masks); i++) {
        const ApMask *old = G_STRUCT_MEMBER_P(from, masks[i].offset);
        const ApMask *new = G_STRUCT_MEMBER_P(to, masks[i].offset);
        ApMask added = ap_mask_minus(new, old);
        ApMask removed = ap_mask_minus(old, new);
        gboolean assign = !ap_mask_is_empty(&added);
        int id = ap_mask_next(assign ? &added : &removed, 0);
        g_autofree char *attr =
            g_strdup_printf("%s_%s", assign ? "assign" : "unassign", masks[i].name);
        char value[8];

        if (id < 0)
            continue;
        g_snprintf(value, sizeof(value), "%d", id);
        return ap_kernel_write_attr(kernel, uuid, attr, value, error) == 0;
    }
    return TRUE;
}


static gboolean
write_matrix(const ApRoot *root, ApKernel *kernel, const ApStep *step, const ApMatrix *from,
             const ApMatrix *to, GError **error)
{
    gboolean active;
    ApMatrix now;

    if (!step->whole)
        return write_bit(kernel, step->name, from, to, error);
    if (ap_kernel_write_ap_config(kernel, step->name, to, error) != 0 ||
        !ap_step_mdev_read(root, step->name, &active, &now, error))
        return FALSE;
    if (active && ap_matrix_equal(&now, to))
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_IO, "mdev %s holds another matrix than was written",
                step->name);
    return FALSE;
}


/* Where the kernel gave no answer, the mdev itself may. */
static gboolean
remove_mdev(const ApRoot *root, ApKernel *kernel, const ApStep *step, gboolean *ret_begun,
            GError **error)
{
    g_autoptr(GError) local = NULL;
    int errnum = ap_kernel_remove_mdev(kernel, step->name, &local);
    gboolean active = TRUE;
    ApMatrix now;

    *ret_begun = errnum == 0 || ap_kernel_may_remove_later(errnum);
    if (errnum == 0 ||
        (*ret_begun && ap_step_mdev_read(root, step->name, &active, &now, NULL) && !active))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}


gboolean
ap_step_mdev_do(const ApRoot *root, ApKernel *kernel, const ApStep *step, gboolean *ret_begun,
                GError **error)
{
    switch (step->kind) {
    case AP_STEP_CREATE:
        /* All or nothing; and one that exists already is somebody else's. */
        *ret_begun = ap_kernel_create_mdev(kernel, step->name, error) == 0;
        return *ret_begun;
    case AP_STEP_REMOVE:
        return remove_mdev(root, kernel, step, ret_begun, error);
    default:
        *ret_begun = TRUE;
        return write_matrix(root, kernel, step, &step->before, &step->after, error);
    }
}


gboolean
ap_step_mdev_undo(const ApRoot *root, ApKernel *kernel, const ApStep *step, GError **error)
{
    static const ApMatrix empty;
    gboolean active;
    gboolean begun;
    ApMatrix now = { 0 };

    /* A removal is the last step, and the kernel's alone to undo. */
    if (step->kind == AP_STEP_REMOVE)
        return TRUE;
    if (!ap_step_mdev_read(root, step->name, &active, &now, error))
        return FALSE;
    if (!active)
        return TRUE;
    if (step->kind == AP_STEP_CREATE)
        return !ap_matrix_equal(&now, &empty) || remove_mdev(root, kernel, step, &begun, error);
    return !ap_matrix_equal(&now, &step->after) ||
           write_matrix(root, kernel, step, &step->after, &step->before, error);
}


/* The old matrix comes back, if that can be found out: the kernel may hold either. */
static gboolean
take_back(const ApRoot *root, ApKernel *kernel, const ApStep *step, const GError *cause,
          GError **error)
{
    g_autofree char *message = ap_error_message(cause);
    g_autoptr(GError) local = NULL;

    if (ap_step_mdev_undo(root, kernel, step, &local))
        g_set_error(error, AP_ERROR, cause->code, "%s; the old matrix stays", message);
    else
        g_set_error(error, AP_ERROR, cause->code,
                    "%s; and nobody can tell which matrix mdev %s holds now: %s\n"
                    "virt-ap show %s",
                    message, step->name, local->message, step->name);
    return FALSE;
}


gboolean
ap_txn_change_live(const ApRoot *root, ApKernel *kernel, const char *uuid, const ApMatrix *matrix,
                   GError **error)
{
    ApStep step = { .kind = AP_STEP_MATRIX, .name = (char *)uuid, .whole = TRUE, .after = *matrix };
    g_autoptr(GError) local = NULL;
    gboolean has_ap_config;
    gboolean begun;

    if (!ap_host_read_matrix(root, uuid, &step.before, &has_ap_config, error))
        return FALSE;
    if (!has_ap_config) {
        g_autofree char *attr = g_strconcat(AP_HOST_MATRIX_DIR "/", uuid, "/ap_config", NULL);
        g_autofree char *path = ap_root_describe(root, attr);

        g_set_error(error, AP_ERROR, AP_ERROR_NOT_FOUND,
                    "cannot change mdev %s while it is active: there is no %s\n"
                    "that needs kernel 6.10 or later; else stop the mdev, change its definition, "
                    "start it",
                    uuid, path);
        return FALSE;
    }
    return ap_step_mdev_do(root, kernel, &step, &begun, &local) ||
           take_back(root, kernel, &step, local, error);
}
