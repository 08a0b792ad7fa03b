/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Claims: a GKeyFile each, named GUEST-UUID.MDEV-UUID, in a directory that a reboot empties. */
#include "node_device/inventory/ap_claim.h"

#include <string.h>
#include <unistd.h>

#include "node_device/inventory/ap_problem.h"
#include "util/ap_error.h"
#include "util/ap_id.h"

#define GROUP "claim"

/* Of the fields behind the command in /proc/PID/stat: proc(5), starttime, the 22nd. */
#define STAT_START_FIELD 19


/* When a process started, NULL if there is none. The command may hold blanks and parentheses. */
static char *
read_start(const ApRoot *root, int pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *text = ap_root_read_line(root, path);
    const char *rest = text ? strrchr(text, ')') : NULL;
    g_auto(GStrv) fields = rest ? g_strsplit(rest + 2, " ", -1) : NULL;

    if (!fields || g_strv_length(fields) <= STAT_START_FIELD)
        return NULL;
    return g_strdup(fields[STAT_START_FIELD]);
}


ApClaim *
ap_claim_new(const ApRoot *root, const char *guest, const char *guest_uuid, const char *mdev,
             int daemon_pid)
{
    ApClaim *claim = g_new0(ApClaim, 1);

    claim->guest = g_strdup(guest);
    claim->guest_uuid = g_strdup(guest_uuid);
    claim->mdev = g_strdup(mdev);
    claim->daemon_pid = daemon_pid;
    claim->daemon_start = read_start(root, daemon_pid);
    if (!claim->daemon_start)
        claim->daemon_start = g_strdup("0");
    return claim;
}


void
ap_claim_free(ApClaim *claim)
{
    if (!claim)
        return;
    g_free(claim->guest);
    g_free(claim->guest_uuid);
    g_free(claim->mdev);
    g_free(claim->daemon_start);
    g_free(claim);
}


static char *
get_path(const ApClaim *claim, const ApRoot *root)
{
    g_autofree char *name = g_strconcat(claim->guest_uuid, ".", claim->mdev, NULL);

    return g_build_filename(ap_root_get_path(root), AP_CLAIM_DIR, name, NULL);
}


gboolean
ap_claim_write(const ApClaim *claim, const ApRoot *root, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autofree char *path = get_path(claim, root);
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *text = NULL;
    g_autoptr(GError) local = NULL;

    g_key_file_set_string(file, GROUP, "guest", claim->guest);
    g_key_file_set_string(file, GROUP, "guest-uuid", claim->guest_uuid);
    g_key_file_set_string(file, GROUP, "mdev", claim->mdev);
    g_key_file_set_integer(file, GROUP, "daemon-pid", claim->daemon_pid);
    g_key_file_set_string(file, GROUP, "daemon-start", claim->daemon_start);
    g_key_file_set_boolean(file, GROUP, "running", claim->running);
    g_key_file_set_boolean(file, GROUP, "brought-up", claim->brought_up);
    text = g_key_file_to_data(file, NULL, NULL);
    g_mkdir_with_parents(dir, 0755);
    if (g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, &local))
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_IO, "cannot write the claim: %s", local->message);
    return FALSE;
}


void
ap_claim_remove(const ApClaim *claim, const ApRoot *root)
{
    g_autofree char *path = get_path(claim, root);

    unlink(path);
}


gboolean
ap_claim_is_alive(const ApClaim *claim, const ApRoot *root)
{
    g_autofree char *start = NULL;

    if (!ap_root_exists(root, "/proc/self"))
        return TRUE;
    start = read_start(root, claim->daemon_pid);
    return g_strcmp0(start, claim->daemon_start) == 0;
}


static ApClaim *
parse_claim(const char *text, gsize length, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(ApClaim) claim = g_new0(ApClaim, 1);
    g_autofree char *pid = NULL;

    if (!g_key_file_load_from_data(file, text, length, G_KEY_FILE_NONE, error))
        return NULL;
    claim->guest = g_key_file_get_string(file, GROUP, "guest", NULL);
    claim->guest_uuid = g_key_file_get_string(file, GROUP, "guest-uuid", NULL);
    claim->mdev = g_key_file_get_string(file, GROUP, "mdev", NULL);
    claim->daemon_start = g_key_file_get_string(file, GROUP, "daemon-start", NULL);
    pid = g_key_file_get_string(file, GROUP, "daemon-pid", NULL);
    claim->running = g_key_file_get_boolean(file, GROUP, "running", NULL);
    claim->brought_up = g_key_file_get_boolean(file, GROUP, "brought-up", NULL);
    if (claim->guest && claim->guest_uuid && claim->mdev && claim->daemon_start && pid &&
        ap_pid_parse(pid, &claim->daemon_pid) && g_uuid_string_is_valid(claim->guest_uuid) &&
        g_uuid_string_is_valid(claim->mdev))
        return g_steal_pointer(&claim);
    g_set_error(error, AP_ERROR, AP_ERROR_CONFIG, "not a claim of libvirt-ap-hook");
    return NULL;
}


static void
load_claim(const ApRoot *root, const char *name, GPtrArray *claims, GPtrArray *problems)
{
    g_autofree char *path = g_build_filename(AP_CLAIM_DIR, name, NULL);
    g_autofree char *full = ap_root_describe(root, path);
    g_autofree char *text = NULL;
    GError *error = NULL;
    ApClaim *claim = NULL;
    gsize length;

    text = ap_root_read(root, path, AP_ROOT_SMALL_MAX, &length, &error);
    if (text)
        claim = parse_claim(text, length, &error);
    if (claim) {
        g_ptr_array_add(claims, claim);
        return;
    }
    if (g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND)) {
        g_error_free(error); /* its guest has just ended */
        return;
    }
    g_prefix_error(&error, "%s: ", full);
    ap_problem_add(problems, error, NULL, FALSE);
}


GPtrArray *
ap_claims_load(const ApRoot *root, GPtrArray *problems)
{
    GPtrArray *claims = g_ptr_array_new_with_free_func((GDestroyNotify)ap_claim_free);
    GError *error = NULL;
    g_autoptr(GPtrArray) names = ap_root_list(root, AP_CLAIM_DIR, &error);

    if (!names && !g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
        ap_problem_add(problems, error, NULL, FALSE);
    else
        g_clear_error(&error);
    for (guint i = 0; names && i < names->len; i++) {
        /* GLib's temporary files have a suffix behind the name. */
        if (strlen(names->pdata[i]) == 2 * 36 + 1)
            load_claim(root, names->pdata[i], claims, problems);
    }
    return claims;
}
