/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal of a transaction: one JSON object, written as a whole before the first step and
 * removed after the last. docs/recovery.rst is its reference. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "conf/ap_json.h"
#include "node_device/inventory/ap_defs.h"
#include "node_device/inventory/ap_next_boot.h"
#include "node_device/txn/ap_txn_priv.h"
#include "util/ap_error.h"
#include "util/ap_file.h"

#define VERSION 1

/* A journal that was not all written: nothing was begun. */
#define JOURNAL_NEW AP_TXN_JOURNAL ".new"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

/* Who died may have left a child that removes an mdev. */
#define LOCK_WAIT_MS 5000
#define LOCK_POLL_MS 50

static const char *const kinds[] = {
    "file", "create", "matrix", "remove", "mask", "override",
};


static void
step_free(gpointer data)
{
    ApStep *step = data;

    g_free(step->name);
    g_clear_pointer(&step->file_before, g_bytes_unref);
    g_clear_pointer(&step->file_after, g_bytes_unref);
    g_free(step->driver_before);
    g_free(step->driver_after);
    g_free(step);
}


ApTxn *
ap_txn_new(const ApRoot *root, ApKernel *kernel, const char *verb)
{
    ApTxn *txn = g_new0(ApTxn, 1);
    g_autofree char *boot = ap_root_read_line(root, BOOT_ID);

    txn->root = root;
    txn->kernel = kernel;
    txn->verb = g_strdup(verb);
    txn->boot = g_strdup(boot ? boot : "");
    txn->steps = g_ptr_array_new_with_free_func(step_free);
    txn->fd = -1;
    return txn;
}


void
ap_txn_free(ApTxn *txn)
{
    if (!txn)
        return;
    if (txn->fd >= 0)
        close(txn->fd);
    g_ptr_array_unref(txn->steps);
    g_free(txn->verb);
    g_free(txn->boot);
    g_free(txn);
}


static gboolean
set_io_error(GError **error, const char *what, const char *path, int errnum)
{
    g_set_error(error, AP_ERROR, ap_error_code_of(errnum), "cannot %s the journal %s: %s", what,
                path, strerror(errnum));
    return FALSE;
}


gboolean
ap_txn_check_closed(const ApRoot *root, GError **error)
{
    g_autofree char *path = ap_root_describe(root, AP_TXN_JOURNAL);

    if (ap_root_is_missing(root, AP_TXN_JOURNAL))
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                "a change of the AP configuration was begun and not ended, see %s\n"
                "virt-ap recover",
                path);
    return FALSE;
}


static JsonObject *
bytes_to_json(GBytes *bytes)
{
    gsize length;
    const guchar *data = bytes ? g_bytes_get_data(bytes, &length) : NULL;
    g_autofree char *text = NULL;

    if (!bytes)
        return NULL;
    text = g_base64_encode(data, length);
    return json_object_new_string(text);
}


static JsonObject *
matrix_to_json(const ApMatrix *matrix)
{
    g_autofree char *text = g_strchomp(ap_matrix_to_ap_config(matrix));

    return json_object_new_string(text);
}


static JsonObject *
mask_to_json(const ApMask *mask)
{
    char text[AP_MASK_STRING_SIZE];

    ap_mask_to_string(mask, text);
    return json_object_new_string(text);
}


static JsonObject *
step_to_json(const ApStep *step)
{
    JsonObject *object = json_object_new_object();

    json_object_object_add(object, "do", json_object_new_string(kinds[step->kind]));
    json_object_object_add(object, "name", json_object_new_string(step->name));
    if (step->kind == AP_STEP_FILE) {
        json_object_object_add(object, "before", bytes_to_json(step->file_before));
        json_object_object_add(object, "after", bytes_to_json(step->file_after));
    } else if (step->kind == AP_STEP_MATRIX) {
        json_object_object_add(object, "before", matrix_to_json(&step->before));
        json_object_object_add(object, "after", matrix_to_json(&step->after));
        json_object_object_add(object, "whole", json_object_new_boolean(step->whole));
    } else if (step->kind == AP_STEP_MASK) {
        json_object_object_add(object, "before", mask_to_json(&step->mask_before));
        json_object_object_add(object, "after", mask_to_json(&step->mask_after));
    } else if (step->kind == AP_STEP_OVERRIDE) {
        json_object_object_add(object, "before", json_object_new_string(step->driver_before));
        json_object_object_add(object, "after", json_object_new_string(step->driver_after));
    }
    return object;
}


