/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The doctor's look at what is ours, and what we share: configuration, definitions, journal, lock,
 * boot unit. */
#include <string.h>
#include <time.h>

#include "conf/ap_mdevctl_json.h"
#include "node_device/doctor/ap_doctor_priv.h"
#include "node_device/inventory/ap_config_load.h"
#include "node_device/inventory/ap_inventory.h"
#include "node_device/txn/ap_txn.h"
#include "util/ap_error.h"
#include "util/ap_lock.h"

#define DEFINITIONS "/etc/mdevctl.d"

const char *const ap_doctor_unit_dirs[] = {
    AP_DOCTOR_UNITS, "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
    "/lib/systemd/system", NULL,
};


void
ap_doctor_check_boot_unit(ApDoctor *doctor)
{
    gboolean installed = FALSE;

    for (const char *const *dir = ap_doctor_unit_dirs; *dir; dir++) {
        g_autofree char *path = g_strconcat(*dir, "/" AP_DOCTOR_BOOT_UNIT, NULL);

        installed = installed || ap_root_exists(doctor->root, path);
    }
    if (!ap_doctor_need(doctor, AP_DOCTOR_UNITS))
        return;
    if (!installed)
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, "install libvirt-ap again",
                      AP_DOCTOR_BOOT_UNIT " is not installed");
    else if (!ap_doctor_has_boot_unit(doctor))
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, "`systemctl enable " AP_DOCTOR_BOOT_UNIT "`",
                      AP_DOCTOR_BOOT_UNIT " is not enabled: a change that a power cut interrupts "
                                          "would not be ended at boot, before matrices start");
    else
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, AP_DOCTOR_BOOT_UNIT " is enabled");
}


void
ap_doctor_check_configuration(ApDoctor *doctor)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ApConfig) config = ap_config_load(doctor->root, &error);
    g_autofree char *message = NULL;

    if (config) {
        if (ap_root_exists(doctor->root, AP_CONFIG_PATH))
            ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, AP_CONFIG_PATH " can be used");
        else if (ap_doctor_need(doctor, "/etc"))
            ap_doctor_add(doctor, AP_DOCTOR_OK, NULL,
                          "there is no " AP_CONFIG_PATH ": the defaults count");
        return;
    }
    message = ap_error_message(error);
    ap_doctor_add(doctor, AP_DOCTOR_FAULT,
                  ap_error_hint(error)[0] ? ap_error_hint(error)
                                          : "until then no guest with AP and no matrix starts",
                  "%s", message);
}


static const char *
describe_type(mode_t mode)
{
    return S_ISDIR(mode)    ? "a directory"
           : S_ISFIFO(mode) ? "a fifo"
           : S_ISSOCK(mode) ? "a socket"
                            : "a device";
}


static gboolean
can_parse(ApDoctor *doctor, const char *path, GError **error)
{
    g_autoptr(ApMdevDef) def = NULL;
    g_autofree char *text = NULL;
    gsize length;

    text = ap_root_read(doctor->root, path, AP_ROOT_SMALL_MAX, &length, error);
    if (!text)
        return FALSE;
    def = ap_mdevctl_json_parse(text, length, error);
    if (!def)
        g_prefix_error(error, "%s: ", path);
    return def != NULL;
}


/* mdevctl ends with a panic at a name that is no UTF-8, in whatever directory. */
static gboolean
check_name(ApDoctor *doctor, const char *dir, const char *name)
{
    g_autofree char *shown = ap_text_printable(name);

    if (g_utf8_validate(name, -1, NULL))
        return TRUE;
    ap_doctor_add(doctor, AP_DOCTOR_FAULT,
                  "move it away: `ls -b` shows how the shell writes its name",
                  "%s has a file whose name is not UTF-8, '%s': mdevctl ends there, lists no "
                  "definition and starts none",
                  dir, shown);
    return FALSE;
}


/* One file of a parent's directory; returns whether it is as it should be. */
static gboolean
check_definition(ApDoctor *doctor, const char *dir, const char *name, GHashTable *seen)
{
    g_autofree char *path = g_strconcat(dir, "/", name, NULL);
    g_autofree char *uuid = ap_uuid_from_name(name);
    g_autofree char *hint = g_strdup_printf("mend it, or `rm %s`", path);
    g_autoptr(GError) error = NULL;
    struct stat st;

    if (!uuid)
        return check_name(doctor, dir, name);
    if (!ap_root_stat(doctor->root, path, TRUE, &st)) {
        ap_doctor_add(doctor, AP_DOCTOR_WARN, hint, "%s leads nowhere: mdevctl passes over it",
                      path);
        return FALSE;
    }
    if (!S_ISREG(st.st_mode)) {
        ap_doctor_add(doctor, AP_DOCTOR_WARN, "move it away", "%s is %s: mdevctl passes over it",
                      path, describe_type(st.st_mode));
        return FALSE;
    }
    if (strcmp(uuid, name) != 0) {
        g_autofree char *usual = g_strconcat(dir, "/", uuid, NULL);
        g_autofree char *rename_hint = g_strdup_printf("`mv -n %s %s`", path, usual);

        ap_doctor_add(doctor, AP_DOCTOR_FAULT,
                      ap_root_is_missing(doctor->root, usual) ? rename_hint : hint,
                      "%s defines mdev %s under another name than mdevctl gives it: mdevctl starts "
                      "it, and can neither change nor undefine it",
                      path, uuid);
        return FALSE;
    }
    g_hash_table_add(seen, g_steal_pointer(&uuid));
    if (can_parse(doctor, path, &error))
        return TRUE;
    ap_doctor_add(doctor, AP_DOCTOR_FAULT, hint,
                  "%s; mdevctl starts no matrix at boot for it, and a libvirt daemon that starts "
                  "meanwhile sees no mdev",
                  error->message);
    return FALSE;
}


