// SPDX-License-Identifier: GPL-2.0-only
/*
 * ap_emu: AP instructions for a kernel on a machine that has none, such as QEMU's TCG.
 *
 * In the kernel an AP instruction without hardware raises an operation exception. illegal_op() in
 * arch/s390/kernel/traps.c offers that to the DIE_BPT notifiers before it looks at the exception
 * table; this module answers there, and the unmodified ap, zcrypt, kvm and vfio_ap modules find a
 * machine with Crypto Express adapters. It also says that SIE is there, which kvm asks before it
 * loads; guests do not run (see kvm_idle.c).
 *
 * The module stays until the machine is off: code patched for its facilities, and queues that the
 * AP bus drives, would outlive it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kdebug.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/ptrace.h>
#include <asm/ap.h>
#include <asm/facility.h>
#include <asm/sclp.h>
#include "ap_emu.h"

static unsigned int max_adapter = AP_EMU_ADAPTERS - 1;
module_param(max_adapter, uint, 0444);
MODULE_PARM_DESC(max_adapter, "highest adapter id, 0 to 255 (255)");

static unsigned int max_domain = AP_EMU_DOMAINS - 1;
module_param(max_domain, uint, 0444);
MODULE_PARM_DESC(max_domain, "highest domain id, 0 to 255 (255)");

static bool apxa = true;
module_param(apxa, bool, 0444);
MODULE_PARM_DESC(apxa, "AP extended addressing; without it ids end at 63 and 15 (1)");

static bool interrupts;
module_param(interrupts, bool, 0444);
MODULE_PARM_DESC(interrupts, "AP queue interrupts can be enabled, facility 65 (0)");

/* Facilities, by their numbers in the Principles of Operation, "Facility Indications". */
#define FACILITY_QCI	12	/* PQAP(QCI) */
#define FACILITY_APFT	15	/* TAPQ's T bit */
#define FACILITY_AQIC	65	/* PQAP(AQIC) */
#define FACILITY_MSA3	76	/* CRYCB format 1 and 2; not ours to set */

#define PGM_CODE_MASK		0x7f
#define PGM_OPERATION		0x01
#define ILC(regs)		((regs)->int_code >> 16)

#define OPCODE_NQAP		0xb2ad
#define OPCODE_DQAP		0xb2ae
#define OPCODE_PQAP		0xb2af
#define OPCODE_PLO		0xee
#define PLO_TEST_BIT		BIT(8)

static bool claims_sie;

/**
 * ap_emu_claims_sie() - is SIE there only because this module says so?
 *
 * Return: true if the machine itself said, when this module was loaded, that it has no SIE.
 */
bool ap_emu_claims_sie(void)
{
	return claims_sie;
}
EXPORT_SYMBOL_GPL(ap_emu_claims_sie);

static bool execute_ap(struct pt_regs *regs, u16 opcode)
{
	switch (opcode) {
	case OPCODE_PQAP:
		return ap_emu_pqap(regs);
	case OPCODE_NQAP:
		ap_emu_nqap(regs);
		return true;
	case OPCODE_DQAP:
		ap_emu_dqap(regs);
		return true;
	}
	return false;
}

/*
 * PERFORM LOCKED OPERATION with the test bit of GR0 only says, in the condition code, whether a
 * function is installed: 0 yes, 3 no (Principles of Operation, PLO). kvm asks for all 256 when it
 * loads, and TCG has no PLO. Any other PLO is none of our business.
 */
static bool execute_plo(struct pt_regs *regs)
{
	if (!(regs->gprs[0] & PLO_TEST_BIT))
		return false;
	regs->psw.mask |= PSW_MASK_CC;
	return true;
}

/*
 * The PSW points behind the instruction already; the instruction length code says how far. What
 * was executed through EXECUTE looks like the EXECUTE and is left alone.
 */
static int ap_emu_die(struct notifier_block *block, unsigned long event, void *data)
{
	struct pt_regs *regs = ((struct die_args *)data)->regs;
	bool done = false;
	const u8 *insn;

	if (event != DIE_BPT || user_mode(regs))
		return NOTIFY_DONE;
	if ((regs->int_code & PGM_CODE_MASK) != PGM_OPERATION)
		return NOTIFY_DONE;

	insn = (const u8 *)(regs->psw.addr - ILC(regs));
	if (ILC(regs) == 4)
		done = execute_ap(regs, *(const u16 *)insn);
	else if (ILC(regs) == 6 && insn[0] == OPCODE_PLO)
		done = execute_plo(regs);

	return done ? NOTIFY_STOP : NOTIFY_DONE;
}

NOKPROBE_SYMBOL(ap_emu_die);

static struct notifier_block ap_emu_die_block = {
	.notifier_call = ap_emu_die,
};

static int __init check_parameters(void)
{
	if (max_adapter >= AP_EMU_ADAPTERS || max_domain >= AP_EMU_DOMAINS) {
		pr_err("max_adapter=%u max_domain=%u: ids end at 255\n", max_adapter, max_domain);
		return -ERANGE;
	}
	ap_emu.max_adapter = max_adapter;
	ap_emu.max_domain = max_domain;
	ap_emu.apxa = apxa;
	if (!apxa) {
		ap_emu.max_adapter = min(max_adapter, AP_EMU_MAX_ADAPTER_NO_APXA);
		ap_emu.max_domain = min(max_domain, AP_EMU_MAX_DOMAIN_NO_APXA);
	}
	return 0;
}

/*
 * Modules that are loaded from now on are patched for what this list says then
 * (arch/s390/kernel/module.c, module_finalize()). What is built in was patched at boot: for that
 * the command line needs facilities=12,15.
 */
static void __init claim_facilities(void)
{
	__set_facility(FACILITY_QCI, stfle_fac_list);
	__set_facility(FACILITY_APFT, stfle_fac_list);
	if (interrupts)
		__set_facility(FACILITY_AQIC, stfle_fac_list);

	/* What SCLP told at boot; kvm_s390_init() looks at nothing else. */
	if (!sclp.has_sief2) {
		sclp.has_sief2 = 1;
		claims_sie = true;
	}
}

static int __init ap_emu_init(void)
{
	int rc;

	rc = check_parameters();
	if (rc)
		return rc;
	if (ap_instructions_available()) {
		pr_err("this machine has AP instructions: nothing to emulate\n");
		return -EEXIST;
	}
	rc = register_die_notifier(&ap_emu_die_block);
	if (rc)
		return rc;
	claim_facilities();
	ap_emu_debugfs_init();
	pr_info("adapters to %u, domains to %u, APXA %d, interrupts %d, MSA3 %d, SIE %s\n",
		ap_emu.max_adapter, ap_emu.max_domain, ap_emu.apxa,
		__test_facility(FACILITY_AQIC, stfle_fac_list),
		__test_facility(FACILITY_MSA3, stfle_fac_list),
		claims_sie ? "claimed" : "real");
	return 0;
}
module_init(ap_emu_init);

MODULE_DESCRIPTION("AP instructions for machines that have none");
MODULE_AUTHOR("The libvirt-ap developers");
MODULE_LICENSE("GPL");
