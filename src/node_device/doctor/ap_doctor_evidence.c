/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a captured host has to keep for the doctor, reduced to what its checks need. */
#include <string.h>

#include "conf/ap_mdev_def.h"
#include "node_device/doctor/ap_doctor_priv.h"
#include "node_device/txn/ap_txn.h"
#include "util/ap_id.h"
#include "util/ap_lock.h"

/* What the callout has beside it. */
#define GUESTS "libvirt-ap-guests"
#define JUDGE "libvirt-ap-callout-judge"

/* That these are there is what the checks need to know, or that nothing is in them. */
static const char *const dirs[] = {
    AP_DOCTOR_HOOKS, "/etc/mdevctl.d", "/etc/udev/rules.d", AP_DOCTOR_UNITS,
    AP_DOCTOR_CALLOUTS, AP_DOCTOR_OLD_CALLOUTS, AP_DOCTOR_NOTIFIERS, AP_DOCTOR_OLD_NOTIFIERS,
    AP_DOCTOR_KUBEVIRT, AP_HOST_MATRIX_DIR, "/run/lock", "/sys/bus", "/sys/fs", "/usr/bin",
    "/var/lib", NULL,
};

static const char *const whole_files[] = { AP_TXN_JOURNAL, AP_DOCTOR_SELINUX, NULL };

/* A list while it is made. */
typedef struct {
    const ApRoot *root;
    GPtrArray *evidence;
} Collector;


static void
evidence_free(gpointer data)
{
    ApEvidence *evidence = data;

    g_free(evidence->path);
    g_free(evidence->text);
    g_free(evidence);
}


/* @text is taken over. */
static void
add(Collector *collector, const char *path, const struct stat *st, char *text)
{
    ApEvidence *evidence = g_new0(ApEvidence, 1);

    evidence->path = g_strdup(path);
    evidence->mode = st->st_mode;
    evidence->text = text;
    evidence->since = ap_doctor_get_since(collector->root, st);
    g_ptr_array_add(collector->evidence, evidence);
}


static char *
read_text(const Collector *collector, const char *path)
{
    return ap_root_read(collector->root, path, AP_ROOT_SMALL_MAX, NULL, NULL);
}


/* A file with a text of ours in its place, if it is there and a file. */
static void
add_reduced(Collector *collector, const char *path, const char *text)
{
    struct stat st;

    if (ap_root_stat(collector->root, path, TRUE, &st) && S_ISREG(st.st_mode))
        add(collector, path, &st, g_strdup(text));
}


static void
add_whole(Collector *collector, const char *path)
{
    g_autofree char *text = read_text(collector, path);

    if (text)
        add_reduced(collector, path, text);
}


static void
add_dir(Collector *collector, const char *path)
{
    struct stat st;

    if (ap_root_stat(collector->root, path, TRUE, &st) && S_ISDIR(st.st_mode))
        add(collector, path, &st, g_strdup(""));
}


/* A link, and where it leads; returns the path of that, NULL if @path is no link. */
static char *
add_link(Collector *collector, const char *path)
{
    g_autofree char *target = ap_root_read_target(collector->root, path);
    g_autofree char *dir = g_path_get_dirname(path);
    struct stat st;

    if (!target || !ap_root_stat(collector->root, path, FALSE, &st))
        return NULL;
    add(collector, path, &st, g_strdup(target));
    return g_canonicalize_filename(target, dir);
}


/* A program: the links that lead to it, and a file that has only @text in it; returns its path. */
static char *
add_program(Collector *collector, const char *path, const char *text)
{
    char *program = ap_doctor_resolve(collector->root, path);
    g_autofree char *place = g_strdup(path);

    while (place && strcmp(place, program) != 0) {
        g_autofree char *link = g_steal_pointer(&place);

        place = add_link(collector, link);
    }
    add_reduced(collector, program, text);
    return program;
}


/* A script that mdevctl or libvirt runs, and what it needs beside it. */
static void
add_scripts(Collector *collector, const char *dir)
{
    g_autoptr(GPtrArray) names = ap_root_list(collector->root, dir, NULL);

    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path = g_strconcat(dir, "/", names->pdata[i], NULL);
        const char *text = ap_doctor_mentions_ap(collector->root, path) ? "vfio_ap\n" : "";
        g_autofree char *program = add_program(collector, path, text);
        g_autofree char *home = g_path_get_dirname(program);
        g_autofree char *guests = g_strconcat(home, "/" GUESTS, NULL);
        g_autofree char *judge = g_strconcat(home, "/" JUDGE, NULL);

        add_reduced(collector, guests, "");
        add_reduced(collector, judge, "");
    }
}