static JsonObject *
txn_to_json(const ApTxn *txn)
{
    JsonObject *object = json_object_new_object();
    JsonObject *steps = json_object_new_array();

    for (guint i = 0; i < txn->steps->len; i++)
        json_object_array_add(steps, step_to_json(txn->steps->pdata[i]));
    json_object_object_add(object, "version", json_object_new_int(VERSION));
    json_object_object_add(object, "verb", json_object_new_string(txn->verb));
    json_object_object_add(object, "boot", json_object_new_string(txn->boot));
    json_object_object_add(object, "steps", steps);
    return object;
}


gboolean
ap_txn_check_boot(const ApTxn *txn, GError **error)
{
    g_autofree char *path = ap_root_describe(txn->root, BOOT_ID);

    return txn->boot[0] ? TRUE : set_io_error(error, "tell the boot of", path, EIO);
}


/* Writes @new_path, locked, and gives it its name. */
static int
write_journal(ApTxn *txn, const char *new_path, const char *path)
{
    g_autoptr(JsonObject) object = txn_to_json(txn);
    const char *text = json_object_to_json_string_ext(
        object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    int errnum;

    if (unlink(new_path) < 0 && errno != ENOENT)
        return errno;
    txn->fd = open(new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (txn->fd < 0)
        return errno;
    errnum = flock(txn->fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
    if (errnum == 0)
        errnum = ap_file_write_all(txn->fd, text, strlen(text));
    if (errnum == 0 && fsync(txn->fd) < 0)
        errnum = errno;
    if (errnum == 0)
        errnum = ap_file_rename_new(new_path, path);
    if (errnum != 0)
        unlink(new_path);
    return errnum;
}


gboolean
ap_txn_journal_open(ApTxn *txn, GError **error)
{
    g_autofree char *path = ap_root_join(txn->root, AP_TXN_JOURNAL);
    g_autofree char *new_path = ap_root_join(txn->root, JOURNAL_NEW);
    g_autofree char *dir = g_path_get_dirname(path);
    int errnum;

    if (!ap_txn_check_closed(txn->root, error) || !ap_txn_check_boot(txn, error))
        return FALSE;
    if (g_mkdir_with_parents(dir, 0755) < 0)
        return set_io_error(error, "make the directory of", path, errno);
    errnum = write_journal(txn, new_path, path);
    if (errnum == 0) {
        errnum = ap_file_sync_dir(dir);
        /* Nothing is begun: then none must be open. */
        if (errnum != 0)
            unlink(path);
    }
    return errnum == 0 ? TRUE : set_io_error(error, "write", path, errnum);
}


gboolean
ap_txn_journal_close(ApTxn *txn, GError **error)
{
    g_autofree char *path = ap_root_join(txn->root, AP_TXN_JOURNAL);

    if (unlink(path) < 0 && errno != ENOENT)
        return set_io_error(error, "remove", path, errno);
    close(txn->fd);
    txn->fd = -1;
    return TRUE;
}


static gboolean
set_damaged_error(GError **error, const char *path, const char *what)
{
    g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                "the journal %s is damaged (%s): what was begun cannot be told\n"
                "look at the definitions and at `virt-ap list`, then remove the file",
                path, what);
    return FALSE;
}


static gboolean
get_bytes(JsonObject *object, const char *key, GBytes **ret_bytes)
{
    JsonObject *value;
    const char *text = ap_json_get_string(object, key);
    guchar *data;
    gsize length;

    *ret_bytes = NULL;
    if (!json_object_object_get_ex(object, key, &value) || (value && !text))
        return FALSE;
    if (!value)
        return TRUE;
    data = g_base64_decode(text, &length);
    *ret_bytes = g_bytes_new_take(data, length);
    return TRUE;
}


static gboolean
get_matrix(JsonObject *object, const char *key, ApMatrix *ret_matrix)
{
    const char *text = ap_json_get_string(object, key);

    return text && ap_matrix_parse_ap_config(text, ret_matrix, NULL);
}


static gboolean
get_mask(JsonObject *object, const char *key, ApMask *ret_mask)
{
    const char *text = ap_json_get_string(object, key);

    return text && ap_mask_parse_sysfs(text, ret_mask, NULL);
}


/* No more than the name of a driver: it goes to the kernel. */
static gboolean
get_driver(JsonObject *object, const char *key, char **ret_driver)
{
    const char *text = ap_json_get_string(object, key);

    if (!text || strspn(text, G_CSET_a_2_z G_CSET_DIGITS "_") != strlen(text))
        return FALSE;
    *ret_driver = g_strdup(text);
    return TRUE;
}


/* Recovery writes these files as root: a definition, chzdev's rule, driverctl's records. A verb
 * that writes another file adds it here. */
static gboolean
is_known_file(const char *path)
{
    static const char record[] = AP_NEXT_BOOT_RECORDS "/" AP_NEXT_BOOT_RECORD_PREFIX;
    g_autofree char *uuid = NULL;
    ApApqn apqn;

    if (strcmp(path, AP_NEXT_BOOT_CHZDEV_RULE) == 0)
        return TRUE;
    if (g_str_has_prefix(path, record))
        return ap_apqn_parse(path + strlen(record), &apqn);
    if (!g_str_has_prefix(path, AP_DEFS_DIR "/"))
        return FALSE;
    uuid = ap_uuid_from_name(path + strlen(AP_DEFS_DIR "/"));
    return uuid != NULL;
}


/* The names lead to files: only what a verb can have written is one. */
static gboolean
is_name_of(ApStepKind kind, const char *name)
{
    ApApqn apqn;

    switch (kind) {
    case AP_STEP_FILE:
        return is_known_file(name);
    case AP_STEP_MASK:
        return strcmp(name, "apmask") == 0 || strcmp(name, "aqmask") == 0;
    case AP_STEP_OVERRIDE:
        return ap_apqn_parse(name, &apqn);
    default:
        return g_uuid_string_is_valid(name);
    }
}


static gboolean
parse_step(JsonObject *object, ApStep *step)
{
    const char *kind = ap_json_get_string(object, "do");
    const char *name = ap_json_get_string(object, "name");
    guint i = 0;

    while (i < G_N_ELEMENTS(kinds) && g_strcmp0(kind, kinds[i]) != 0)
        i++;
    if (i == G_N_ELEMENTS(kinds) || !name || !is_name_of(i, name))
        return FALSE;
    step->kind = i;
    step->name = g_strdup(name);
    if (step->kind == AP_STEP_FILE)
        return get_bytes(object, "before", &step->file_before) &&
               get_bytes(object, "after", &step->file_after);
    if (step->kind == AP_STEP_MASK)
        return get_mask(object, "before", &step->mask_before) &&
               get_mask(object, "after", &step->mask_after);
    if (step->kind == AP_STEP_OVERRIDE)
        return get_driver(object, "before", &step->driver_before) &&
               get_driver(object, "after", &step->driver_after);
    if (step->kind != AP_STEP_MATRIX)
        return TRUE;
    step->whole = json_object_get_boolean(json_object_object_get(object, "whole"));
    return get_matrix(object, "before", &step->before) &&
           get_matrix(object, "after", &step->after);
}


static gboolean
parse_txn(JsonObject *object, ApTxn *txn, const char *path, GError **error)
{
    JsonObject *version = json_object_object_get(object, "version");
    JsonObject *steps = json_object_object_get(object, "steps");
    const char *verb = ap_json_get_string(object, "verb");
    const char *boot = ap_json_get_string(object, "boot");

    if (!json_object_is_type(version, json_type_int))
        return set_damaged_error(error, path, "no version");
    if (json_object_get_int(version) != VERSION) {
        g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                    "the journal %s has version %d, and this program knows %d\n"
                    "run `virt-ap recover` of the libvirt-ap that wrote it",
                    path, json_object_get_int(version), VERSION);
        return FALSE;
    }
    if (!verb || !boot || !json_object_is_type(steps, json_type_array))
        return set_damaged_error(error, path, "no verb, boot id or steps");
    g_free(txn->verb);
    txn->verb = g_strdup(verb);
    g_free(txn->boot);
    txn->boot = g_strdup(boot);
    for (gsize i = 0; i < json_object_array_length(steps); i++) {
        ApStep *step = g_new0(ApStep, 1);

        g_ptr_array_add(txn->steps, step);
        if (!parse_step(json_object_array_get_idx(steps, i), step))
            return set_damaged_error(error, path, "a step cannot be read");
    }
    return TRUE;
}


static gboolean
lock_journal(int fd, const char *path, GError **error)
{
    const struct timespec pause = { .tv_nsec = LOCK_POLL_MS * 1000000L };

    for (guint waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; waited += LOCK_POLL_MS) {
        if (errno != EWOULDBLOCK)
            return set_io_error(error, "lock", path, errno);
        if (waited >= LOCK_WAIT_MS) {
            g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                        "somebody still works on what %s says: perhaps the kernel waits until an "
                        "mdev that is to be removed is closed\n"
                        "stop the guest that has it, then try again: virt-ap recover",
                        path);
            return FALSE;
        }
        nanosleep(&pause, NULL);
    }
    return TRUE;
}


