/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The doctor's look at libvirt: that it finds our hook. */
#include "config.h"

#include <string.h>

#include "node_device/doctor/ap_doctor_priv.h"
#include "util/ap_id.h"
#include "util/ap_process.h"

#define PROGRAM "libvirt-ap-hook"
#define LINK "libvirt-ap"

/* The kernel tells a process' start in these, whatever its own timer: USER_HZ. */
#define TICKS_PER_S 100

/* /proc tells the boot in whole seconds, and what has passed since then is rounded down, too. */
#define START_ERROR_S 2

/* What AppArmor's profiles of the daemons let them run, whatever its name. */
static const char *const runnable_dirs[] = { "/bin", "/sbin", "/usr/bin", "/usr/sbin", NULL };

const char *const ap_doctor_daemons[] = { "virtqemud", "libvirtd", NULL };

const char *const ap_doctor_profile_dirs[] = {
    AP_DOCTOR_APPARMOR, AP_DOCTOR_APPARMOR "/local", NULL,
};

/* libvirt's daemon as it runs. */
typedef struct {
    const char *name;
    int pid;
    gint64 start; /* seconds since 1970; at most START_ERROR_S too early */
} Daemon;


/* The path of our hook, NULL if there is none. */
static char *
find_hook(const ApDoctor *doctor)
{
    g_autoptr(GPtrArray) names = ap_root_list(doctor->root, AP_DOCTOR_HOOK_DIR, NULL);

    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path = g_strconcat(AP_DOCTOR_HOOK_DIR "/", names->pdata[i], NULL);
        g_autofree char *leads_to = ap_root_read_link(doctor->root, path);

        if (strcmp(names->pdata[i], LINK) == 0 || g_strcmp0(leads_to, PROGRAM) == 0)
            return g_steal_pointer(&path);
    }
    return NULL;
}


void
ap_doctor_check_hook(ApDoctor *doctor)
{
    g_autofree char *path = find_hook(doctor);

    if (path && ap_doctor_is_program(doctor, path))
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "libvirt's hook is %s", path);
    else if (path)
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, "install libvirt-ap again",
                      "%s leads to no program: libvirt passes over it", path);
    else if (ap_doctor_need(doctor, AP_DOCTOR_HOOKS))
        ap_doctor_add(doctor, AP_DOCTOR_FAULT,
                      "`ln -s " SBINDIR "/" PROGRAM " " AP_DOCTOR_HOOK_DIR "/" LINK
                      "`, then restart libvirt's daemon",
                      "libvirt does not ask libvirt-ap: there is no hook in %s",
                      AP_DOCTOR_HOOK_DIR);
}


/* When the host was booted, in seconds since 1970; 0 where unknown. */
static gint64
read_boot_time(const ApDoctor *doctor)
{
    g_autofree char *text =
        ap_root_read(doctor->root, AP_DOCTOR_STAT, AP_ROOT_SMALL_MAX, NULL, NULL);
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;
    guint64 value;

    for (char **line = lines; line && *line; line++) {
        if (g_str_has_prefix(*line, "btime ") &&
            ap_attr_parse(*line + strlen("btime "), &value, NULL))
            return value;
    }
    return 0;
}


/* Fills in the start of a process, if it is of that name. */
static gboolean
read_start(const ApDoctor *doctor, Daemon *daemon)
{
    g_autoptr(ApProcess) process = ap_process_read(doctor->root, daemon->pid, NULL);
    guint64 ticks;

    if (!process || strcmp(process->command, daemon->name) != 0 ||
        !ap_attr_parse(process->start, &ticks, NULL))
        return FALSE;
    daemon->start = read_boot_time(doctor) + ticks / TICKS_PER_S;
    return TRUE;
}


/* By its own pid file: a daemon in a container is another one's. */
static gboolean
find_daemon(const ApDoctor *doctor, Daemon *ret_daemon)
{
    for (const char *const *name = ap_doctor_daemons; *name; name++) {
        g_autofree char *path = g_strdup_printf("/run/%s.pid", *name);
        g_autofree char *text = ap_root_read_line(doctor->root, path);
        Daemon daemon = { .name = *name };

        if (text && ap_pid_parse(text, &daemon.pid) && read_start(doctor, &daemon)) {
            *ret_daemon = daemon;
            return TRUE;
        }
    }
    return FALSE;
}