static void
add_mdevctl(Collector *collector)
{
    for (const char *const *dir = ap_doctor_program_dirs; *dir; dir++) {
        g_autofree char *path = g_strconcat(*dir, "/mdevctl", NULL);
        g_autofree char *program = add_program(collector, path, "");
    }
    for (const char *const *dir = ap_next_boot_rule_dirs; *dir; dir++) {
        g_autofree char *path = g_strconcat(*dir, "/" AP_DOCTOR_MDEVCTL_RULE, NULL);
        g_autofree char *leads_to = add_link(collector, path);

        if (!leads_to)
            add_whole(collector, path);
    }
    add_scripts(collector, AP_DOCTOR_CALLOUTS);
    add_scripts(collector, AP_DOCTOR_OLD_CALLOUTS);
}


static void
add_hooks(Collector *collector)
{
    g_autofree char *program = add_program(collector, AP_DOCTOR_HOOKS "/qemu", "");

    add_scripts(collector, AP_DOCTOR_HOOK_DIR);
}


/* Of a process its name, start and AppArmor's label. */
static void
add_process(Collector *collector, const char *pid_file)
{
    g_autofree char *text = read_text(collector, pid_file);
    g_autofree char *comm = NULL;
    g_autofree char *stat = NULL;
    g_autofree char *label = NULL;
    int pid;

    if (!text || !ap_pid_parse(g_strchomp(text), &pid))
        return;
    comm = g_strdup_printf("/proc/%d/comm", pid);
    stat = g_strdup_printf("/proc/%d/stat", pid);
    label = g_strdup_printf("/proc/%d/attr/current", pid);
    add_whole(collector, comm);
    add_whole(collector, stat);
    add_whole(collector, label);
}


/* The lines or words of a file that begin with @prefix, between @separators. */
static void
add_beginning_with(Collector *collector, const char *path, const char *prefix,
                   const char *separators)
{
    g_autofree char *text = read_text(collector, path);
    g_auto(GStrv) parts = text ? g_strsplit_set(text, separators, -1) : NULL;
    g_autoptr(GString) kept = g_string_new(NULL);

    for (char **part = parts; part && *part; part++) {
        if (g_str_has_prefix(*part, prefix))
            g_string_append_printf(kept, "%s\n", *part);
    }
    add_reduced(collector, path, kept->str);
}


/* The kernel's own parameters end at a word "--"; a quote can stand before the name of one. */
static void
add_cmdline(Collector *collector)
{
    g_autofree char *text = read_text(collector, AP_NEXT_BOOT_CMDLINE);
    g_auto(GStrv) words = text ? g_strsplit_set(text, " \t\n", -1) : NULL;
    g_autoptr(GString) kept = g_string_new(NULL);

    for (char **word = words; word && *word && strcmp(*word, "--") != 0; word++) {
        if (g_str_has_prefix(*word, "ap.") || g_str_has_prefix(*word, "\"ap."))
            g_string_append_printf(kept, "%s\n", *word);
    }
    if (text)
        add_reduced(collector, AP_NEXT_BOOT_CMDLINE, kept->str);
}


/* Of AppArmor's profiles of a daemon whether they know us. */
static void
add_profiles(Collector *collector, const char *daemon)
{
    for (const char *const *dir = ap_doctor_profile_dirs; *dir; dir++) {
        g_autofree char *path = g_strdup_printf("%s/usr.sbin.%s", *dir, daemon);
        g_autofree char *text = read_text(collector, path);

        if (text)
            add_reduced(collector, path,
                        strstr(text, AP_DOCTOR_PROFILE_WORD) ? AP_DOCTOR_PROFILE_WORD "\n" : "");
    }
}


static void
add_processes(Collector *collector)
{
    add_cmdline(collector);
    add_beginning_with(collector, AP_DOCTOR_STAT, "btime ", "\n");
    for (const char *const *name = ap_doctor_daemons; *name; name++) {
        g_autofree char *path = g_strdup_printf("/run/%s.pid", *name);

        add_whole(collector, path);
        add_process(collector, path);
        add_profiles(collector, *name);
    }
    add_whole(collector, AP_LOCK_PATH);
    add_process(collector, AP_LOCK_PATH);
}


static void
add_modules(Collector *collector)
{
    for (const char *const *dir = ap_doctor_module_dirs; *dir; dir++) {
        g_autoptr(GPtrArray) names = ap_root_list(collector->root, *dir, NULL);

        for (guint i = 0; names && i < names->len; i++) {
            g_autofree char *path = g_strconcat(*dir, "/", names->pdata[i], NULL);
            g_autofree char *text = read_text(collector, path);

            if (text && ap_doctor_names_module(text))
                add_reduced(collector, path, "vfio_ap\n");
        }
    }
}