/* What recovery does as root it does by this file: nobody else may have written it. */
static gboolean
check_own(int fd, const char *path, GError **error)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return set_io_error(error, "look at", path, errno);
    if (S_ISREG(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                "the journal %s is not one of virt-ap's: it is %s\n"
                "look who made it, then remove it: ls -l %s",
                path,
                !S_ISREG(st.st_mode)       ? "no regular file"
                : st.st_uid != geteuid() ? "somebody else's"
                                           : "writable by others",
                path);
    return FALSE;
}


/* Whether @fd is still the file at @path. */
static gboolean
is_at(int fd, const char *path, gboolean *ret_is_at, GError **error)
{
    struct stat st;
    struct stat now;

    if (fstat(fd, &st) < 0)
        return set_io_error(error, "look at", path, errno);
    if (lstat(path, &now) == 0) {
        *ret_is_at = st.st_ino == now.st_ino && st.st_dev == now.st_dev;
        return TRUE;
    }
    *ret_is_at = FALSE;
    return errno == ENOENT ? TRUE : set_io_error(error, "look at", path, errno);
}


/* Reads the open journal, and what it says into @txn. */
static gboolean
read_journal(ApTxn *txn, const char *path, GError **error)
{
    g_autoptr(GByteArray) content = g_byte_array_new();
    g_autoptr(JsonObject) object = NULL;
    int errnum = ap_file_read_all(txn->fd, AP_ROOT_SMALL_MAX, content);

    if (errnum != 0)
        return set_io_error(error, "read", path, errnum);
    g_byte_array_append(content, (const guint8 *)"", 1);
    object = json_tokener_parse((const char *)content->data);
    if (!json_object_is_type(object, json_type_object))
        return set_damaged_error(error, path, "not JSON, or cut");
    return parse_txn(object, txn, path, error);
}


ApTxn *
ap_txn_journal_load(const ApRoot *root, ApKernel *kernel, GError **error)
{
    g_autofree char *path = ap_root_join(root, AP_TXN_JOURNAL);
    g_autofree char *new_path = ap_root_join(root, JOURNAL_NEW);
    g_autoptr(ApTxn) txn = ap_txn_new(root, kernel, "");
    gboolean is_open;

    unlink(new_path);
    /* For writing, as NFS wants it for the lock; and a fifo must not make us wait. */
    txn->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (txn->fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return NULL;
    if (txn->fd < 0) {
        set_io_error(error, "open", path, errno);
        return NULL;
    }
    if (!check_own(txn->fd, path, error) || !lock_journal(txn->fd, path, error) ||
        !is_at(txn->fd, path, &is_open, error))
        return NULL;
    /* Whoever worked on it may have ended it while we waited. */
    if (!is_open || !read_journal(txn, path, error))
        return NULL;
    return g_steal_pointer(&txn);
}
