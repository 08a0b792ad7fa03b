/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap capture: a copy of what the other commands read, for support. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "conf/ap_domain_xml.h"
#include "conf/ap_mdevctl_json.h"
#include "node_device/doctor/ap_doctor.h"
#include "node_device/inventory/ap_claim.h"
#include "node_device/inventory/ap_needs.h"
#include "node_device/inventory/ap_other_mdev.h"
#include "node_device/inventory/ap_problem.h"
#include "node_device/inventory/ap_zkey.h"
#include "out.h"
#include "util/ap_error.h"
#include "util/ap_file.h"
#include "util/ap_print.h"
#include "util/ap_unread.h"

/* Attributes that are read. `matrix` and `guest_matrix` are not among them, see
 * capture_mdev(). */
static const char *const bus_attrs[] = {
    "ap_adapter_mask", "ap_control_domain_mask", "ap_usage_domain_mask", "ap_max_adapter_id",
    "ap_max_domain_id", "apmask", "aqmask", "bindings", "bindings_complete_count", "features",
    "ap_domain", NULL,
};
static const char *const card_attrs[] = {
    "type",   "hwtype",  "raw_hwtype", "ap_functions", "config",
    "chkstop", "online", "serialnr",   "uevent",       NULL,
};
static const char *const queue_attrs[] = {
    "config", "chkstop", "online", "status", "ap_functions", "driver_override", "uevent", NULL,
};
static const char *const mdev_attrs[] = { "ap_config", "control_domains", NULL };
static const char *const listed_attrs[] = { "matrix", "guest_matrix", NULL };
static const char *const file_list[] = { AP_CONFIG_PATH, AP_LAST_GUESTS_PATH, NULL };

/* In the place of a definition that is none. */
#define BROKEN "{"

/* A capture while it is made. */
typedef struct {
    const ApRoot *root;
    const char *dir;
    GHashTable *unread; /* path -> why it is not in the capture as it is on the host */
} Capture;


static gboolean
set_write_error(GError **error, const char *path)
{
    int errnum = errno;
    g_autofree char *escaped = ap_text_escape(path);

    g_set_error(error, AP_ERROR, AP_ERROR_IO, "cannot write %s: %s", escaped, strerror(errnum));
    return FALSE;
}


/* The place of @path in the capture, its directory made. */
static char *
make_target(const Capture *capture, const char *path, GError **error)
{
    g_autofree char *target = g_strconcat(capture->dir, path, NULL);
    g_autofree char *dir = g_path_get_dirname(target);

    if (g_mkdir_with_parents(dir, 0700) < 0) {
        set_write_error(error, dir);
        return NULL;
    }
    return g_steal_pointer(&target);
}


static gboolean
write_file(const Capture *capture, const char *path, const char *text, gsize length, int mode,
           GError **error)
{
    g_autofree char *target = make_target(capture, path, error);
    g_autoptr(GError) local = NULL;

    if (!target)
        return FALSE;
    if (g_file_set_contents_full(target, text, length, G_FILE_SET_CONTENTS_NONE, mode, &local))
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_IO, "%s", local->message);
    return FALSE;
}


/* A link in the place of a file can lead to any secret that root may read. */
static gboolean
is_link(const Capture *capture, const char *path)
{
    struct stat st;

    return ap_root_stat(capture->root, path, FALSE, &st) && S_ISLNK(st.st_mode);
}


static gboolean
write_link(const Capture *capture, const char *path, const char *says, GError **error)
{
    g_autofree char *target = make_target(capture, path, error);

    if (!target)
        return FALSE;
    return symlink(says, target) == 0 || set_write_error(error, target);
}


/* Puts something in the place of what is left out, of its kind as far as a reader can tell: a link
 * that leads nowhere or to itself, a directory, or a file. */
static gboolean
put_stub(const Capture *capture, const char *path, gboolean is_dir, GError **error)
{
    g_autofree char *target = NULL;
    g_autofree char *name = g_path_get_basename(path);
    struct stat st = { .st_mode = is_dir ? S_IFDIR : S_IFREG };
    gboolean leads = ap_root_stat(capture->root, path, TRUE, &st);
    gboolean loops = !leads && errno == ELOOP;

    if (!is_dir && !leads && is_link(capture, path))
        return write_link(capture, path, loops ? name : "left-out", error);
    if (!is_dir && S_ISREG(st.st_mode))
        return write_file(capture, path, "", 0, 0600, error);
    target = make_target(capture, path, error);
    if (!target)
        return FALSE;
    return g_mkdir_with_parents(target, 0700) == 0 || set_write_error(error, target);
}


