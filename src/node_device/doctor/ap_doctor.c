/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The doctor: its checks in their order, and what they share. */
#include "node_device/doctor/ap_doctor.h"

#include <stdarg.h>

#include "node_device/ap_session.h"
#include "node_device/doctor/ap_doctor_priv.h"
#include "node_device/inventory/ap_problem.h"

/* As the kernel's MAXSYMLINKS. */
#define LINKS_MAX 40

/* In the order in which one thing builds on another. */
static const struct {
    const char *code;
    void (*run)(ApDoctor *doctor);
} checks[] = {
    { "ap-bus", ap_doctor_check_bus },
    { "unreadable", ap_doctor_check_unreadable },
    { "queues", ap_doctor_check_queues },
    { "vfio-ap", ap_doctor_check_vfio_ap },
    { "vfio-ap-boot", ap_doctor_check_vfio_ap_boot },
    { "ap-config", ap_doctor_check_ap_config },
    { "masks", ap_doctor_check_masks },
    { "host-needs", ap_doctor_check_host_needs },
    { "next-boot", ap_doctor_check_next_boot },
    { "mixed-binding", ap_doctor_check_mixed_binding },
    { "mdevctl", ap_doctor_check_mdevctl },
    { "autostart", ap_doctor_check_autostart },
    { "callout", ap_doctor_check_callout },
    { "callout-order", ap_doctor_check_callout_order },
    { "hook", ap_doctor_check_hook },
    { "hook-seen", ap_doctor_check_hook_seen },
    { "apparmor", ap_doctor_check_apparmor },
    { "boot-unit", ap_doctor_check_boot_unit },
    { "configuration", ap_doctor_check_configuration },
    { "definitions", ap_doctor_check_definitions },
    { "journal", ap_doctor_check_journal },
    { "lock", ap_doctor_check_lock },
    { "kubevirt", ap_doctor_check_kubevirt },
    { "nova", ap_doctor_check_nova },
    { "selinux", ap_doctor_check_selinux },
};


static void
diagnosis_free(gpointer data)
{
    ApDiagnosis *diagnosis = data;

    g_free(diagnosis->message);
    g_free(diagnosis->hint);
    g_free(diagnosis);
}


/* A broken configuration is one of the checks. */
static ApInventory *
load_inventory(const ApRoot *root, ApGuestsFunc guests, gpointer data)
{
    g_autoptr(ApSession) session = ap_session_new(root, guests, data);

    ap_session_load_config(session, NULL);
    return ap_session_load_inventory(session, AP_SESSION_ALL);
}


/* What a user may not read looks as if it were missing: nothing that a check then says is certain.
 * Takes away the diagnoses from @first on. */
static void
replace_by_unknown(ApDoctor *doctor, guint first)
{
    g_ptr_array_set_size(doctor->diagnoses, first);
    ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, ap_problem_get_denied_hint(),
                  "this user cannot read what tells it");
}


GPtrArray *
ap_doctor_examine(const ApRoot *root, ApGuestsFunc guests, gpointer data)
{
    g_autoptr(ApHost) host = ap_host_load(root);
    g_autoptr(ApInventory) inventory = load_inventory(root, guests, data);
    ApDoctor doctor = {
        .root = root,
        .host = host,
        .inventory = inventory,
        .next = ap_inventory_get_next_boot(inventory),
        .diagnoses = g_ptr_array_new_with_free_func(diagnosis_free),
    };

    for (guint i = 0; i < G_N_ELEMENTS(checks); i++) {
        guint n_diagnoses = doctor.diagnoses->len;
        guint n_denials = ap_root_count_denials(root);

        doctor.code = checks[i].code;
        checks[i].run(&doctor);
        if (ap_root_count_denials(root) > n_denials)
            replace_by_unknown(&doctor, n_diagnoses);
    }
    return doctor.diagnoses;
}


const char *
ap_doctor_state_to_string(ApDoctorState state)
{
    const char *const names[] = { "ok", "warn", "fault", "unknown" };

    return names[state];
}


gint64
ap_doctor_get_since(const ApRoot *root, const struct stat *st)
{
    return ap_root_is_host(root) ? st->st_ctime : st->st_mtime;
}


void
ap_doctor_add(ApDoctor *doctor, ApDoctorState state, const char *hint, const char *format, ...)
{
    ApDiagnosis *diagnosis = g_new0(ApDiagnosis, 1);
    va_list args;

    va_start(args, format);
    diagnosis->message = g_strdup_vprintf(format, args);
    va_end(args);
    diagnosis->code = doctor->code;
    diagnosis->state = state;
    diagnosis->hint = g_strdup(hint ? hint : "");
    g_ptr_array_add(doctor->diagnoses, diagnosis);
}


gboolean
ap_doctor_knows(const ApDoctor *doctor, const char *dir)
{
    return ap_root_is_host(doctor->root) || ap_root_exists(doctor->root, dir);
}


gboolean
ap_doctor_need(ApDoctor *doctor, const char *dir)
{
    if (ap_doctor_knows(doctor, dir))
        return TRUE;
    ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, NULL, "%s was not captured", dir);
    return FALSE;
}


gboolean
ap_doctor_is_program(const ApDoctor *doctor, const char *path)
{
    struct stat st;

    return ap_root_stat(doctor->root, path, TRUE, &st) && S_ISREG(st.st_mode) &&
           (st.st_mode & 0111);
}


char *
ap_doctor_resolve(const ApRoot *root, const char *path)
{
    g_autofree char *place = g_strdup(path);

    for (guint i = 0; i < LINKS_MAX; i++) {
        g_autofree char *target = ap_root_read_target(root, place);
        g_autofree char *dir = g_path_get_dirname(place);

        if (!target)
            break;
        g_free(place);
        place = g_canonicalize_filename(target, dir);
    }
    return g_steal_pointer(&place);
}


gboolean
ap_doctor_has_boot_unit(const ApDoctor *doctor)
{
    g_autoptr(GPtrArray) names = ap_root_list(doctor->root, AP_DOCTOR_UNITS, NULL);

    for (guint i = 0; names && i < names->len; i++) {
        g_autofree char *link =
            g_strconcat(AP_DOCTOR_UNITS "/", names->pdata[i], "/" AP_DOCTOR_BOOT_UNIT, NULL);
        g_autofree char *target = NULL;

        if (!g_str_has_suffix(names->pdata[i], ".wants"))
            continue;
        target = ap_root_read_link(doctor->root, link);
        if (target)
            return TRUE;
    }
    return FALSE;
}
