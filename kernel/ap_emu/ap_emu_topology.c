// SPDX-License-Identifier: GPL-2.0-only
/*
 * ap_emu: the machine's adapters, domains and queues.
 *
 * Called by the control file. The AP bus sees a change at its next scan, as it sees one that the
 * HMC makes on a real machine.
 */
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/string.h>
#include "ap_emu.h"

struct ap_emu_machine ap_emu;
DEFINE_RAW_SPINLOCK(ap_emu_lock);

const char *const ap_emu_mode_names[AP_EMU_MODES] = {
	[AP_EMU_MODE_CCA]	= "cca",
	[AP_EMU_MODE_EP11]	= "ep11",
	[AP_EMU_MODE_ACCEL]	= "accel",
};

/* What a user put on a queue goes with the queue; what was counted stays. */
static void queue_forget(struct ap_emu_queue *queue)
{
	queue->reset_polls = 0;
	queue->polls_left = 0;
	queue->reset_response = AP_EMU_RC_NORMAL;
	queue->reset_failed = false;
	queue->irq_enabled = false;
}

static void adapter_forget_queues(unsigned int apid)
{
	unsigned int apqi;

	for (apqi = 0; apqi < AP_EMU_DOMAINS; apqi++)
		queue_forget(&ap_emu.queue[apid][apqi]);
}

static void domain_forget_queues(unsigned int apqi)
{
	unsigned int apid;

	for (apid = 0; apid < AP_EMU_ADAPTERS; apid++)
		queue_forget(&ap_emu.queue[apid][apqi]);
}

/* A queue that is taken away or breaks loses its interrupt; vfio_ap enables it again (AQIC). */
static void adapter_disable_irqs(unsigned int apid)
{
	unsigned int apqi;

	for (apqi = 0; apqi < AP_EMU_DOMAINS; apqi++)
		ap_emu.queue[apid][apqi].irq_enabled = false;
}

static int check_adapter(unsigned int apid)
{
	if (apid > ap_emu.max_adapter)
		return -ERANGE;
	return test_bit_inv(apid, ap_emu.apm) ? 0 : -ENOENT;
}

static int check_domain(unsigned int apqi, const unsigned long *mask)
{
	if (apqi > ap_emu.max_domain)
		return -ERANGE;
	return test_bit_inv(apqi, mask) ? 0 : -ENOENT;
}

/**
 * ap_emu_adapter_add() - put an adapter into the configuration
 * @apid: adapter id
 * @type: hardware type, AP_EMU_TYPE_CEX4 to AP_EMU_TYPE_CEX8
 * @mode: what the adapter's firmware is
 *
 * The adapter is new: configured, not checkstopped, no faults on its queues. One that is there
 * already is replaced; the AP bus then removes its devices and makes new ones if type or mode
 * differ (ap_bus.c, ap_scan_adapter()).
 *
 * Return: 0, or -ERANGE.
 */
int ap_emu_adapter_add(unsigned int apid, u8 type, enum ap_emu_mode mode)
{
	unsigned long flags;

	if (apid > ap_emu.max_adapter)
		return -ERANGE;
	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	adapter_forget_queues(apid);
	ap_emu.adapter[apid] = (struct ap_emu_adapter){
		.type = type,
		.mode = mode,
		.configured = true,
	};
	__set_bit_inv(apid, ap_emu.apm);
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);
	return 0;
}

int ap_emu_adapter_remove(unsigned int apid)
{
	unsigned long flags;
	int rc;

	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	rc = check_adapter(apid);
	if (!rc) {
		__clear_bit_inv(apid, ap_emu.apm);
		adapter_forget_queues(apid);
	}
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);
	return rc;
}

int ap_emu_adapter_set_configured(unsigned int apid, bool configured)
{
	unsigned long flags;
	int rc;

	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	rc = check_adapter(apid);
	if (!rc) {
		ap_emu.adapter[apid].configured = configured;
		if (!configured)
			adapter_disable_irqs(apid);
	}
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);
	return rc;
}