/* The record keeps it from being read. */
static gboolean
leave_out(const Capture *capture, const char *path, const GError *reason, gboolean is_dir,
          GError **error)
{
    g_autofree char *escaped = ap_text_escape(path);
    g_autofree char *full = ap_root_describe(capture->root, path);
    g_autofree char *said = g_strconcat("cannot read ", full, ": ", NULL);
    const char *message = reason->message;

    if (g_error_matches(reason, AP_ERROR, AP_ERROR_NOT_FOUND))
        return TRUE;
    ap_print_error("warning: left out: %s: %s\n", escaped, message);
    if (g_str_has_prefix(message, said))
        message += strlen(said);
    else if (g_str_has_prefix(message, said + strlen("cannot read ")))
        message += strlen(said) - strlen("cannot read ");
    g_hash_table_insert(capture->unread, g_strdup(path), g_strdup(message));
    return put_stub(capture, path, is_dir, error);
}


/* The names in a directory, none if it is not there or cannot be read; NULL if that could not be
 * written down. */
static GPtrArray *
list_dir(const Capture *capture, const char *path, GError **error)
{
    g_autoptr(GError) local = NULL;
    GPtrArray *names = ap_root_list(capture->root, path, &local);

    if (names)
        return names;
    return leave_out(capture, path, local, TRUE, error) ? g_ptr_array_new() : NULL;
}


/* Copies a file; one that cannot be read is left out, and so is a link. */
static gboolean
copy_file(const Capture *capture, const char *path, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autofree char *text = NULL;
    gsize length;

    if (is_link(capture, path)) {
        g_set_error(&local, AP_ERROR, AP_ERROR_IO, "it is a link, not a file");
        return leave_out(capture, path, local, FALSE, error);
    }

    text = ap_root_read(capture->root, path, AP_ROOT_SMALL_MAX, &length, &local);
    if (text)
        return write_file(capture, path, text, length, 0600, error);
    return leave_out(capture, path, local, FALSE, error);
}


static gboolean
copy_attrs(const Capture *capture, const char *dir, const char *const *attrs, GError **error)
{
    for (; *attrs; attrs++) {
        g_autofree char *path = g_strconcat(dir, "/", *attrs, NULL);

        if (!copy_file(capture, path, error))
            return FALSE;
    }
    return TRUE;
}


/* Only the last component of a link is ever looked at. */
static gboolean
copy_link(const Capture *capture, const char *path, GError **error)
{
    g_autofree char *name = ap_root_read_link(capture->root, path);

    return !name || write_link(capture, path, name, error);
}


static gboolean
capture_queue(const Capture *capture, const char *card_dir, const char *name, GError **error)
{
    g_autofree char *dir = g_strconcat(card_dir, "/", name, NULL);
    g_autofree char *driver = g_strconcat(dir, "/driver", NULL);
    g_autofree char *listed = g_strconcat("/sys/bus/ap/devices/", name, NULL);

    return copy_attrs(capture, dir, queue_attrs, error) && copy_link(capture, driver, error) &&
           copy_link(capture, listed, error);
}


