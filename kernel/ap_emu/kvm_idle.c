// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm_idle: KVM_RUN sleeps instead of executing SIE.
 *
 * Where ap_emu claims SIE, there is none: the first KVM_RUN would fail, and QEMU give up. With
 * this module a guest's CPU sleeps in KVM_RUN until a signal comes, so that guests reach state
 * running, and suspend, resume, attach, detach and destroy work. No guest instruction is executed;
 * registers stay in struct kvm_run as user space left them.
 *
 * The module stays until the machine is off: a CPU that sleeps in its code cannot be waited for.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kprobes.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/wait.h>
#include "ap_emu.h"

static DECLARE_WAIT_QUEUE_HEAD(never);

/* As kvm_sigset_activate() of virt/kvm/kvm_main.c, which is not exported. */
static void sigset_activate(struct kvm_vcpu *vcpu)
{
	if (vcpu->sigset_active)
		sigprocmask(SIG_SETMASK, &vcpu->sigset, &current->real_blocked);
}

static void sigset_deactivate(struct kvm_vcpu *vcpu)
{
	if (vcpu->sigset_active) {
		sigprocmask(SIG_SETMASK, &current->real_blocked, NULL);
		sigemptyset(&current->real_blocked);
	}
}

/*
 * Stands in for kvm_arch_vcpu_ioctl_run(). wants_to_run is false when user space set
 * immediate_exit: QEMU kicks its CPUs so (Documentation/virt/kvm/api.rst, immediate_exit).
 */
static int idle_run(struct kvm_vcpu *vcpu)
{
	if (vcpu->wants_to_run) {
		sigset_activate(vcpu);
		wait_event_interruptible(never, false);
		sigset_deactivate(vcpu);
	}
	vcpu->run->exit_reason = KVM_EXIT_INTR;
	return -EINTR;
}

/* Continue there, with the arguments and the return address that the probed function was given. */
static int divert(struct kprobe *probe, struct pt_regs *regs)
{
	regs->psw.addr = (unsigned long)idle_run;
	return 1;
}

NOKPROBE_SYMBOL(divert);

static struct kprobe run_probe = {
	.symbol_name = "kvm_arch_vcpu_ioctl_run",
	.pre_handler = divert,
};

/*
 * What the kernel says of SIE is no help: ap_emu has changed it. ap_emu remembers what the machine
 * said, and as this module needs ap_emu's symbol it cannot even be loaded without it, nor on a
 * machine with AP instructions, where ap_emu refuses.
 */
static int __init kvm_idle_init(void)
{
	int rc;

	if (!ap_emu_claims_sie()) {
		pr_err("this machine has SIE: guests can run\n");
		return -EEXIST;
	}
	/* Never given back: without its probe, kvm would execute SIE. */
	if (!symbol_get(kvm_arch_crypto_set_masks)) {
		pr_err("kvm is not loaded\n");
		return -ENODEV;
	}
	rc = register_kprobe(&run_probe);
	if (rc) {
		pr_err("no probe on %s: error %d\n", run_probe.symbol_name, rc);
		symbol_put(kvm_arch_crypto_set_masks);
	}
	return rc;
}
module_init(kvm_idle_init);

MODULE_SOFTDEP("pre: kvm");
MODULE_DESCRIPTION("KVM_RUN sleeps where there is no SIE");
MODULE_AUTHOR("The libvirt-ap developers");
MODULE_LICENSE("GPL");
