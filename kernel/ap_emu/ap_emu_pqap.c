// SPDX-License-Identifier: GPL-2.0-only
/*
 * ap_emu: what PQAP, NQAP and DQAP answer.
 *
 * The AP instructions are in no public edition of the Principles of Operation. What is here
 * follows what Linux expects of them: arch/s390/include/asm/ap.h (registers, formats),
 * drivers/s390/crypto/ap_queue.c (which response codes a reset passes through),
 * drivers/s390/crypto/vfio_ap_ops.c and Documentation/arch/s390/vfio-ap.rst.
 */
#include <linux/bitops.h>
#include <linux/ptrace.h>
#include <linux/string.h>
#include <asm/ap.h>
#include <asm/facility.h>
#include "ap_emu.h"

/* GR0 of PQAP: function code and flags above the APQN. */
#define PQAP_FC_SHIFT	24
#define PQAP_FC_MASK	0xff
#define PQAP_T_BIT	BIT(23)

enum {
	PQAP_TAPQ = 0,
	PQAP_RAPQ = 1,
	PQAP_ZAPQ = 2,
	PQAP_AQIC = 3,
	PQAP_QCI = 4,
	PQAP_QACT = 5,
};

/* TAPQ's queue depth field is one less than the depth. */
#define AP_EMU_QUEUE_DEPTH	8

/* TAPQ, class: the queue takes the full set of functions. */
#define AP_EMU_CLASS_FULL	0x80

const char *const ap_emu_counter_names[AP_EMU_COUNTERS] = {
	[AP_EMU_COUNT_TAPQ]		= "pqap-tapq",
	[AP_EMU_COUNT_RAPQ]		= "pqap-rapq",
	[AP_EMU_COUNT_ZAPQ]		= "pqap-zapq",
	[AP_EMU_COUNT_AQIC]		= "pqap-aqic",
	[AP_EMU_COUNT_QCI]		= "pqap-qci",
	[AP_EMU_COUNT_QACT]		= "pqap-qact",
	[AP_EMU_COUNT_PQAP_OTHER]	= "pqap-other",
	[AP_EMU_COUNT_NQAP]		= "nqap",
	[AP_EMU_COUNT_DQAP]		= "dqap",
};

static u64 counters[AP_EMU_COUNTERS];

static void count(enum ap_emu_counter counter)
{
	lockdep_assert_held(&ap_emu_lock);
	counters[counter]++;
}

void ap_emu_counters_read(u64 ret_counters[AP_EMU_COUNTERS])
{
	unsigned long flags;

	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	memcpy(ret_counters, counters, sizeof(counters));
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);
}

void ap_emu_counters_clear(void)
{
	unsigned int apid, apqi;
	unsigned long flags;

	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	memset(counters, 0, sizeof(counters));
	for (apid = 0; apid < AP_EMU_ADAPTERS; apid++) {
		for (apqi = 0; apqi < AP_EMU_DOMAINS; apqi++) {
			ap_emu.queue[apid][apqi].rapq = 0;
			ap_emu.queue[apid][apqi].zapq = 0;
		}
	}
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);
}

static void set_condition_code(struct pt_regs *regs, unsigned long cc)
{
	regs->psw.mask = (regs->psw.mask & ~PSW_MASK_CC) | cc << 44;
}

/* The status word is the right half of GR1 (asm/ap.h, union ap_queue_status_reg). */
static void set_status(struct pt_regs *regs, const struct ap_emu_queue *queue, u8 response)
{
	union ap_queue_status_reg gr1 = { .value = regs->gprs[1] };

	memset(&gr1.status, 0, sizeof(gr1.status));
	gr1.status.queue_empty = 1;
	gr1.status.irq_enabled = queue->irq_enabled;
	gr1.status.response_code = response;
	regs->gprs[1] = gr1.value;
	set_condition_code(regs, response == AP_EMU_RC_NORMAL ? 0 : 3);
}

/* Can the queue be reached at all? */
static u8 queue_availability(unsigned int apid, unsigned int apqi)
{
	if (!test_bit_inv(apid, ap_emu.apm) || !test_bit_inv(apqi, ap_emu.aqm))
		return AP_EMU_RC_Q_NOT_AVAIL;
	if (!ap_emu.adapter[apid].configured)
		return AP_EMU_RC_DECONFIGURED;
	if (ap_emu.adapter[apid].checkstopped)
		return AP_EMU_RC_CHECKSTOPPED;
	return AP_EMU_RC_NORMAL;
}

