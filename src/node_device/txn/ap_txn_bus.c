/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps that change whose queues are: the two masks of the AP bus, or the driver_override of a
 * queue. A mask is one value with many owners: what a step writes are its own bits. */
#include <string.h>

#include "node_device/inventory/ap_host.h"
#include "node_device/txn/ap_txn_priv.h"
#include "util/ap_error.h"

#define BUS_DIR "/sys/bus/ap/"
#define GUEST_DRIVER "vfio_ap"


gboolean
ap_step_is_of_bus(const ApStep *step)
{
    return step->kind == AP_STEP_MASK || step->kind == AP_STEP_OVERRIDE;
}


static gboolean
set_changed_error(GError **error, const char *name)
{
    g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                "%s was changed by somebody else meanwhile; that change stays\n"
                "look at `virt-ap map`, then try again",
                name);
    return FALSE;
}


static char *
get_mask_path(const ApStep *step)
{
    return g_strconcat(BUS_DIR, step->name, NULL);
}


static gboolean
read_mask(const ApRoot *root, const ApStep *step, ApMask *ret_mask, GError **error)
{
    g_autofree char *path = get_mask_path(step);
    g_autofree char *text = ap_root_read(root, path, AP_ROOT_ATTRIBUTE_MAX, NULL, error);

    if (!text)
        return FALSE;
    if (ap_mask_parse_sysfs(text, ret_mask, error))
        return TRUE;
    g_prefix_error(error, "%s: ", path);
    return FALSE;
}


/* The bits that the step changes, and that are so in @now as it made them. */
static ApMask
get_made(const ApStep *step, const ApMask *now, gboolean *ret_set)
{
    ApMask set = ap_mask_minus(&step->mask_after, &step->mask_before);
    ApMask cleared = ap_mask_minus(&step->mask_before, &step->mask_after);

    *ret_set = !ap_mask_is_empty(&set);
    return *ret_set ? ap_mask_and(&set, now) : ap_mask_minus(&cleared, now);
}


static gboolean
write_bits(ApKernel *kernel, const ApStep *step, const ApMask *bits, gboolean set, GError **error)
{
    g_autofree char *path = get_mask_path(step);
    g_autofree char *terms = ap_mask_to_terms(bits, set ? '+' : '-');

    return ap_kernel_bind(kernel, path, terms, error) == 0;
}


static gboolean
do_mask(const ApRoot *root, ApKernel *kernel, const ApStep *step, gboolean *ret_begun,
        GError **error)
{
    ApMask bits;
    ApMask now;
    gboolean set;

    *ret_begun = FALSE;
    if (!read_mask(root, step, &now, error))
        return FALSE;
    if (!ap_mask_equal(&now, &step->mask_before))
        return set_changed_error(error, step->name);
    *ret_begun = TRUE;
    bits = get_made(step, &step->mask_after, &set);
    if (!write_bits(kernel, step, &bits, set, error) || !read_mask(root, step, &now, error))
        return FALSE;
    return ap_mask_equal(&now, &step->mask_after) || set_changed_error(error, step->name);
}


static gboolean
undo_mask(const ApRoot *root, ApKernel *kernel, const ApStep *step, GError **error)
{
    ApMask bits;
    ApMask now;
    gboolean set;

    if (!read_mask(root, step, &now, error))
        return FALSE;
    bits = get_made(step, &now, &set);
    return ap_mask_is_empty(&bits) || write_bits(kernel, step, &bits, !set, error);
}


static char *
get_queue_path(const ApStep *step, const char *attribute)
{
    return g_strdup_printf("/sys/devices/ap/card%.2s/%s/%s", step->name, step->name, attribute);
}


static char *
read_override(const ApRoot *root, const ApStep *step, GError **error)
{
    ApApqn apqn;

    if (ap_apqn_parse(step->name, &apqn))
        return ap_host_load_override(root, apqn, error);
    g_set_error(error, AP_ERROR, AP_ERROR_IO, "'%s' is no queue", step->name);
    return NULL;
}


static char *
read_driver(const ApRoot *root, const ApStep *step)
{
    g_autofree char *path = get_queue_path(step, "driver");

    return ap_root_read_link(root, path);
}


/* Whether the queue has the driver that goes with the override. Without one, the masks being full,
 * it is the host's. */
