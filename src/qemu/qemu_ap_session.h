/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's qemu hook does for a guest with AP: brings its matrix up, judges it, and takes it
 * down again. docs/hook.rst describes it. */
#pragma once

#include "conf/ap_domain_xml.h"
#include "node_device/txn/ap_kernel.h"

/**
 * QemuApSession:
 * @root: the root
 * @kernel: (nullable): its kernel; NULL: only judge, write nothing
 * @def: the guest, as libvirt describes it to the hook
 * @daemon_pid: process id of libvirt's daemon
 *
 * One call of the hook.
 */
typedef struct {
    const ApRoot *root;
    ApKernel *kernel;
    const ApDomainDef *def;
    int daemon_pid;
} QemuApSession;

/**
 * qemu_ap_session_prepare:
 * @session: the call
 * @error: return location
 *
 * The guest is about to start, and libvirt has not looked for its mdev yet. Under the lock: claims
 * the mdev, judges it, starts it if it is only defined, creates it if the guest's metadata
 * describes it, and judges what the guest will see. Warnings go to standard error and the journal.
 *
 * Errors: AP_ERROR_REFUSED, AP_ERROR_CONFIG, AP_ERROR_LOCKED, AP_ERROR_IO, AP_ERROR_NO_BUS; then
 *   everything is as it was.
 *
 * Returns: whether the guest may start.
 */
gboolean
qemu_ap_session_prepare(const QemuApSession *session, GError **error);

/**
 * qemu_ap_session_start:
 * @session: the call
 * @error: return location
 *
 * QEMU is about to run: judges the CPU, which libvirt has expanded by now.
 *
 * Errors: AP_ERROR_REFUSED, AP_ERROR_CONFIG, AP_ERROR_IO.
 *
 * Returns: whether it may.
 */
gboolean
qemu_ap_session_start(const QemuApSession *session, GError **error);

/**
 * qemu_ap_session_started:
 * @session: the call
 *
 * The guest runs: notes it as the last guest of its queues.
 */
void
qemu_ap_session_started(const QemuApSession *session);

/**
 * qemu_ap_session_reconnect:
 * @session: the call
 *
 * Another daemon takes over a running guest: its claims become that daemon's.
 */
void
qemu_ap_session_reconnect(const QemuApSession *session);

/**
 * qemu_ap_session_release:
 * @session: the call
 *
 * The guest has ended, or did not start: drops its claims, and removes what was brought up for
 * them, unless it starts at boot or somebody else has it.
 */
void
qemu_ap_session_release(const QemuApSession *session);
