/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Claims: a GKeyFile each, named GUEST-UUID.MDEV-UUID, in a directory that a reboot empties. The
 * claim of a guest that has ended has ".ended" behind its name. */
#include "node_device/inventory/ap_claim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node_device/inventory/ap_problem.h"
#include "util/ap_error.h"
#include "util/ap_id.h"
#include "util/ap_process.h"

#define GROUP "claim"
#define ENDED ".ended"

/* GUEST-UUID.MDEV-UUID */
#define NAME_LENGTH (2 * 36 + 1)


ApClaim *
ap_claim_new(const ApRoot *root, const char *guest, const char *guest_uuid, const char *mdev,
             int daemon_pid)
{
    ApClaim *claim = g_new0(ApClaim, 1);
    g_autoptr(ApProcess) daemon = ap_process_read(root, daemon_pid, NULL);

    claim->guest = g_strdup(guest);
    claim->guest_uuid = g_strdup(guest_uuid);
    claim->mdev = g_strdup(mdev);
    claim->daemon_pid = daemon_pid;
    claim->daemon_start = daemon ? g_strdup(daemon->start) : NULL;
    /* A simulated host has no processes. */
    if (!daemon && ap_root_is_missing(root, "/proc/self"))
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
    g_autofree char *name = g_strconcat(claim->guest_uuid, ".", claim->mdev,
                                        claim->ended ? ENDED : NULL, NULL);

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

    if (!claim->daemon_start) {
        g_set_error(error, AP_ERROR, AP_ERROR_IO,
                    "cannot write the claim: /proc/%d/stat of libvirt's daemon cannot be read",
                    claim->daemon_pid);
        return FALSE;
    }
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
    g_autoptr(ApProcess) daemon = NULL;
    g_autoptr(GError) error = NULL;

    if (!ap_root_exists(root, "/proc/self"))
        return TRUE;
    daemon = ap_process_read(root, claim->daemon_pid, &error);
    if (!daemon)
        return !g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND);
    return strcmp(daemon->start, claim->daemon_start) == 0;
}


/* Whether @name is that of a claim; GLib's temporary files have another suffix behind it. */
static gboolean
is_claim_name(const char *name, gboolean *ret_ended)
{
    *ret_ended = strlen(name) > NAME_LENGTH;
    return strlen(name) >= NAME_LENGTH &&
           (!*ret_ended || strcmp(name + NAME_LENGTH, ENDED) == 0);
}


static gboolean
end_claim(const ApRoot *root, const char *name, GError **error)
{
    g_autofree char *path =
        g_build_filename(ap_root_get_path(root), AP_CLAIM_DIR, name, NULL);
    g_autofree char *ended = g_strconcat(path, ENDED, NULL);

    if (rename(path, ended) == 0 || errno == ENOENT)
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_IO, "cannot mark the claim %s as ended: %s", path,
                strerror(errno));
    return FALSE;
}


gboolean
ap_claims_end(const ApRoot *root, const char *guest_uuid, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(GPtrArray) names = ap_root_list(root, AP_CLAIM_DIR, &local);
    gboolean ended;

    if (!names && g_error_matches(local, AP_ERROR, AP_ERROR_NOT_FOUND))
        return TRUE;
    if (!names) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    for (guint i = 0; i < names->len; i++) {
        const char *name = names->pdata[i];

        if (g_str_has_prefix(name, guest_uuid) && is_claim_name(name, &ended) && !ended &&
            !end_claim(root, name, error))
            return FALSE;
    }
    return TRUE;
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


/* The guest of one that has ended holds nothing. */
static void
load_claim(const ApRoot *root, const char *name, gboolean ended, GPtrArray *claims,
           GPtrArray *problems)
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
        claim->ended = ended;
        g_ptr_array_add(claims, claim);
        return;
    }
    if (g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND)) {
        g_error_free(error); /* its guest has just ended */
        return;
    }
    g_prefix_error(&error, "%s: ", full);
    ap_problem_add_hidden(problems, error,
                          ended ? AP_PROBLEM_HIDES_NOTHING : AP_PROBLEM_HIDES_HOLDER);
}


GPtrArray *
ap_claims_load(const ApRoot *root, GPtrArray *problems)
{
    GPtrArray *claims = g_ptr_array_new_with_free_func((GDestroyNotify)ap_claim_free);
    GError *error = NULL;
    g_autoptr(GPtrArray) names = ap_root_list(root, AP_CLAIM_DIR, &error);
    gboolean ended;

    if (!names && !g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
        ap_problem_add_hidden(problems, error, AP_PROBLEM_HIDES_HOLDER);
    else
        g_clear_error(&error);
    for (guint i = 0; names && i < names->len; i++) {
        if (is_claim_name(names->pdata[i], &ended))
            load_claim(root, names->pdata[i], ended, claims, problems);
    }
    return claims;
}


char *
ap_claims_find_guest(const ApRoot *root, const char *name)
{
    g_autoptr(GPtrArray) problems = ap_problem_list_new();
    g_autoptr(GPtrArray) claims = ap_claims_load(root, problems);
    const char *found = NULL;

    for (guint i = 0; i < claims->len; i++) {
        const ApClaim *claim = claims->pdata[i];

        if (claim->ended || strcmp(claim->guest, name) != 0)
            continue;
        if (found && strcmp(found, claim->guest_uuid) != 0)
            return NULL;
        found = claim->guest_uuid;
    }
    return problems->len == 0 ? g_strdup(found) : NULL;
}
