/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of the active matrices. */
#include <string.h>

#include "conf/ap_mdev_def.h"
#include "conf/ap_mdevctl_json.h"
#include "node_device/inventory/ap_defs.h"
#include "node_device/inventory/ap_host_list.h"
#include "node_device/inventory/ap_host_priv.h"
#include "util/ap_error.h"


static void
mdev_free(gpointer data)
{
    ApActiveMdev *mdev = data;

    g_free(mdev->uuid);
    g_free(mdev);
}


char *
ap_host_mdev_path(const char *uuid, const char *attr)
{
    return g_strconcat(AP_HOST_MATRIX_DIR "/", uuid, "/", attr, NULL);
}


/* A kernel without ap_config cannot tell how large a matrix is but by printing it, and that harms
 * it if it is too large. The definition is the only warning. */
static gboolean
is_defined_too_big(const ApRoot *root, const char *uuid)
{
    g_autofree char *path = g_strconcat(AP_DEFS_DIR "/", uuid, NULL);
    g_autofree char *text = NULL;
    g_autoptr(ApMdevDef) def = NULL;
    ApMatrix matrix;
    gsize length;

    text = ap_root_read(root, path, AP_ROOT_DEFINITION_MAX, &length, NULL);
    def = text ? ap_mdevctl_json_parse(text, length, NULL) : NULL;
    return def && ap_mdev_def_replay(def, NULL, NULL, &matrix, NULL) &&
           ap_matrix_count_apqns(&matrix) > AP_HOST_LISTED_MAX;
}


static gboolean
read_listed_matrix(const ApRoot *root, const char *uuid, ApMatrix *ret_matrix, GError **error)
{
    g_autofree char *path = ap_host_mdev_path(uuid, "matrix");
    g_autofree char *control_path = ap_host_mdev_path(uuid, "control_domains");
    g_autofree char *text = NULL;
    g_autofree char *control = NULL;
    ApMatrix matrix = { 0 };

    /* Of an mdev that is being removed there is nothing to read, however large it is. */
    if (!ap_root_is_missing(root, path) && is_defined_too_big(root, uuid)) {
        g_autofree char *full = ap_root_describe(root, path);

        g_set_error(error, AP_ERROR, AP_ERROR_IO,
                    "%s is not read: this kernel would write more than %d APQNs past its page",
                    full, AP_HOST_LISTED_MAX);
        return FALSE;
    }
    text = ap_root_read(root, path, AP_ROOT_ATTRIBUTE_MAX, NULL, error);
    if (!text)
        return FALSE;
    control = ap_root_read(root, control_path, AP_ROOT_ATTRIBUTE_MAX, NULL, error);
    if (!control)
        return FALSE;
    if (!ap_host_parse_apqns(text, &matrix, error)) {
        g_autofree char *full = ap_root_describe(root, path);

        g_prefix_error(error, "%s: ", full);
        return FALSE;
    }
    if (!ap_host_parse_control_domains(control, &matrix.control_domains, error)) {
        g_autofree char *full = ap_root_describe(root, control_path);

        g_prefix_error(error, "%s: ", full);
        return FALSE;
    }
    *ret_matrix = matrix;
    return TRUE;
}


gboolean
ap_host_read_matrix(const ApRoot *root, const char *uuid, ApMatrix *ret_matrix,
                    gboolean *ret_has_ap_config, GError **error)
{
    g_autofree char *path = ap_host_mdev_path(uuid, "ap_config");
    g_autoptr(GError) local = NULL;
    g_autofree char *text = ap_root_read(root, path, AP_ROOT_ATTRIBUTE_MAX, NULL, &local);
    ApMatrix matrix = { 0 };

    if (g_error_matches(local, AP_ERROR, AP_ERROR_NOT_FOUND)) {
        *ret_has_ap_config = FALSE;
        return read_listed_matrix(root, uuid, ret_matrix, error);
    }
    if (!text) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    *ret_has_ap_config = TRUE;
    if (!ap_matrix_parse_ap_config(text, &matrix, error)) {
        g_autofree char *full = ap_root_describe(root, path);

        g_prefix_error(error, "%s: ", full);
        return FALSE;
    }
    *ret_matrix = matrix;
    return TRUE;
}


/* The short way, since each start reads all matrices. ap_host_read_matrix() tells what is wrong. */
static gboolean
read_config_in(ApDir *dir, const char *uuid, ApMatrix *ret_matrix)
{
    char path[64];
    const char *text;
    gsize length;

    g_snprintf(path, sizeof(path), "%s/ap_config", uuid);
    text = ap_dir_read(dir, path, AP_ROOT_ATTRIBUTE_MAX, &length, NULL);
    return text && strlen(text) == length && ap_matrix_parse_ap_config(text, ret_matrix, NULL);
}


/* Whether an mdev that could not be read has none of the attributes that say what it holds: the
 * driver takes them away before it lets go of the queues, and adds them after the directory is
 * there. Kernels before 6.4 wait in between until the guest ends. */
static gboolean
is_going(const ApRoot *root, const char *uuid)
{
    static const char *const attrs[] = { "ap_config", "matrix" };

    for (guint i = 0; i < G_N_ELEMENTS(attrs); i++) {
        g_autofree char *path = ap_host_mdev_path(uuid, attrs[i]);

        if (!ap_root_is_missing(root, path))
            return FALSE;
    }
    return TRUE;
}