/* Sets @since to when the hook came, if that is earlier; 0 is never. */
static void
read_since(const ApDoctor *doctor, const char *path, gint64 *since)
{
    struct stat st;
    gint64 time;

    if (!ap_doctor_is_program(doctor, path) || !ap_root_stat(doctor->root, path, FALSE, &st))
        return;
    time = ap_doctor_get_since(doctor->root, &st);
    *since = *since ? MIN(*since, time) : time;
}


/* Since when libvirt has any hook at all, 0 if it has none. */
static gint64
find_first_hook(const ApDoctor *doctor)
{
    g_autoptr(GPtrArray) names = ap_root_list(doctor->root, AP_DOCTOR_HOOK_DIR, NULL);
    gint64 since = 0;

    read_since(doctor, AP_DOCTOR_HOOKS "/qemu", &since);
    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path = g_strconcat(AP_DOCTOR_HOOK_DIR "/", names->pdata[i], NULL);

        read_since(doctor, path, &since);
    }
    return since;
}


void
ap_doctor_check_hook_seen(ApDoctor *doctor)
{
    gint64 since = find_first_hook(doctor);
    g_autofree char *hint = NULL;
    Daemon daemon;

    if (!since) {
        ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, NULL, "there is no hook");
        return;
    }
    if (!ap_doctor_need(doctor, AP_DOCTOR_STAT))
        return;
    if (!find_daemon(doctor, &daemon)) {
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL,
                      "libvirt's daemon does not run: it will see the hook when it starts");
        return;
    }
    if (since <= daemon.start + START_ERROR_S) {
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "%s (process %d) started when there was a hook",
                      daemon.name, daemon.pid);
        return;
    }
    hint = g_strdup_printf("`systemctl restart %s`; guests run on", daemon.name);
    ap_doctor_add(doctor, AP_DOCTOR_FAULT, hint,
                  "every hook is newer than %s (process %d), which looks for hooks only when it "
                  "starts: ours may not be run",
                  daemon.name, daemon.pid);
}


/* Whether AppArmor keeps a process to a profile: "libvirtd (enforce)". */
static gboolean
is_confined(const ApDoctor *doctor, int pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/attr/current", pid);
    g_autofree char *label = ap_root_read_line(doctor->root, path);

    return label && g_str_has_suffix(label, "(enforce)");
}


/* Whether a profile lets the daemon run our hook. AppArmor looks at where links lead. */
static gboolean
may_run(const ApDoctor *doctor, const char *daemon, const char *program)
{
    g_autofree char *dir = g_path_get_dirname(program);

    if (g_str_has_prefix(program, AP_DOCTOR_HOOKS "/") || g_strv_contains(runnable_dirs, dir))
        return TRUE;
    for (const char *const *place = ap_doctor_profile_dirs; *place; place++) {
        g_autofree char *path = g_strdup_printf("%s/usr.sbin.%s", *place, daemon);
        g_autofree char *text = ap_root_read(doctor->root, path, AP_ROOT_SMALL_MAX, NULL, NULL);

        if (text && strstr(text, AP_DOCTOR_PROFILE_WORD))
            return TRUE;
    }
    return FALSE;
}


void
ap_doctor_check_apparmor(ApDoctor *doctor)
{
    g_autofree char *hook = find_hook(doctor);
    g_autofree char *program = NULL;
    g_autofree char *hint = NULL;
    Daemon daemon;

    if (!hook) {
        ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, NULL, "there is no hook");
        return;
    }
    if (!ap_doctor_need(doctor, AP_DOCTOR_STAT))
        return;
    if (!find_daemon(doctor, &daemon)) {
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "libvirt's daemon does not run");
        return;
    }
    if (!is_confined(doctor, daemon.pid)) {
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "AppArmor does not confine %s", daemon.name);
        return;
    }
    program = ap_doctor_resolve(doctor->root, hook);
    if (may_run(doctor, daemon.name, program)) {
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "AppArmor lets %s run %s", daemon.name, program);
        return;
    }
    hint = g_strdup_printf("`echo '%s PUx,' >> " AP_DOCTOR_APPARMOR "/local/usr.sbin.%s`\n"
                           "`apparmor_parser -r " AP_DOCTOR_APPARMOR "/usr.sbin.%s`",
                           program, daemon.name, daemon.name);
    ap_doctor_add(doctor, AP_DOCTOR_FAULT, hint,
                  "AppArmor does not let %s run %s: no guest starts, with AP or without",
                  daemon.name, program);
}
