/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Says for a host whether everything that libvirt-ap takes is in place, and how to mend it. Reads
 * only, and takes no lock. For virt-ap doctor; docs/doctor.rst describes each check. */
#pragma once

#include "node_device/inventory/ap_inventory.h"

/**
 * ApDoctorState:
 * @AP_DOCTOR_OK: as it should be
 * @AP_DOCTOR_WARN: works, but something is to be known
 * @AP_DOCTOR_FAULT: something does not work, or will not after the next boot
 * @AP_DOCTOR_UNKNOWN: a captured tree does not have what tells it, or this user may not read it
 */
typedef enum {
    AP_DOCTOR_OK,
    AP_DOCTOR_WARN,
    AP_DOCTOR_FAULT,
    AP_DOCTOR_UNKNOWN,
} ApDoctorState;

/**
 * ApDiagnosis:
 * @code: the check, "callout-order"; static
 * @state: what came of it
 * @message: one sentence without a full stop
 * @hint: how to mend it, lines; "" where there is nothing to mend
 */
typedef struct {
    const char *code;
    ApDoctorState state;
    char *message;
    char *hint;
} ApDiagnosis;

/**
 * ap_doctor_examine:
 * @root: a root
 * @guests: loads the guests
 * @data: for @guests
 *
 * Runs every check, in a fixed order. A check gives one diagnosis, or one for each thing that it
 * finds wrong. On another root than "/" what the tree does not have is unknown, where it could
 * just not have been captured.
 *
 * Returns: (element-type ApDiagnosis): what was found; the caller unrefs it.
 */
GPtrArray *
ap_doctor_examine(const ApRoot *root, ApGuestsFunc guests, gpointer data);

/**
 * ApEvidence:
 * @path: where it is
 * @mode: as stat(2) says: a directory, a link, or a regular file, which can be executed or not
 * @text: where a link leads; what a file holds, or as much of it as the doctor needs
 * @since: since when it has been there, in seconds since 1970
 */
typedef struct {
    char *path;
    mode_t mode;
    char *text;
    gint64 since;
} ApEvidence;

/**
 * ap_doctor_list_evidence:
 * @root: a root
 *
 * For captured hosts: what ap_doctor_examine() looks at, and ap_host_load() does not. Programs and
 * other people's configuration are reduced to what the checks need to know of them. To keep @since,
 * give it to the copy as its time of modification.
 *
 * Returns: (element-type ApEvidence): what to copy; the caller unrefs it.
 */
GPtrArray *
ap_doctor_list_evidence(const ApRoot *root);

/**
 * ap_doctor_state_to_string:
 * @state: a state
 *
 * Returns: "ok", "warn", "fault" or "unknown"; static.
 */
const char *
ap_doctor_state_to_string(ApDoctorState state);
