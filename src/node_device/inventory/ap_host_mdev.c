/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of the active matrices. */
#include <string.h>

#include "conf/ap_mdev_def.h"
#include "conf/ap_mdevctl_json.h"
#include "node_device/inventory/ap_defs.h"
#include "node_device/inventory/ap_host_priv.h"
#include "util/ap_error.h"


static void
mdev_free(gpointer data)
{
    ApActiveMdev *mdev = data;

    g_free(mdev->uuid);
    g_free(mdev);
}


static char *
attr_path(const char *uuid, const char *attr)
{
    return g_strconcat(AP_HOST_MATRIX_DIR "/", uuid, "/", attr, NULL);
}


/* `matrix`, `guest_matrix`: "05.0047" a line; "05." or ".0047" while the other side is empty. */
static gboolean
parse_apqn_line(const char *line, ApMatrix *matrix, ApApqnSet *set)
{
    g_autofree char *padded = NULL;
    gsize length = strlen(line);
    gboolean no_domain = length == 3 && line[2] == '.';
    gboolean no_adapter = length == 5 && line[0] == '.';
    ApApqn apqn;

    padded = no_domain ? g_strconcat(line, "0000", NULL)
           : no_adapter ? g_strconcat("00", line, NULL)
                        : g_strdup(line);
    if (!ap_apqn_parse(padded, &apqn))
        return FALSE;
    if (!no_adapter)
        ap_mask_set(&matrix->adapters, apqn.adapter);
    if (!no_domain)
        ap_mask_set(&matrix->domains, apqn.domain);
    if (!no_adapter && !no_domain && set)
        ap_mask_set(&set->domains[apqn.adapter], apqn.domain);
    return TRUE;
}


static gboolean
parse_apqn_list(const char *text, ApMatrix *ret_matrix, ApApqnSet *ret_set, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        if (**line == '\0' && !line[1])
            break;
        if (!parse_apqn_line(*line, ret_matrix, ret_set)) {
            g_autofree char *printable = ap_text_printable(*line);

            g_set_error(error, AP_ERROR, AP_ERROR_NUMBER, "'%s' is not an APQN", printable);
            return FALSE;
        }
    }
    return TRUE;
}


static gboolean
parse_control_domains(const char *text, ApMask *ret_mask, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        g_autofree char *padded = g_strconcat("00.", *line, NULL);
        ApApqn apqn;

        if (**line == '\0' && !line[1])
            break;
        if (!ap_apqn_parse(padded, &apqn)) {
            g_autofree char *printable = ap_text_printable(*line);

            g_set_error(error, AP_ERROR, AP_ERROR_NUMBER, "'%s' is not a control domain",
                        printable);
            return FALSE;
        }
        ap_mask_set(ret_mask, apqn.domain);
    }
    return TRUE;
}


/* The kernel prints exactly three full masks. */
static gboolean
parse_ap_config(const char *text, ApMatrix *ret_matrix, GError **error)
{
    g_auto(GStrv) masks = g_strsplit(text, ",", -1);

    if (g_strv_length(masks) != 3) {
        g_set_error(error, AP_ERROR, AP_ERROR_MASK, "not three masks");
        return FALSE;
    }
    return ap_mask_parse_sysfs(masks[0], &ret_matrix->adapters, error) &&
           ap_mask_parse_sysfs(masks[1], &ret_matrix->domains, error) &&
           ap_mask_parse_sysfs(masks[2], &ret_matrix->control_domains, error);
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

    text = ap_root_read(root, path, AP_ROOT_SMALL_MAX, &length, NULL);
    def = text ? ap_mdevctl_json_parse(text, length, NULL) : NULL;
    return def && ap_mdev_def_replay(def, NULL, NULL, &matrix, NULL) &&
           ap_matrix_count_apqns(&matrix) > AP_HOST_LISTED_MAX;
}


