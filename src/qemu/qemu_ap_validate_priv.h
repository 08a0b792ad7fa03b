/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of qemu_ap_validate() share. */
#pragma once

#include "qemu/qemu_ap_validate.h"

/* Adds a fault; @format begins with what is wrong, the line is put in front of it. */
void
qemu_ap_fault(GPtrArray *faults, ApCode code, QemuApRefusal by, long line, const char *hint,
              const char *format, ...) G_GNUC_PRINTF(6, 7);

/* Whether @value is in the NULL-terminated @allowed. */
gboolean
qemu_ap_one_of(const char *value, const char *const *allowed);

/* qemu_ap_validate_cpu.c: the <cpu>, and whether it has AP instructions. */
void
qemu_ap_validate_cpu(const ApDomainDef *def, GPtrArray *faults);

/* qemu_ap_validate_hostdev.c: every <hostdev>. */
void
qemu_ap_validate_hostdevs(const ApDomainDef *def, GPtrArray *faults);

/* qemu_ap_validate_bypass.c: what <qemu:commandline> and <qemu:override> give a device of ours. */
void
qemu_ap_validate_bypasses(const ApDomainDef *def, GPtrArray *faults);