/* Does it work, that is: how did its last reset end? */
static u8 queue_state(unsigned int apid, unsigned int apqi)
{
	const struct ap_emu_queue *queue = &ap_emu.queue[apid][apqi];
	u8 response = queue_availability(apid, apqi);

	if (response != AP_EMU_RC_NORMAL)
		return response;
	if (queue->polls_left)
		return AP_EMU_RC_RESET_IN_PROGRESS;
	return queue->reset_failed ? queue->reset_response : AP_EMU_RC_NORMAL;
}

static unsigned long hwinfo(const struct ap_emu_adapter *adapter, bool functions)
{
	struct ap_tapq_hwinfo info = { .value = 0 };

	info.at = adapter->type;
	info.nd = ap_emu.max_domain;
	info.qd = AP_EMU_QUEUE_DEPTH - 1;
	if (!functions)
		return info.value;

	info.apxa = ap_emu.apxa;
	switch (adapter->mode) {
	case AP_EMU_MODE_CCA:
		info.apsc = 1;
		info.cca = 1;
		info.class = AP_EMU_CLASS_FULL;
		break;
	case AP_EMU_MODE_EP11:
		info.apsc = 1;
		info.ep11 = 1;
		break;
	case AP_EMU_MODE_ACCEL:
		info.mex4k = 1;
		info.crt4k = 1;
		info.accel = 1;
		break;
	}
	return info.value;
}

/*
 * TAPQ tells what the queue is in GR2, also while it is being reset, deconfigured or checkstopped
 * (ap_bus.c, ap_queue_info()). The functions in its left half are there only with the T bit
 * (facility 15, APFT).
 */
static void do_tapq(struct pt_regs *regs, unsigned int apid, unsigned int apqi)
{
	struct ap_emu_queue *queue = &ap_emu.queue[apid][apqi];
	u8 response = queue_state(apid, apqi);

	if (response == AP_EMU_RC_RESET_IN_PROGRESS)
		queue->polls_left--;
	if (response != AP_EMU_RC_Q_NOT_AVAIL)
		regs->gprs[2] = hwinfo(&ap_emu.adapter[apid], regs->gprs[0] & PQAP_T_BIT);
	set_status(regs, queue, response);
}

/*
 * A reset that the queue takes answers 00 and goes on in the background: TAPQ says when it is over
 * and how it ended (ap_queue.c, ap_sm_reset() and ap_sm_reset_wait()). With no polls to wait for, a
 * failure shows in the reset's own answer. A reset disables interrupts. While one runs, another is
 * answered "reset in progress" and does nothing (vfio_ap_ops.c, apq_reset_check(), repeats it).
 */
static void do_reset(struct pt_regs *regs, unsigned int apid, unsigned int apqi, bool zeroize)
{
	struct ap_emu_queue *queue = &ap_emu.queue[apid][apqi];
	u8 response = queue_availability(apid, apqi);

	if (response == AP_EMU_RC_NORMAL && queue->polls_left)
		response = AP_EMU_RC_RESET_IN_PROGRESS;
	if (response == AP_EMU_RC_NORMAL && !queue->reset_polls)
		response = queue->reset_response;
	if (response == AP_EMU_RC_NORMAL) {
		queue->irq_enabled = false;
		queue->polls_left = queue->reset_polls;
		queue->reset_failed = queue->reset_response != AP_EMU_RC_NORMAL;
		if (zeroize)
			queue->zapq++;
		else
			queue->rapq++;
	}
	set_status(regs, queue, response);
}

/*
 * AQIC sets the queue's interrupt state and says "otherwise changed" where it is so already
 * (vfio_ap_ops.c, vfio_ap_irq_disable()). No interrupt is ever made: queues hold no replies.
 */
static void do_aqic(struct pt_regs *regs, unsigned int apid, unsigned int apqi)
{
	union ap_qirq_ctrl control = { .value = regs->gprs[1] };
	struct ap_emu_queue *queue = &ap_emu.queue[apid][apqi];
	u8 response = queue_state(apid, apqi);

	if (response == AP_EMU_RC_NORMAL) {
		if (queue->irq_enabled == control.ir)
			response = AP_EMU_RC_OTHERWISE_CHANGED;
		queue->irq_enabled = control.ir;
	}
	set_status(regs, queue, response);
}

/* QACT: as what other type could the caller, who knows types up to @cat, drive this queue? */
static void do_qact(struct pt_regs *regs, unsigned int apid, unsigned int apqi)
{
	union ap_qact_ap_info asked = { .val = regs->gprs[1] };
	const struct ap_emu_adapter *adapter = &ap_emu.adapter[apid];
	union ap_qact_ap_info answer = { .val = 0 };
	u8 response = queue_state(apid, apqi);

	if (response == AP_EMU_RC_NORMAL) {
		answer.mode = asked.mode;
		answer.cat = min_t(unsigned int, asked.cat, adapter->type);
		regs->gprs[2] = answer.val;
	}
	set_status(regs, &ap_emu.queue[apid][apqi], response);
}