static gboolean
read_listed_matrix(const ApRoot *root, const char *uuid, ApMatrix *ret_matrix, GError **error)
{
    g_autofree char *path = attr_path(uuid, "matrix");
    g_autofree char *control_path = attr_path(uuid, "control_domains");
    g_autofree char *text = NULL;
    g_autofree char *control = NULL;
    ApMatrix matrix = { 0 };

    if (is_defined_too_big(root, uuid)) {
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
    if (!parse_apqn_list(text, &matrix, NULL, error)) {
        g_autofree char *full = ap_root_describe(root, path);

        g_prefix_error(error, "%s: ", full);
        return FALSE;
    }
    if (!parse_control_domains(control, &matrix.control_domains, error)) {
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
    g_autofree char *path = attr_path(uuid, "ap_config");
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
    if (!parse_ap_config(text, &matrix, error)) {
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
    return text && strlen(text) == length && parse_ap_config(text, ret_matrix, NULL);
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
        g_autofree char *path = attr_path(uuid, "");

        /* Removed between our list and our look: it holds nothing any more. */
        if (!ap_root_is_missing(host->root, path))
            ap_problem_add(host->problems, g_steal_pointer(&error), uuid, TRUE);
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
    g_autofree char *features = ap_root_read_line(host->root, AP_HOST_MATRIX_DIR "/features");
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = ap_root_list(host->root, AP_HOST_MATRIX_DIR, &error);
    g_autoptr(ApDir) dir = names ? ap_dir_open(host->root, AP_HOST_MATRIX_DIR, &error) : NULL;

    host->mdevs = g_ptr_array_new_with_free_func(mdev_free);
    host->has_ap_config = features && strstr(features, "ap_config");
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


gboolean
ap_host_read_guest_matrix(const ApHost *host, const ApActiveMdev *mdev, ApApqnSet *ret_set)
{
    g_autofree char *path = attr_path(mdev->uuid, "guest_matrix");
    g_autofree char *text = NULL;
    ApMatrix bounds = { 0 };
    ApApqnSet set = { 0 };

    if (!mdev->listable)
        return FALSE;
    text = ap_root_read(host->root, path, AP_ROOT_ATTRIBUTE_MAX, NULL, NULL);
    if (!text || !parse_apqn_list(text, &bounds, &set, NULL))
        return FALSE;
    *ret_set = set;
    return TRUE;
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


/* Whether a guest has the queue; what cannot be asked could be anything. */
static gboolean
is_queue_in_use(const ApHost *host, ApApqn apqn)
{
    g_autofree char *dir = ap_host_queue_dir(apqn);
    g_autofree char *path = g_strconcat(dir, "/status", NULL);
    g_autofree char *status = ap_root_read_line(host->root, path);

    return status ? strcmp(status, "in use") == 0 : !ap_root_is_missing(host->root, path);
}


static gboolean
is_in_some_matrix(const ApHost *host, ApApqn apqn)
{
    for (guint i = 0; i < host->mdevs->len; i++) {
        const ApMatrix *matrix = &((const ApActiveMdev *)host->mdevs->pdata[i])->matrix;

        if (ap_mask_has(&matrix->adapters, apqn.adapter) &&
            ap_mask_has(&matrix->domains, apqn.domain))
            return TRUE;
    }
    return FALSE;
}


gboolean
ap_host_is_in_use(const ApHost *host, const char *uuid)
{
    const ApActiveMdev *mdev = ap_host_find_mdev(host, uuid);
    g_autofree char *dir = attr_path(uuid, "");
    ApMask adapters = mdev ? mdev->matrix.adapters : ap_mask_range(0, AP_ID_MAX);
    ApMask domains = mdev ? mdev->matrix.domains : ap_mask_range(0, AP_ID_MAX);

    if (!mdev && ap_root_is_missing(host->root, dir))
        return FALSE;
    if (host->has_qci) {
        adapters = ap_mask_and(&adapters, &host->adapters);
        domains = ap_mask_and(&domains, &host->domains);
    }
    for (int a = ap_mask_next(&adapters, 0); a >= 0; a = ap_mask_next(&adapters, a + 1)) {
        for (int d = ap_mask_next(&domains, 0); d >= 0; d = ap_mask_next(&domains, d + 1)) {
            ApApqn apqn = { a, d };

            if ((mdev || !is_in_some_matrix(host, apqn)) && is_queue_in_use(host, apqn))
                return TRUE;
        }
    }
    return FALSE;
}