static gboolean
capture_card(const Capture *capture, const char *name, GError **error)
{
    g_autofree char *dir = g_strconcat("/sys/devices/ap/", name, NULL);
    g_autofree char *listed = g_strconcat("/sys/bus/ap/devices/", name, NULL);
    g_autoptr(GPtrArray) names = list_dir(capture, dir, error);
    ApApqn apqn;

    if (!names || !copy_attrs(capture, dir, card_attrs, error) ||
        !copy_link(capture, listed, error))
        return FALSE;
    for (guint i = 0; i < names->len; i++) {
        if (ap_apqn_parse(names->pdata[i], &apqn) &&
            !capture_queue(capture, dir, names->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}


/* The names by which the mdev is opened below /dev/vfio. */
static gboolean
capture_devices(const Capture *capture, const char *dir, GError **error)
{
    g_autofree char *group = g_strconcat(dir, "/iommu_group", NULL);
    g_autofree char *devices = g_strconcat(dir, "/vfio-dev", NULL);
    g_autoptr(GPtrArray) names = ap_root_list(capture->root, devices, NULL);

    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path = g_strconcat(devices, "/", names->pdata[i], "/", NULL);
        g_autofree char *target = make_target(capture, path, error);

        if (!target)
            return FALSE;
    }
    return copy_link(capture, group, error);
}


static gboolean
capture_mdev(const Capture *capture, ApHost *host, const char *uuid, GError **error)
{
    g_autofree char *dir = g_strconcat(AP_HOST_MATRIX_DIR "/", uuid, NULL);
    g_autofree char *target = g_strconcat(capture->dir, dir, NULL);
    g_autofree char *config = g_strconcat(dir, "/ap_config", NULL);
    g_autofree char *matrix = g_strconcat(dir, "/matrix", NULL);
    const ApActiveMdev *mdev = ap_host_find_mdev(host, uuid);
    const ApProblem *problem = ap_problem_find(host->problems, uuid);

    /* One that is being removed has nothing but its directory. */
    if (g_mkdir_with_parents(target, 0700) < 0)
        return set_write_error(error, target);
    /* The kernel must not be made to print a matrix that it has no room for. */
    if (mdev && mdev->listable && !copy_attrs(capture, dir, listed_attrs, error))
        return FALSE;
    if (!mdev && problem && problem->is_live && ap_root_is_missing(capture->root, config)) {
        g_autoptr(GError) reason =
            g_error_new(AP_ERROR, AP_ERROR_IO, "%s", problem->message);

        if (!leave_out(capture, matrix, reason, FALSE, error))
            return FALSE;
    }
    return copy_attrs(capture, dir, mdev_attrs, error) && capture_devices(capture, dir, error);
}


/* Who has an mdev open: of each such process its name and the files of VFIO's. */
static gboolean
capture_process(const Capture *capture, const char *pid, gboolean *hidden, GError **error)
{
    g_autofree char *comm = g_strconcat("/proc/", pid, "/comm", NULL);
    g_autofree char *dir = g_strconcat("/proc/", pid, "/fd", NULL);
    g_autoptr(GError) local = NULL;
    g_autoptr(GPtrArray) fds = ap_root_list(capture->root, dir, &local);
    gboolean found = FALSE;

    /* That some could not be looked at need not be said of each. */
    if (g_error_matches(local, AP_ERROR, AP_ERROR_DENIED) && !*hidden) {
        *hidden = TRUE;
        return leave_out(capture, dir, local, TRUE, error);
    }
    for (guint i = 0; fds && i < fds->len; i++) {
        g_autofree char *path = g_strconcat(dir, "/", fds->pdata[i], NULL);
        g_autofree char *file = ap_root_read_target(capture->root, path);

        if (!file || !g_str_has_prefix(file, "/dev/vfio/"))
            continue;
        if (!write_link(capture, path, file, error))
            return FALSE;
        found = TRUE;
    }
    return !found || copy_file(capture, comm, error);
}


static gboolean
capture_processes(const Capture *capture, GError **error)
{
    g_autoptr(GPtrArray) pids = ap_root_list(capture->root, "/proc", NULL);
    gboolean hidden = FALSE;

    for (guint i = 0; pids && i < pids->len; i++) {
        if (g_ascii_isdigit(((char *)pids->pdata[i])[0]) &&
            !capture_process(capture, pids->pdata[i], &hidden, error))
            return FALSE;
    }
    return TRUE;
}


/* What the hook wrote of guests that start, except of those that are gone: nobody could tell
 * later. */
static gboolean
capture_claims(const Capture *capture, GError **error)
{
    g_autoptr(GPtrArray) names = list_dir(capture, AP_CLAIM_DIR, error);
    g_autoptr(GPtrArray) problems = ap_problem_list_new();
    g_autoptr(GPtrArray) claims = ap_claims_load(capture->root, problems);
    g_autoptr(GHashTable) gone = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    if (!names)
        return FALSE;
    for (guint i = 0; i < claims->len; i++) {
        const ApClaim *claim = claims->pdata[i];

        if (!claim->ended && !ap_claim_is_alive(claim, capture->root))
            g_hash_table_add(gone, g_strconcat(claim->guest_uuid, ".", claim->mdev, NULL));
    }
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_build_filename(AP_CLAIM_DIR, names->pdata[i], NULL);

        if (!g_hash_table_contains(gone, names->pdata[i]) && !copy_file(capture, path, error))
            return FALSE;
    }
    return TRUE;
}


/* UUIDs that are taken: of mdevs of another type only that they are there. */
static gboolean
capture_others(const Capture *capture, GError **error)
{
    g_autoptr(GHashTable) parents = ap_other_mdev_load_parents(capture->root);
    g_autoptr(GPtrArray) active = ap_root_list(capture->root, "/sys/bus/mdev/devices", NULL);
    GHashTableIter iter;
    gpointer uuid;
    gpointer parent;

    g_hash_table_iter_init(&iter, parents);
    while (g_hash_table_iter_next(&iter, &uuid, &parent)) {
        g_autofree char *path =
            g_strconcat("/etc/mdevctl.d/", (char *)parent, "/", (char *)uuid, NULL);

        if (!write_file(capture, path, "", 0, 0600, error))
            return FALSE;
    }
    for (guint i = 0; active && i < active->len; i++) {
        g_autofree char *path = ap_other_mdev_find(capture->root, active->pdata[i]);
        g_autofree char *target = path ? ap_root_read_target(capture->root, path) : NULL;

        if (target && !write_link(capture, path, target, error))
            return FALSE;
    }
    return TRUE;
}


static gboolean
capture_sysfs(const Capture *capture, GError **error)
{
    g_autoptr(ApHost) host = ap_host_load(capture->root);
    g_autoptr(GPtrArray) cards = ap_root_list(capture->root, "/sys/devices/ap", NULL);
    g_autoptr(GPtrArray) mdevs = ap_root_list(capture->root, AP_HOST_MATRIX_DIR, NULL);
    const char *const features[] = { "features", NULL };
    guint adapter;

    if (!copy_attrs(capture, "/sys/bus/ap", bus_attrs, error) ||
        !copy_attrs(capture, AP_HOST_MATRIX_DIR, features, error))
        return FALSE;
    for (guint i = 0; cards && i < cards->len; i++) {
        if (ap_card_parse(cards->pdata[i], &adapter) &&
            !capture_card(capture, cards->pdata[i], error))
            return FALSE;
    }
    for (guint i = 0; mdevs && i < mdevs->len; i++) {
        if (g_uuid_string_is_valid(mdevs->pdata[i]) &&
            !capture_mdev(capture, host, mdevs->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}


/* Copies what has a definition's name and form; nobody knows what else may stand in such a file. */
static gboolean
capture_definition(const Capture *capture, const char *name, GError **error)
{
    g_autofree char *path = g_strconcat(AP_DEFS_DIR "/", name, NULL);
    g_autofree char *uuid = ap_uuid_from_name(name);
    g_autofree char *text = NULL;
    g_autoptr(GError) local = NULL;
    g_autoptr(ApMdevDef) def = NULL;
    gsize length;

    if (!uuid)
        return TRUE;
    text = ap_root_read(capture->root, path, AP_ROOT_DEFINITION_MAX, &length, &local);
    def = text ? ap_mdevctl_json_parse(text, length, &local) : NULL;
    if (def)
        return write_file(capture, path, text, length, 0600, error);
    if (!text)
        return leave_out(capture, path, local, FALSE, error);
    ap_print_error("warning: left out: %s: %s\n", path, local->message);
    return write_file(capture, path, BROKEN, strlen(BROKEN), 0600, error);
}


static gboolean
capture_definitions(const Capture *capture, GError **error)
{
    g_autoptr(GPtrArray) names = list_dir(capture, AP_DEFS_DIR, error);

    if (!names)
        return FALSE;
    for (guint i = 0; i < names->len; i++) {
        if (!capture_definition(capture, names->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}


/* Copies what we need of a domain XML. What cannot be parsed cannot be stripped, and is left out;
 * so is the status of a guest that is gone: nobody could tell later. */
static gboolean
capture_domain(const Capture *capture, const char *path, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autoptr(ApDomainDef) def = NULL;
    g_autofree char *stripped = NULL;
    g_autofree char *text = NULL;
    gsize length;

    text = ap_root_read(capture->root, path, AP_ROOT_XML_MAX, &length, &local);
    def = text ? ap_domain_xml_parse(text, length, &local) : NULL;
    stripped = def ? ap_domain_xml_strip(text, length, &local) : NULL;
    if (!stripped)
        return leave_out(capture, path, local, FALSE, error);
    if (def->pid > 0 && !ap_guests_is_alive(capture->root, def->pid, def->uuid))
        return TRUE;
    return write_file(capture, path, stripped, strlen(stripped), 0600, error);
}


static gboolean
capture_domains(const Capture *capture, const char *dir, GError **error)
{
    g_autoptr(GPtrArray) names = list_dir(capture, dir, error);

    if (!names)
        return FALSE;
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_strconcat(dir, "/", names->pdata[i], NULL);

        if (g_str_has_suffix(names->pdata[i], ".xml") && !capture_domain(capture, path, error))
            return FALSE;
    }
    return TRUE;
}


static gboolean
capture_autostart(const Capture *capture, GError **error)
{
    const char *dir = "/etc/libvirt/qemu/autostart";
    g_autoptr(GPtrArray) names = list_dir(capture, dir, error);

    if (!names)
        return FALSE;
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_strconcat(dir, "/", names->pdata[i], NULL);

        if (!copy_link(capture, path, error))
            return FALSE;
    }
    return TRUE;
}


/* Of the zkey repository only which queues its keys are associated with. */
static gboolean
capture_zkey(const Capture *capture, GError **error)
{
    g_autoptr(GPtrArray) names = list_dir(capture, AP_ZKEY_DIR, error);

    if (!names)
        return FALSE;
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_strconcat(AP_ZKEY_DIR "/", names->pdata[i], NULL);
        g_autofree char *text = NULL;
        const char *line;
        g_autofree char *kept = NULL;

        if (!g_str_has_suffix(names->pdata[i], ".info"))
            continue;
        text = ap_root_read(capture->root, path, AP_ROOT_SMALL_MAX, NULL, NULL);
        line = text && g_str_has_prefix(text, "apqns=") ? text
             : text                                     ? strstr(text, "\napqns=")
                                                        : NULL;
        if (!line)
            continue;
        line += *line == '\n';
        kept = g_strndup(line, strcspn(line, "\n"));
        if (!write_file(capture, path, kept, strlen(kept), 0600, error))
            return FALSE;
    }
    return TRUE;
}


/* The masks of further zcrypt device nodes. */
static gboolean
capture_nodes(const Capture *capture, GError **error)
{
    static const char *const masks[] = { "apmask", "aqmask", NULL };
    g_autoptr(GPtrArray) names = list_dir(capture, AP_NEEDS_NODE_DIR, error);

    if (!names)
        return FALSE;
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *dir = g_strconcat(AP_NEEDS_NODE_DIR "/", names->pdata[i], NULL);

        if (!copy_attrs(capture, dir, masks, error))
            return FALSE;
    }
    return TRUE;
}


/* Of openCryptoki's EP11 tokens only the APQNs that they list. */
static gboolean
capture_tokens(const Capture *capture, GError **error)
{
    g_autoptr(GPtrArray) names = list_dir(capture, AP_NEEDS_TOKEN_DIR, error);

    if (!names)
        return FALSE;
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *path = g_strconcat(AP_NEEDS_TOKEN_DIR "/", names->pdata[i], NULL);
        g_autofree char *text = NULL;
        g_autofree char *kept = NULL;

        if (!ap_needs_is_token(names->pdata[i]))
            continue;
        text = ap_root_read(capture->root, path, AP_ROOT_SMALL_MAX, NULL, NULL);
        kept = text ? ap_needs_reduce_token(text) : NULL;
        if (kept && !write_file(capture, path, kept, strlen(kept), 0600, error))
            return FALSE;
    }
    return TRUE;
}


/* Of /proc/cpuinfo only the line that tells the CRYCB's format. */
static gboolean
capture_facilities(const Capture *capture, GError **error)
{
    g_autofree char *text =
        ap_root_read(capture->root, "/proc/cpuinfo", AP_ROOT_SMALL_MAX, NULL, NULL);
    const char *line = text ? strstr(text, "\nfacilities") : NULL;
    g_autofree char *kept = NULL;

    if (!line)
        return TRUE;
    kept = g_strndup(line, 1 + strcspn(line + 1, "\n") + 1);
    return write_file(capture, "/proc/cpuinfo", kept, strlen(kept), 0600, error);
}


/* Who came first is told by the times. */
static gboolean
keep_time(const char *target, gint64 since, GError **error)
{
    const struct timespec times[] = { { .tv_sec = since }, { .tv_sec = since } };

    return utimensat(AT_FDCWD, target, times, AT_SYMLINK_NOFOLLOW) == 0 ||
           set_write_error(error, target);
}


static gboolean
capture_evidence(const Capture *capture, const ApEvidence *evidence, GError **error)
{
    int mode = evidence->mode & 0111 ? 0700 : 0600;
    g_autofree char *target = make_target(capture, evidence->path, error);

    if (!target)
        return FALSE;
    if (S_ISDIR(evidence->mode))
        return g_mkdir_with_parents(target, 0700) == 0 || set_write_error(error, target);
    /* Two ways can lead to one program. */
    if (g_file_test(target, G_FILE_TEST_EXISTS) || g_file_test(target, G_FILE_TEST_IS_SYMLINK))
        return TRUE;
    if (S_ISLNK(evidence->mode)) {
        if (symlink(evidence->text, target) < 0)
            return set_write_error(error, target);
    } else if (!write_file(capture, evidence->path, evidence->text, strlen(evidence->text), mode,
                           error)) {
        return FALSE;
    }
    return keep_time(target, evidence->since, error);
}


/* What virt-ap doctor wants to know. */
static gboolean
capture_doctor(const Capture *capture, GError **error)
{
    g_autoptr(GPtrArray) evidence = ap_doctor_list_evidence(capture->root);

    for (guint i = 0; i < evidence->len; i++) {
        if (!capture_evidence(capture, evidence->pdata[i], error))
            return FALSE;
    }
    return TRUE;
}


static gboolean
write_record(const Capture *capture, GError **error)
{
    g_autofree char *text = ap_unread_format(capture->unread);

    return g_hash_table_size(capture->unread) == 0 ||
           write_file(capture, "/" AP_UNREAD_FILE, text, strlen(text), 0600, error);
}


static gboolean
capture_all(const Capture *capture, GError **error)
{
    for (const char *const *path = file_list; *path; path++) {
        if (!copy_file(capture, *path, error))
            return FALSE;
    }
    return capture_sysfs(capture, error) && capture_definitions(capture, error) &&
           capture_domains(capture, "/etc/libvirt/qemu", error) &&
           capture_domains(capture, "/run/libvirt/qemu", error) &&
           capture_autostart(capture, error) && capture_zkey(capture, error) &&
           capture_nodes(capture, error) && capture_tokens(capture, error) &&
           capture_facilities(capture, error) && capture_processes(capture, error) &&
           capture_claims(capture, error) && capture_others(capture, error) &&
           capture_doctor(capture, error) &&
           write_record(capture, error);
}


static void
print_text(const CmdContext *context, const char *dir)
{
    ap_print("captured in %s\nlook at it with: virt-ap --root %s map\n", dir, dir);
    out_print_incomplete(context->root);
}


static int
run(const CmdContext *context, char **args, GError **error)
{
    g_autofree char *dir = g_canonicalize_filename(args[0], NULL);
    g_autofree char *partial = g_strdup_printf("%s.partial.%d", dir, (int)getpid());
    g_autofree char *escaped = ap_text_escape(args[0]);
    g_autoptr(GHashTable) unread = ap_unread_new();
    Capture capture = { context->root, partial, unread };

    if (g_file_test(dir, G_FILE_TEST_EXISTS) || g_file_test(dir, G_FILE_TEST_IS_SYMLINK)) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "'%s' exists already: wanted a new directory", escaped);
        return CMD_FAILED;
    }
    if (mkdir(partial, 0700) < 0) {
        set_write_error(error, partial);
        return CMD_FAILED;
    }
    if (!capture_all(&capture, error)) {
        ap_file_remove_tree(partial);
        return CMD_FAILED;
    }
    if (rename(partial, dir) < 0) {
        set_write_error(error, dir);
        ap_file_remove_tree(partial);
        return CMD_FAILED;
    }
    if (context->json)
        out_finish(out_new(), context->root, NULL);
    else
        print_text(context, escaped);
    return out_end(0, error);
}


const Cmd cmd_capture = {
    .name = "capture",
    .args = "DIR",
    .summary = "Copy what virt-ap reads of this host",
    .description = "Copies masks, cards, queues, matrices, definitions and the configuration to "
                   "DIR, which must not exist. Of domain XML it keeps name, uuid, type, os type, "
                   "cpu, mdev hostdevs and our metadata alone: the rest can hold passwords; of "
                   "programs and other people's configuration what `virt-ap doctor` wants to "
                   "know.",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