/* QCI's maxima mean something only with APXA (ap_bus.c, ap_init_qci_info()). */
static void fill_config_info(struct ap_config_info *info)
{
	memset(info, 0, sizeof(*info));
	info->apsc = 1;
	info->qact = 1;
	info->rc8a = 1;
	if (ap_emu.apxa) {
		info->apxa = 1;
		info->na = ap_emu.max_adapter;
		info->nd = ap_emu.max_domain;
	}
	memcpy(info->apm, ap_emu.apm, sizeof(info->apm));
	memcpy(info->aqm, ap_emu.aqm, sizeof(info->aqm));
	memcpy(info->adm, ap_emu.adm, sizeof(info->adm));
}

/* QCI stores a block at GR2 and sets the condition code; there is no queue and no status word. */
static void do_qci(struct pt_regs *regs)
{
	struct ap_config_info info;
	unsigned long flags;

	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	count(AP_EMU_COUNT_QCI);
	fill_config_info(&info);
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);

	/* Outside the lock: were the address bad, this would be an oops, as it is on hardware. */
	memcpy((void *)regs->gprs[2], &info, sizeof(info));
	set_condition_code(regs, 0);
}

/**
 * ap_emu_pqap() - execute PROCESS ADJUNCT-PROCESSOR QUEUE
 * @regs: registers at the program check; GR0 has function code and APQN
 *
 * Return: false for a function that this machine does not have: the caller then lets the program
 * check take its course. That is so for AQIC without facility 65 and for Secure Execution's BAPQ
 * and AAPQ, which QCI does not announce.
 */
bool ap_emu_pqap(struct pt_regs *regs)
{
	unsigned int function = regs->gprs[0] >> PQAP_FC_SHIFT & PQAP_FC_MASK;
	unsigned int apid = AP_QID_CARD(regs->gprs[0]);
	unsigned int apqi = AP_QID_QUEUE(regs->gprs[0]);
	bool answered = true;
	unsigned long flags;

	if (function == PQAP_QCI) {
		do_qci(regs);
		return true;
	}

	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	switch (function) {
	case PQAP_TAPQ:
		count(AP_EMU_COUNT_TAPQ);
		do_tapq(regs, apid, apqi);
		break;
	case PQAP_RAPQ:
		count(AP_EMU_COUNT_RAPQ);
		do_reset(regs, apid, apqi, false);
		break;
	case PQAP_ZAPQ:
		count(AP_EMU_COUNT_ZAPQ);
		do_reset(regs, apid, apqi, true);
		break;
	case PQAP_AQIC:
		count(AP_EMU_COUNT_AQIC);
		answered = __test_facility(65, stfle_fac_list);
		if (answered)
			do_aqic(regs, apid, apqi);
		break;
	case PQAP_QACT:
		count(AP_EMU_COUNT_QACT);
		do_qact(regs, apid, apqi);
		break;
	default:
		count(AP_EMU_COUNT_PQAP_OTHER);
		answered = false;
	}
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);
	return answered;
}

/**
 * ap_emu_nqap() - execute ENQUEUE MESSAGE TO ADJUNCT PROCESSOR
 * @regs: registers at the program check; GR0 has the APQN
 *
 * "Required facility not installed" fails this one request with -EINVAL and leaves the queue in
 * operation (ap_queue.c, ap_sm_write()). There is no crypto here to do better.
 */
void ap_emu_nqap(struct pt_regs *regs)
{
	unsigned int apid = AP_QID_CARD(regs->gprs[0]);
	unsigned int apqi = AP_QID_QUEUE(regs->gprs[0]);
	unsigned long flags;

	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	count(AP_EMU_COUNT_NQAP);
	set_status(regs, &ap_emu.queue[apid][apqi],
		   queue_state(apid, apqi) ?: AP_EMU_RC_REQ_FAC_NOT_INST);
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);
}

/**
 * ap_emu_dqap() - execute DEQUEUE MESSAGE FROM ADJUNCT PROCESSOR
 * @regs: registers at the program check; GR0 has the APQN
 *
 * No request was ever taken, so no reply is pending (ap_queue.c, ap_sm_recv()).
 */
void ap_emu_dqap(struct pt_regs *regs)
{
	unsigned int apid = AP_QID_CARD(regs->gprs[0]);
	unsigned int apqi = AP_QID_QUEUE(regs->gprs[0]);
	unsigned long flags;

	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	count(AP_EMU_COUNT_DQAP);
	set_status(regs, &ap_emu.queue[apid][apqi],
		   queue_state(apid, apqi) ?: AP_EMU_RC_NO_PENDING_REPLY);
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);
}
