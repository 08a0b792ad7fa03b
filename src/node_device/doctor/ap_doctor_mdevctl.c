/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The doctor's look at mdevctl: itself, its udev rule, and that it asks our callout. */
#include "config.h"

#include <string.h>

#include "node_device/doctor/ap_doctor_priv.h"
#include "node_device/inventory/ap_defs.h"

#define PROGRAM "libvirt-ap-callout"
#define LINK "00-libvirt-ap"
#define START " start-parent-mdevs"

const char *const ap_doctor_program_dirs[] = {
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", NULL,
};

/* One script in mdevctl's directories. */
typedef struct {
    char *path;
    gboolean is_ours;
    gboolean takes_ap; /* runs, and is for AP matrices */
} Callout;


static void
callout_free(gpointer data)
{
    Callout *callout = data;

    g_free(callout->path);
    g_free(callout);
}


/* mdevctl 1.2 looks into one directory, and does not sort. */
static gboolean
is_old(const ApDoctor *doctor)
{
    return !ap_root_exists(doctor->root, AP_DOCTOR_NOTIFIERS) &&
           ap_root_exists(doctor->root, AP_DOCTOR_OLD_NOTIFIERS);
}


gboolean
ap_doctor_mentions_ap(const ApRoot *root, const char *path)
{
    g_autofree char *text = NULL;
    gsize length;

    text = ap_root_read(root, path, AP_ROOT_LARGE_MAX, &length, NULL);
    return text && memmem(text, length, "vfio_ap", strlen("vfio_ap"));
}


static void
load_callouts(const ApDoctor *doctor, const char *dir, GPtrArray *callouts)
{
    g_autoptr(GPtrArray) names = ap_root_list(doctor->root, dir, NULL);

    for (guint i = 0; names && i < names->len; i++) {
        Callout *callout = g_new0(Callout, 1);
        g_autofree char *leads_to = NULL;

        callout->path = g_strconcat(dir, "/", names->pdata[i], NULL);
        leads_to = ap_root_read_link(doctor->root, callout->path);
        callout->is_ours =
            strcmp(names->pdata[i], LINK) == 0 || g_strcmp0(leads_to, PROGRAM) == 0;
        callout->takes_ap =
            ap_doctor_is_program(doctor, callout->path) &&
            (callout->is_ours || ap_doctor_mentions_ap(doctor->root, callout->path));
        g_ptr_array_add(callouts, callout);
    }
}


/* The scripts that mdevctl looks at, in its order. */
static GPtrArray *
list_callouts(const ApDoctor *doctor)
{
    GPtrArray *callouts = g_ptr_array_new_with_free_func(callout_free);

    if (!is_old(doctor))
        load_callouts(doctor, AP_DOCTOR_CALLOUTS, callouts);
    load_callouts(doctor, AP_DOCTOR_OLD_CALLOUTS, callouts);
    return callouts;
}


static const Callout *
find_ours(const GPtrArray *callouts)
{
    for (guint i = 0; i < callouts->len; i++) {
        const Callout *callout = callouts->pdata[i];

        if (callout->is_ours)
            return callout;
    }
    return NULL;
}


static char *
find_mdevctl(const ApDoctor *doctor)
{
    for (const char *const *dir = ap_doctor_program_dirs; *dir; dir++) {
        g_autofree char *path = g_strconcat(*dir, "/mdevctl", NULL);

        if (ap_doctor_is_program(doctor, path))
            return g_steal_pointer(&path);
    }
    return NULL;
}


void
ap_doctor_check_mdevctl(ApDoctor *doctor)
{
    g_autofree char *path = find_mdevctl(doctor);
    gboolean old = is_old(doctor);

    if (!path) {
        if (ap_doctor_need(doctor, "/usr/bin"))
            ap_doctor_add(doctor, AP_DOCTOR_FAULT, "install the package mdevctl",
                          "mdevctl is not installed: libvirt can neither start nor define a "
                          "matrix");
        return;
    }
    if (!old && !ap_root_exists(doctor->root, AP_DOCTOR_NOTIFIERS)) {
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, "install the package mdevctl again",
                      "there is neither " AP_DOCTOR_NOTIFIERS " nor " AP_DOCTOR_OLD_NOTIFIERS
                      ": mdevctl refuses all work");
        return;
    }
    ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "%s is there, %s", path,
                  old ? "of version 1.2: no live changes through it" : "of version 1.3 or later");
}


/* mdevctl's udev rule, NULL if there is none or it is masked. */
static char *
read_rule(const ApDoctor *doctor, char **ret_path)
{
    for (const char *const *dir = ap_next_boot_rule_dirs; *dir; dir++) {
        g_autofree char *path = g_strconcat(*dir, "/" AP_DOCTOR_MDEVCTL_RULE, NULL);
        g_autofree char *target = ap_root_read_target(doctor->root, path);
        char *text;

        if (g_strcmp0(target, "/dev/null") == 0)
            return NULL;
        text = ap_root_read(doctor->root, path, AP_ROOT_SMALL_MAX, NULL, NULL);
        if (!text)
            continue;
        *ret_path = g_steal_pointer(&path);
        return text;
    }
    return NULL;
}


/* The program that the rule runs, NULL if it runs none. */
static char *
find_started_program(const char *rule)
{
    const char *end = strstr(rule, "/mdevctl" START);
    const char *start = end;

    if (!end)
        return NULL;
    while (start > rule && !strchr(" \t\n\"'{;", start[-1]))
        start--;
    return g_strndup(start, end + strlen("/mdevctl") - start);
}