/* Takes over @error. */
static void
add_unread_mdev(ApHost *host, const char *uuid, GError *error)
{
    g_autofree char *path = ap_host_mdev_path(uuid, "");
    ApProblem *problem;

    /* Removed between our list and our look: it holds nothing any more. */
    if (ap_root_is_missing(host->root, path)) {
        g_error_free(error);
        return;
    }
    if (!g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND) && !is_going(host->root, uuid)) {
        host->mdevs_unread = TRUE;
        ap_problem_add(host->problems, error, uuid, TRUE);
        return;
    }
    g_error_free(error);
    g_ptr_array_add(host->going, g_strdup(uuid));
    problem = ap_problem_add(host->problems,
                             g_error_new(AP_ERROR, AP_ERROR_NOT_FOUND,
                                         "mdev %s is being removed, or made: its attributes are "
                                         "not there",
                                         uuid),
                             uuid, FALSE);
    problem->hides = AP_PROBLEM_HIDES_GOING;
}


static void
load_mdev(ApHost *host, ApDir *dir, const char *uuid)
{
    ApActiveMdev *mdev = g_new0(ApActiveMdev, 1);
    g_autoptr(GError) error = NULL;
    gboolean has_ap_config = read_config_in(dir, uuid, &mdev->matrix);

    mdev->uuid = g_strdup(uuid);
    if (!has_ap_config &&
        !ap_host_read_matrix(host->root, uuid, &mdev->matrix, &has_ap_config, &error)) {
        add_unread_mdev(host, uuid, g_steal_pointer(&error));
        mdev_free(mdev);
        return;
    }
    host->has_ap_config |= has_ap_config;
    mdev->listable = ap_matrix_count_apqns(&mdev->matrix) <= AP_HOST_LISTED_MAX;
    g_ptr_array_add(host->mdevs, mdev);
}


void
ap_host_load_mdevs(ApHost *host)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = NULL;
    g_autoptr(ApDir) dir = NULL;

    if (host->mdevs)
        return;
    names = ap_root_list(host->root, AP_HOST_MATRIX_DIR, &error);
    dir = names ? ap_dir_open(host->root, AP_HOST_MATRIX_DIR, &error) : NULL;
    host->mdevs = g_ptr_array_new_with_free_func(mdev_free);
    if (!dir) {
        if (!g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
            ap_problem_add(host->problems, g_steal_pointer(&error), NULL, TRUE);
        return;
    }
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *uuid = ap_uuid_normalize(names->pdata[i]);

        /* The kernel names its mdevs in lower case. */
        if (uuid && strcmp(uuid, names->pdata[i]) == 0)
            load_mdev(host, dir, uuid);
    }
}


ApHostAnswer
ap_host_read_guest_matrix(const ApHost *host, const ApActiveMdev *mdev, ApApqnSet *ret_set,
                          GError **error)
{
    g_autofree char *path = ap_host_mdev_path(mdev->uuid, "guest_matrix");
    g_autoptr(GError) local = NULL;
    g_autofree char *text = NULL;
    ApMatrix matrix = { 0 };

    if (!mdev->listable)
        return AP_HOST_SAYS_NOTHING;
    text = ap_root_read(host->root, path, AP_ROOT_ATTRIBUTE_MAX, NULL, &local);
    if (g_error_matches(local, AP_ERROR, AP_ERROR_NOT_FOUND))
        return AP_HOST_SAYS_NOTHING;
    if (!text) {
        g_propagate_error(error, g_steal_pointer(&local));
        return AP_HOST_UNREADABLE;
    }
    if (!ap_host_parse_apqns(text, &matrix, error)) {
        g_autofree char *full = ap_root_describe(host->root, path);

        g_prefix_error(error, "%s: ", full);
        return AP_HOST_UNREADABLE;
    }
    memset(ret_set, 0, sizeof(*ret_set));
    ap_apqn_set_add(ret_set, &matrix.adapters, &matrix.domains);
    return AP_HOST_SAYS;
}


/* Whether one of the queues keeps its adapter from the guest. While vfio_ap is not loaded nothing
 * is bound to it, and only the masks tell what will be. */
static gboolean
hides_adapter(ApHost *host, guint adapter, const ApMask *domains)
{
    for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
        ApApqn apqn = { adapter, d };

        if (ap_host_owns(host, apqn) ||
            (host->has_vfio_ap && g_strcmp0(ap_host_get_driver(host, apqn), "vfio_ap") != 0))
            return TRUE;
    }
    return FALSE;
}


ApMatrix
ap_host_predict_guest_matrix(ApHost *host, const ApMatrix *matrix)
{
    ApMask adapters = ap_mask_and(&matrix->adapters, &host->adapters);
    ApMatrix guest = {
        .adapters = adapters,
        .domains = ap_mask_and(&matrix->domains, &host->domains),
        .control_domains = ap_mask_and(&matrix->control_domains, &host->control_domains),
    };

    for (int a = ap_mask_next(&adapters, 0); a >= 0; a = ap_mask_next(&adapters, a + 1)) {
        if (hides_adapter(host, a, &guest.domains))
            ap_mask_clear(&guest.adapters, a);
    }
    return guest;
}