static gboolean
has_driver_of(const ApRoot *root, const ApStep *step, const char *override)
{
    g_autofree char *driver = read_driver(root, step);

    if (override[0] != '\0')
        return g_strcmp0(driver, override) == 0;
    return driver && strcmp(driver, GUEST_DRIVER) != 0;
}


static gboolean
rebind(const ApRoot *root, ApKernel *kernel, const ApStep *step, GError **error)
{
    g_autofree char *driver = read_driver(root, step);

    if (driver) {
        g_autofree char *path = g_strconcat(BUS_DIR "drivers/", driver, "/unbind", NULL);

        if (ap_kernel_bind(kernel, path, step->name, error) != 0)
            return FALSE;
    }
    return ap_kernel_bind(kernel, BUS_DIR "drivers_probe", step->name, error) == 0;
}


static gboolean
write_override(ApKernel *kernel, const ApStep *step, const char *override, GError **error)
{
    g_autofree char *path = get_queue_path(step, "driver_override");
    /* A write of nothing never reaches the kernel's driver_override_store(). */
    g_autofree char *line = g_strconcat(override, "\n", NULL);

    return ap_kernel_bind(kernel, path, line, error) == 0;
}


static gboolean
do_override(const ApRoot *root, ApKernel *kernel, const ApStep *step, gboolean *ret_begun,
            GError **error)
{
    g_autofree char *now = read_override(root, step, error);

    *ret_begun = FALSE;
    if (!now)
        return FALSE;
    if (strcmp(now, step->driver_before) != 0)
        return set_changed_error(error, step->name);
    *ret_begun = TRUE;
    if (!write_override(kernel, step, step->driver_after, error))
        return FALSE;
    if (has_driver_of(root, step, step->driver_after))
        return TRUE;
    if (!rebind(root, kernel, step, error))
        return FALSE;
    if (has_driver_of(root, step, step->driver_after))
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_IO, "queue %s does not get the driver %s", step->name,
                step->driver_after[0] ? step->driver_after : "of the host");
    return FALSE;
}


static gboolean
undo_override(const ApRoot *root, ApKernel *kernel, const ApStep *step, GError **error)
{
    g_autofree char *now = read_override(root, step, error);
    gboolean is_ours;

    if (!now)
        return FALSE;
    is_ours = strcmp(now, step->driver_after) == 0;
    if (!is_ours && strcmp(now, step->driver_before) != 0)
        return TRUE;
    if (is_ours && !write_override(kernel, step, step->driver_before, error))
        return FALSE;
    return has_driver_of(root, step, step->driver_before) || rebind(root, kernel, step, error);
}


gboolean
ap_step_bus_do(const ApRoot *root, ApKernel *kernel, const ApStep *step, gboolean *ret_begun,
               GError **error)
{
    return step->kind == AP_STEP_MASK ? do_mask(root, kernel, step, ret_begun, error)
                                      : do_override(root, kernel, step, ret_begun, error);
}


gboolean
ap_step_bus_undo(const ApRoot *root, ApKernel *kernel, const ApStep *step, GError **error)
{
    return step->kind == AP_STEP_MASK ? undo_mask(root, kernel, step, error)
                                      : undo_override(root, kernel, step, error);
}


static gboolean
is_mask(const ApRoot *root, const ApStep *step, gboolean after, gboolean *ret_is, GError **error)
{
    gboolean set;
    ApMask all = get_made(step, &step->mask_after, &set);
    ApMask made;
    ApMask now;

    if (!read_mask(root, step, &now, error))
        return FALSE;
    made = get_made(step, &now, &set);
    *ret_is = after ? ap_mask_equal(&made, &all) : ap_mask_is_empty(&made);
    return TRUE;
}


gboolean
ap_step_bus_is(const ApRoot *root, const ApStep *step, gboolean after, gboolean *ret_is,
               GError **error)
{
    const char *wanted = after ? step->driver_after : step->driver_before;
    g_autofree char *now = NULL;

    if (step->kind == AP_STEP_MASK)
        return is_mask(root, step, after, ret_is, error);
    now = read_override(root, step, error);
    if (!now)
        return FALSE;
    *ret_is = strcmp(now, wanted) == 0 && has_driver_of(root, step, wanted);
    return TRUE;
}