static gboolean
has_autostart(const ApDoctor *doctor)
{
    g_autoptr(GPtrArray) problems = ap_problem_list_new();
    g_autoptr(GPtrArray) definitions = ap_defs_load(doctor->root, problems);

    for (guint i = 0; i < definitions->len; i++) {
        const ApDefinition *definition = definitions->pdata[i];

        if (definition->def->autostart)
            return TRUE;
    }
    return FALSE;
}


/* Nothing is wrong as long as nobody wants it. The boot unit starts what udev did not. */
static void
add_no_autostart(ApDoctor *doctor, const char *hint, const char *why)
{
    gboolean wanted = has_autostart(doctor);

    if (ap_doctor_has_boot_unit(doctor)) {
        ap_doctor_add(doctor, AP_DOCTOR_WARN, hint,
                      "only " AP_DOCTOR_BOOT_UNIT " starts matrices, and not when vfio_ap is "
                      "loaded later: %s",
                      why);
        return;
    }
    ap_doctor_add(doctor, wanted ? AP_DOCTOR_FAULT : AP_DOCTOR_WARN, hint,
                  "no matrix starts at boot%s: %s",
                  wanted ? ", though definitions ask for it" : "", why);
}


void
ap_doctor_check_autostart(ApDoctor *doctor)
{
    g_autofree char *path = NULL;
    g_autofree char *rule = NULL;
    g_autofree char *program = NULL;
    g_autofree char *mdevctl = find_mdevctl(doctor);
    g_autofree char *why = NULL;
    g_autofree char *hint = NULL;

    if (!mdevctl) {
        ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, NULL, "mdevctl was not found");
        return;
    }
    rule = read_rule(doctor, &path);
    program = rule ? find_started_program(rule) : NULL;
    if (!program) {
        if (rule || ap_doctor_need(doctor, "/etc/udev/rules.d"))
            add_no_autostart(doctor, "install the package mdevctl again",
                             "mdevctl's udev rule " AP_DOCTOR_MDEVCTL_RULE " is missing or masked");
        return;
    }
    if (ap_doctor_is_program(doctor, program)) {
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "%s starts matrices at boot", path);
        return;
    }
    why = g_strdup_printf("%s runs %s, which is not there", path, program);
    hint = g_strdup_printf("`ln -s %s %s`", mdevctl, program);
    add_no_autostart(doctor, hint, why);
}


static void
add_no_callout(ApDoctor *doctor)
{
    const char *dir = is_old(doctor) ? AP_DOCTOR_OLD_CALLOUTS : AP_DOCTOR_CALLOUTS;
    g_autofree char *hint =
        g_strdup_printf("`ln -s " LIBEXECDIR "/" PROGRAM " %s/" LINK "`", dir);

    if (ap_doctor_need(doctor, dir))
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, hint,
                      "mdevctl does not ask libvirt-ap: there is no callout in %s", dir);
}


void
ap_doctor_check_callout(ApDoctor *doctor)
{
    g_autoptr(GPtrArray) callouts = list_callouts(doctor);
    const Callout *ours = find_ours(callouts);
    g_autofree char *target = NULL;
    g_autofree char *dir = NULL;
    g_autofree char *guests = NULL;
    g_autofree char *judge = NULL;

    if (!ours) {
        add_no_callout(doctor);
        return;
    }
    target = ap_root_read_target(doctor->root, ours->path);
    if (!ours->takes_ap) {
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, "install libvirt-ap again",
                      "%s leads to no program: mdevctl passes over it, and says yes to everything",
                      ours->path);
        return;
    }
    dir = target ? g_path_get_dirname(target) : NULL;
    guests = target ? g_strconcat(dir, "/libvirt-ap-guests", NULL) : NULL;
    judge = target ? g_strconcat(dir, "/libvirt-ap-callout-judge", NULL) : NULL;
    if (judge && judge[0] == '/' && !ap_doctor_is_program(doctor, judge))
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, "install libvirt-ap again",
                      "%s is missing: every change of a matrix is refused", judge);
    else if (guests && guests[0] == '/' && !ap_doctor_is_program(doctor, guests))
        ap_doctor_add(doctor, AP_DOCTOR_WARN, "install libvirt-ap again",
                      "%s is missing: a refusal cannot name the guest", guests);
    else
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "mdevctl finds %s", ours->path);
}


/* Which of them is asked is chance where mdevctl does not sort. */
static void
check_old_order(ApDoctor *doctor, const GPtrArray *callouts)
{
    for (guint i = 0; i < callouts->len; i++) {
        const Callout *callout = callouts->pdata[i];
        g_autofree char *hint = NULL;

        if (callout->is_ours || !callout->takes_ap)
            continue;
        hint = g_strdup_printf("libvirt-ap checks what it checks: `rm %s`\n"
                               "mdevctl 1.3 and later sort",
                               callout->path);
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, hint,
                      "mdevctl 1.2 does not sort its callouts: it can ask %s instead of ours",
                      callout->path);
        return;
    }
    ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "no other callout is for AP matrices");
}


void
ap_doctor_check_callout_order(ApDoctor *doctor)
{
    g_autoptr(GPtrArray) callouts = list_callouts(doctor);

    if (!find_ours(callouts)) {
        ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, NULL, "there is no callout of ours");
        return;
    }
    if (is_old(doctor)) {
        check_old_order(doctor, callouts);
        return;
    }
    for (guint i = 0; i < callouts->len; i++) {
        const Callout *callout = callouts->pdata[i];
        g_autofree char *hint = NULL;

        if (callout->is_ours)
            break;
        if (!callout->takes_ap)
            continue;
        hint = g_strdup_printf("libvirt-ap checks for the whole host: `rm %s`", callout->path);
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, hint,
                      "mdevctl asks %s first, and then ours no more", callout->path);
        return;
    }
    ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "ours is the first callout for AP matrices");
}
