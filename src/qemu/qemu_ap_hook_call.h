/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's qemu hook does for a guest with AP: brings its matrix up, judges it, and takes it
 * down again. docs/hook.rst describes it. */
#pragma once

#include "conf/ap_domain_xml.h"
#include "node_device/ap_session.h"
#include "node_device/txn/ap_kernel.h"

/**
 * QemuApHookCall:
 * @root: the root
 * @session: a session of that root
 * @kernel: (nullable): its kernel; NULL: only judge, write nothing
 * @def: the guest, as libvirt describes it to the hook; what a pool gives it is added
 * @daemon_pid: process id of libvirt's daemon
 *
 * One call of the hook.
 */
typedef struct {
    const ApRoot *root;
    ApSession *session;
    ApKernel *kernel;
    ApDomainDef *def;
    int daemon_pid;
} QemuApHookCall;

/**
 * qemu_ap_hook_call_prepare:
 * @call: the call
 * @error: return location
 *
 * The guest is about to start, and libvirt has not looked for its mdev yet. Under the lock: claims
 * the mdev, judges it, starts it if it is only defined, creates it if the guest's metadata
 * describes it or asks a pool for it, and judges what the guest will see. Warnings go to standard
 * error and the journal.
 *
 * Errors: AP_ERROR_REFUSED, AP_ERROR_CONFIG, AP_ERROR_LOCKED, AP_ERROR_IO, AP_ERROR_NO_BUS; then
 *   everything is as it was.
 *
 * Returns: whether the guest may start.
 */
gboolean
qemu_ap_hook_call_prepare(const QemuApHookCall *call, GError **error);

/**
 * qemu_ap_hook_call_start:
 * @call: the call
 * @error: return location
 *
 * QEMU is about to run: judges the CPU, which libvirt has expanded by now.
 *
 * Errors: AP_ERROR_REFUSED, AP_ERROR_CONFIG, AP_ERROR_IO.
 *
 * Returns: whether it may.
 */
gboolean
qemu_ap_hook_call_start(const QemuApHookCall *call, GError **error);

/**
 * qemu_ap_hook_call_started:
 * @call: the call
 *
 * The guest runs: notes it as the last guest of its queues.
 */
void
qemu_ap_hook_call_started(const QemuApHookCall *call);

/**
 * qemu_ap_hook_call_reconnect:
 * @call: the call
 *
 * Another daemon takes over a running guest: its claims become that daemon's.
 */
void
qemu_ap_hook_call_reconnect(const QemuApHookCall *call);

/**
 * qemu_ap_hook_call_release:
 * @call: the call
 *
 * The guest has ended, or did not start: drops its claims, and removes what was brought up for
 * them, unless it starts at boot or somebody else has it.
 */
void
qemu_ap_hook_call_release(const QemuApHookCall *call);
