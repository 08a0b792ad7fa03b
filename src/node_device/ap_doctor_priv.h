/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the doctor share: ap_doctor_kernel.c, ap_doctor_mdevctl.c,
 * ap_doctor_libvirt.c, ap_doctor_own.c, ap_doctor_others.c. */
#pragma once

#include "node_device/ap_doctor.h"
#include "node_device/ap_host.h"

#define AP_DOCTOR_BOOT_UNIT "libvirt-ap-boot.service"

/* mdevctl 1.3 and later look into both, 1.2 into the second only. */
#define AP_DOCTOR_CALLOUTS "/usr/lib/mdevctl/scripts.d/callouts"
#define AP_DOCTOR_OLD_CALLOUTS "/etc/mdevctl.d/scripts.d/callouts"

/* One examination. */
typedef struct {
    const ApRoot *root;
    ApHost *host;
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