static gboolean
check_parent(ApDoctor *doctor, const char *parent, guint *n)
{
    g_autofree char *dir = g_strconcat(DEFINITIONS "/", parent, NULL);
    g_autoptr(GPtrArray) names = ap_root_list(doctor->root, dir, NULL);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    gboolean ok = TRUE;

    for (guint i = 0; names && i < names->len; i++)
        ok = check_definition(doctor, dir, names->pdata[i], seen) && ok;
    *n += g_hash_table_size(seen);
    return ok;
}


/* Of all parents: mdevctl reads them all to list them, and fails at the first that it cannot. */
void
ap_doctor_check_definitions(ApDoctor *doctor)
{
    g_autoptr(GPtrArray) parents = ap_root_list(doctor->root, DEFINITIONS, NULL);
    gboolean ok = TRUE;
    guint n = 0;

    if (!ap_doctor_need(doctor, DEFINITIONS))
        return;
    for (guint i = 0; parents && i < parents->len; i++) {
        if (strcmp(parents->pdata[i], "scripts.d") != 0)
            ok = check_name(doctor, DEFINITIONS, parents->pdata[i]) &&
                 check_parent(doctor, parents->pdata[i], &n) && ok;
    }
    if (ok)
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "mdevctl can read its %u definition%s", n,
                      n == 1 ? "" : "s");
}


void
ap_doctor_check_journal(ApDoctor *doctor)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *message = NULL;

    if (!ap_txn_check_closed(doctor->root, &error)) {
        message = ap_error_message(error);
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, "`virt-ap recover`",
                      "%s: until then nothing can be changed", message);
    } else if (ap_doctor_need(doctor, "/var/lib")) {
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "no change was interrupted");
    }
}


/* The content of a process' stat, NULL if there is no such process; "" if it cannot be read. */
static char *
read_process_stat(const ApDoctor *doctor, int pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    char *text = ap_root_read_line(doctor->root, path);

    return text || ap_root_is_missing(doctor->root, path) ? text : g_strdup("");
}


/* Says for how long a process has had the lock; a short while is how it is to be. */
static void
check_holder(ApDoctor *doctor, int owner, guint age_s)
{
    g_autoptr(ApConfig) config = ap_config_load(doctor->root, NULL);
    g_autofree char *path = g_strdup_printf("/proc/%d/comm", owner);
    g_autofree char *comm = ap_root_read_line(doctor->root, path);
    g_autofree char *stat = read_process_stat(doctor, owner);
    guint limit_s = config ? config->lock_timeout_s : 0;

    if (!comm || ap_lock_is_stale(owner, stat, age_s))
        ap_doctor_add(doctor, AP_DOCTOR_WARN, "nothing to do: the next who wants it replaces it",
                      "the lock is left behind: process %d of " AP_LOCK_PATH " is gone", owner);
    else if (owner == 1)
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, "`rm " AP_LOCK_PATH "`",
                      "the lock belongs to process 1 (%s), which never ends: nothing can be "
                      "changed",
                      comm);
    else if (age_s > limit_s)
        ap_doctor_add(doctor, AP_DOCTOR_WARN, "look at what that process waits for",
                      "process %d (%s) has had the lock for %u s: others give up after %u", owner,
                      comm, age_s, limit_s);
    else
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "process %d (%s) has the lock just now", owner,
                      comm);
}


/* A captured host is as it was when its /proc was copied. */
static gint64
get_now(const ApDoctor *doctor)
{
    struct stat st;

    if (!ap_root_is_host(doctor->root) && ap_root_stat(doctor->root, AP_DOCTOR_STAT, TRUE, &st))
        return st.st_mtime;
    return time(NULL);
}


/* Who owns the files of a captured host says nothing. */
static gboolean
is_foreign_lock(const ApDoctor *doctor)
{
    struct stat st;
    int owner;

    if (ap_root_is_host(doctor->root))
        return ap_lock_get_state(AP_LOCK_PATH, &owner) == AP_LOCK_FOREIGN;
    return ap_root_stat(doctor->root, AP_LOCK_PATH, FALSE, &st) && !S_ISREG(st.st_mode);
}


void
ap_doctor_check_lock(ApDoctor *doctor)
{
    g_autofree char *text = ap_root_read_line(doctor->root, AP_LOCK_PATH);
    gboolean is_stale;
    struct stat st;
    guint age_s;
    int owner;

    if (!ap_doctor_need(doctor, "/run/lock"))
        return;
    if (is_foreign_lock(doctor)) {
        ap_doctor_add(doctor, AP_DOCTOR_WARN, "`rm -r " AP_LOCK_PATH "`",
                      AP_LOCK_PATH " is no regular file of root's, so it is no lock; s390-tools' "
                                   "chzdev and ap-check wait for it all the same");
        return;
    }
    if (!text || !ap_root_stat(doctor->root, AP_LOCK_PATH, FALSE, &st)) {
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "nobody has the lock");
        return;
    }
    age_s = MAX(get_now(doctor) - st.st_mtime, 0);
    owner = ap_lock_parse_owner(text, st.st_mode);
    is_stale = owner == 0 && ap_lock_is_stale(owner, NULL, age_s);
    if (owner == 0)
        ap_doctor_add(doctor, is_stale ? AP_DOCTOR_WARN : AP_DOCTOR_OK,
                      is_stale ? "nothing to do: the next who wants it replaces it" : NULL,
                      AP_LOCK_PATH " holds no process id");
    else if (ap_doctor_need(doctor, AP_DOCTOR_STAT))
        check_holder(doctor, owner, age_s);
}