static void
add_boot_unit(Collector *collector)
{
    g_autoptr(GPtrArray) names = ap_root_list(collector->root, AP_DOCTOR_UNITS, NULL);

    for (const char *const *dir = ap_doctor_unit_dirs; *dir; dir++) {
        g_autofree char *path = g_strconcat(*dir, "/" AP_DOCTOR_BOOT_UNIT, NULL);

        add_whole(collector, path);
    }
    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path =
            g_strconcat(AP_DOCTOR_UNITS "/", names->pdata[i], "/" AP_DOCTOR_BOOT_UNIT, NULL);
        g_autofree char *leads_to = add_link(collector, path);
    }
}


static void
add_others(Collector *collector)
{
    g_autoptr(GPtrArray) names = ap_root_list(collector->root, AP_DOCTOR_PLUGINS, NULL);

    for (guint i = 0; names && i < names->len; i++) {
        if (g_str_has_prefix(names->pdata[i], AP_DOCTOR_PLUGIN)) {
            const struct stat st = { .st_mode = S_IFREG };
            g_autofree char *path = g_strconcat(AP_DOCTOR_PLUGINS "/", names->pdata[i], NULL);

            add(collector, path, &st, g_strdup(""));
        }
    }
    for (const char *const *path = ap_doctor_nova_programs; *path; path++) {
        add_reduced(collector, *path, "");
        add_dir(collector, *path);
    }
    for (const char *const *path = ap_doctor_nova_files; *path; path++) {
        g_autofree char *text = read_text(collector, *path);

        if (text && ap_doctor_nova_enables_ap(text))
            add_reduced(collector, *path, "[devices]\nenabled_mdev_types = " AP_MDEV_TYPE "\n");
    }
}


/* The udev rules that decide, and those that hide others of their name. */
static void
add_rules(Collector *collector, const char *dir)
{
    g_autoptr(GPtrArray) names = ap_root_list(collector->root, dir, NULL);

    if (names)
        add_dir(collector, dir);
    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path = g_strconcat(dir, "/", names->pdata[i], NULL);
        g_autofree char *target = ap_root_read_target(collector->root, path);
        g_autofree char *text = NULL;

        if (!g_str_has_suffix(path, ".rules"))
            continue;
        if (g_strcmp0(target, "/dev/null") == 0) {
            g_free(add_link(collector, path));
            continue;
        }
        text = read_text(collector, path);
        if (text && ap_next_boot_concerns_rule(text))
            add_whole(collector, path);
        else if (strstr(names->pdata[i], "driverctl"))
            add_reduced(collector, path, "");
    }
}


static void
add_records(Collector *collector)
{
    g_autoptr(GPtrArray) names = ap_root_list(collector->root, AP_NEXT_BOOT_RECORDS, NULL);

    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *path = g_strconcat(AP_NEXT_BOOT_RECORDS "/", names->pdata[i], NULL);

        if (g_str_has_prefix(names->pdata[i], AP_NEXT_BOOT_RECORD_PREFIX))
            add_whole(collector, path);
    }
}


static void
add_initrd_file(Collector *collector, const char *path)
{
    g_autofree char *text = read_text(collector, path);

    if (text && ap_next_boot_names_zcrypt(text))
        add_reduced(collector, path, "zcrypt\n");
    else if (ap_next_boot_names_zcrypt(path))
        add_reduced(collector, path, "");
}


/* What decides how the next boot comes. */
static void
add_next_boot(Collector *collector)
{
    for (const char *const *dir = ap_next_boot_rule_dirs; *dir; dir++)
        add_rules(collector, *dir);
    add_records(collector);
    for (const char *const *file = ap_next_boot_initrd_files; *file; file++)
        add_initrd_file(collector, *file);
    for (const char *const *dir = ap_next_boot_initrd_dirs; *dir; dir++) {
        g_autoptr(GPtrArray) names = ap_root_list(collector->root, *dir, NULL);

        for (guint i = 0; names && i < names->len; i++) {
            g_autofree char *path = g_strconcat(*dir, "/", names->pdata[i], NULL);

            add_initrd_file(collector, path);
        }
    }
}


GPtrArray *
ap_doctor_list_evidence(const ApRoot *root)
{
    Collector collector = { root, g_ptr_array_new_with_free_func(evidence_free) };

    for (const char *const *dir = dirs; *dir; dir++)
        add_dir(&collector, *dir);
    for (const char *const *path = whole_files; *path; path++)
        add_whole(&collector, *path);
    add_modules(&collector);
    add_boot_unit(&collector);
    add_next_boot(&collector);
    add_mdevctl(&collector);
    add_hooks(&collector);
    add_processes(&collector);
    add_others(&collector);
    return collector.evidence;
}