int ap_emu_adapter_set_checkstopped(unsigned int apid, bool checkstopped)
{
	unsigned long flags;
	int rc;

	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	rc = check_adapter(apid);
	if (!rc) {
		ap_emu.adapter[apid].checkstopped = checkstopped;
		if (checkstopped)
			adapter_disable_irqs(apid);
	}
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);
	return rc;
}

static int mask_add(unsigned long *mask, unsigned int apqi)
{
	unsigned long flags;

	if (apqi > ap_emu.max_domain)
		return -ERANGE;
	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	__set_bit_inv(apqi, mask);
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);
	return 0;
}

int ap_emu_domain_add(unsigned int apqi)
{
	return mask_add(ap_emu.aqm, apqi);
}

int ap_emu_domain_remove(unsigned int apqi)
{
	unsigned long flags;
	int rc;

	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	rc = check_domain(apqi, ap_emu.aqm);
	if (!rc) {
		__clear_bit_inv(apqi, ap_emu.aqm);
		domain_forget_queues(apqi);
	}
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);
	return rc;
}

int ap_emu_control_domain_add(unsigned int apqi)
{
	return mask_add(ap_emu.adm, apqi);
}

int ap_emu_control_domain_remove(unsigned int apqi)
{
	unsigned long flags;
	int rc;

	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	rc = check_domain(apqi, ap_emu.adm);
	if (!rc)
		__clear_bit_inv(apqi, ap_emu.adm);
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);
	return rc;
}

static int check_queue(unsigned int apid, unsigned int apqi)
{
	/* Both ids are judged for range before either is for presence. */
	if (apid > ap_emu.max_adapter || apqi > ap_emu.max_domain)
		return -ERANGE;
	return check_adapter(apid) ?: check_domain(apqi, ap_emu.aqm);
}

/**
 * ap_emu_queue_set_reset_polls() - make the queue's resets slow
 * @apid: adapter id
 * @apqi: domain id
 * @polls: number of TAPQs that find the reset in progress; 0: none
 *
 * A reset that runs already keeps its length.
 *
 * Return: 0, -ERANGE or -ENOENT.
 */
int ap_emu_queue_set_reset_polls(unsigned int apid, unsigned int apqi, u16 polls)
{
	unsigned long flags;
	int rc;

	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	rc = check_queue(apid, apqi);
	if (!rc)
		ap_emu.queue[apid][apqi].reset_polls = polls;
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);
	return rc;
}

/**
 * ap_emu_queue_set_reset_response() - make the queue's resets fail
 * @apid: adapter id
 * @apqi: domain id
 * @response: response code; 00 ends the failure at once, also one of an earlier reset
 *
 * Return: 0, -ERANGE or -ENOENT.
 */
int ap_emu_queue_set_reset_response(unsigned int apid, unsigned int apqi, u8 response)
{
	struct ap_emu_queue *queue;
	unsigned long flags;
	int rc;

	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	rc = check_queue(apid, apqi);
	if (!rc) {
		queue = &ap_emu.queue[apid][apqi];
		queue->reset_response = response;
		if (response == AP_EMU_RC_NORMAL)
			queue->reset_failed = false;
	}
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);
	return rc;
}

/* No adapter, no domain, no fault. Maxima and APXA are the machine's and stay. */
void ap_emu_topology_clear(void)
{
	unsigned long flags;
	unsigned int apid;

	raw_spin_lock_irqsave(&ap_emu_lock, flags);
	bitmap_zero(ap_emu.apm, AP_EMU_ADAPTERS);
	bitmap_zero(ap_emu.aqm, AP_EMU_DOMAINS);
	bitmap_zero(ap_emu.adm, AP_EMU_DOMAINS);
	for (apid = 0; apid < AP_EMU_ADAPTERS; apid++)
		adapter_forget_queues(apid);
	raw_spin_unlock_irqrestore(&ap_emu_lock, flags);
}
