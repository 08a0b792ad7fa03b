/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the doctor share: ap_doctor_kernel.c, ap_doctor_mdevctl.c,
 * ap_doctor_libvirt.c, ap_doctor_own.c, ap_doctor_others.c. */
#pragma once

#include "node_device/doctor/ap_doctor.h"

/* Where the checks look, and what of it ap_doctor_evidence.c keeps. */
#define AP_DOCTOR_APPARMOR "/etc/apparmor.d"
#define AP_DOCTOR_BOOT_UNIT "libvirt-ap-boot.service"
#define AP_DOCTOR_HOOKS "/etc/libvirt/hooks"
#define AP_DOCTOR_HOOK_DIR AP_DOCTOR_HOOKS "/qemu.d"
#define AP_DOCTOR_KUBEVIRT "/run/kubevirt"
#define AP_DOCTOR_MDEVCTL_RULE "60-mdevctl.rules"
#define AP_DOCTOR_PLUGIN "kubevirt-"
#define AP_DOCTOR_PLUGINS "/var/lib/kubelet/device-plugins"
#define AP_DOCTOR_PROFILE_WORD "libvirt-ap"
#define AP_DOCTOR_SELINUX "/sys/fs/selinux/enforce"
#define AP_DOCTOR_STAT "/proc/stat"
#define AP_DOCTOR_UNITS "/etc/systemd/system"

/* mdevctl 1.3 and later look into both, 1.2 into the second only. */
#define AP_DOCTOR_CALLOUTS "/usr/lib/mdevctl/scripts.d/callouts"
#define AP_DOCTOR_OLD_CALLOUTS "/etc/mdevctl.d/scripts.d/callouts"

/* mdevctl refuses all work without the one of its generation. */
#define AP_DOCTOR_NOTIFIERS "/usr/lib/mdevctl/scripts.d/notifiers"
#define AP_DOCTOR_OLD_NOTIFIERS "/etc/mdevctl.d/scripts.d/notifiers"

extern const char *const ap_doctor_daemons[];
extern const char *const ap_doctor_module_dirs[];
extern const char *const ap_doctor_nova_files[];
extern const char *const ap_doctor_nova_programs[];
extern const char *const ap_doctor_profile_dirs[];
extern const char *const ap_doctor_program_dirs[];
extern const char *const ap_doctor_unit_dirs[];

/* One examination. */
typedef struct {
    const ApRoot *root;
    ApHost *host;
    ApInventory *inventory; /* with a host of its own */
    const ApNextBoot *next;
    const char *code; /* of the check that runs */
    GPtrArray *diagnoses;
} ApDoctor;

/* Adds what the check that runs has found; @hint NULL: nothing to mend. */
void
ap_doctor_add(ApDoctor *doctor, ApDoctorState state, const char *hint, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* Whether what is missing below @dir is missing on the host: on a captured one only if @dir was
 * captured. */
gboolean
ap_doctor_knows(const ApDoctor *doctor, const char *dir);

/* Adds "unknown" unless ap_doctor_knows(@dir); returns whether it does. */
gboolean
ap_doctor_need(ApDoctor *doctor, const char *dir);

/* Whether @path leads to a file that can be executed. */
gboolean
ap_doctor_is_program(const ApDoctor *doctor, const char *path);

/* Since when a file has been there, in seconds since 1970. A captured one keeps that as its time of
 * modification. */
gint64
ap_doctor_get_since(const ApRoot *root, const struct stat *st);

/* Whether a script has to do with AP matrices, as far as its text tells. */
gboolean
ap_doctor_mentions_ap(const ApRoot *root, const char *path);

/* Whether a file of modules-load.d names vfio_ap. */
gboolean
ap_doctor_names_module(const char *text);

/* Whether nova's configuration lets it hand out AP matrices. */
gboolean
ap_doctor_nova_enables_ap(const char *text);

/* Where the links that a path ends in lead. */
char *
ap_doctor_resolve(const ApRoot *root, const char *path);

/* Whether the boot unit is started at boot. */
gboolean
ap_doctor_has_boot_unit(const ApDoctor *doctor);

/* The checks, by what they look at. */
void
ap_doctor_check_bus(ApDoctor *doctor);
void
ap_doctor_check_unreadable(ApDoctor *doctor);
void
ap_doctor_check_vfio_ap(ApDoctor *doctor);
void
ap_doctor_check_vfio_ap_boot(ApDoctor *doctor);
void
ap_doctor_check_ap_config(ApDoctor *doctor);
void
ap_doctor_check_queues(ApDoctor *doctor);
void
ap_doctor_check_masks(ApDoctor *doctor);
void
ap_doctor_check_host_needs(ApDoctor *doctor);
void
ap_doctor_check_next_boot(ApDoctor *doctor);
void
ap_doctor_check_mixed_binding(ApDoctor *doctor);
void
ap_doctor_check_mdevctl(ApDoctor *doctor);
void
ap_doctor_check_autostart(ApDoctor *doctor);
void
ap_doctor_check_callout(ApDoctor *doctor);
void
ap_doctor_check_callout_order(ApDoctor *doctor);
void
ap_doctor_check_hook(ApDoctor *doctor);
void
ap_doctor_check_hook_seen(ApDoctor *doctor);
void
ap_doctor_check_apparmor(ApDoctor *doctor);
void
ap_doctor_check_boot_unit(ApDoctor *doctor);
void
ap_doctor_check_configuration(ApDoctor *doctor);
void
ap_doctor_check_definitions(ApDoctor *doctor);
void
ap_doctor_check_journal(ApDoctor *doctor);
void
ap_doctor_check_lock(ApDoctor *doctor);
void
ap_doctor_check_kubevirt(ApDoctor *doctor);
void
ap_doctor_check_nova(ApDoctor *doctor);
void
ap_doctor_check_selinux(ApDoctor *doctor);
