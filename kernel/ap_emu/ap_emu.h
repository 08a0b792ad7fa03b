/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ap_emu: AP instructions for machines that have none.
 *
 * ap_emu_main.c      module parameters, the program check, facilities
 * ap_emu_pqap.c      what each AP instruction answers
 * ap_emu_topology.c  adapters, domains and queues, and the faults put on them
 * ap_emu_debugfs.c   the control, state, counters and resets files
 */
#ifndef AP_EMU_H
#define AP_EMU_H

#include <linux/bitmap.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct pt_regs;

#define AP_EMU_ADAPTERS		256
#define AP_EMU_DOMAINS		256

/* Without APXA an adapter has 6 bits and a domain 4 (asm/ap.h, ap_qid_t). */
#define AP_EMU_MAX_ADAPTER_NO_APXA	63
#define AP_EMU_MAX_DOMAIN_NO_APXA	15

/* Response codes, as drivers/s390/crypto/ap_bus.h names them. */
#define AP_EMU_RC_NORMAL		0x00
#define AP_EMU_RC_Q_NOT_AVAIL		0x01
#define AP_EMU_RC_RESET_IN_PROGRESS	0x02
#define AP_EMU_RC_DECONFIGURED		0x03
#define AP_EMU_RC_CHECKSTOPPED		0x04
#define AP_EMU_RC_OTHERWISE_CHANGED	0x07
#define AP_EMU_RC_NO_PENDING_REPLY	0x10
#define AP_EMU_RC_REQ_FAC_NOT_INST	0x16

/* Hardware types, as drivers/s390/crypto/ap_bus.h has them. */
#define AP_EMU_TYPE_CEX4		10
#define AP_EMU_TYPE_CEX8		14

enum ap_emu_mode {
	AP_EMU_MODE_CCA,
	AP_EMU_MODE_EP11,
	AP_EMU_MODE_ACCEL,
	AP_EMU_MODES
};

extern const char *const ap_emu_mode_names[AP_EMU_MODES];

struct ap_emu_adapter {
	u8 type;
	u8 mode;
	bool configured;
	bool checkstopped;
};

/**
 * struct ap_emu_queue - one APQN
 * @rapq: RAPQs that this queue took with response code 00
 * @zapq: the same for ZAPQ
 * @reset_polls: how often TAPQ says "reset in progress" after a reset; set by the user
 * @polls_left: what is left of that in the reset that runs now
 * @reset_response: what a reset ends with; set by the user, 00 is normal
 * @reset_failed: the last reset took its polls and ended with @reset_response
 * @irq_enabled: AQIC enabled interrupts
 */
struct ap_emu_queue {
	u32 rapq;
	u32 zapq;
	u16 reset_polls;
	u16 polls_left;
	u8 reset_response;
	bool reset_failed;
	bool irq_enabled;
};

/**
 * struct ap_emu_machine - all that the instructions look at
 * @max_adapter: highest adapter id
 * @max_domain: highest domain id
 * @apxa: AP extended addressing is installed
 * @apm: adapters in the configuration
 * @aqm: usage domains
 * @adm: control domains
 * @adapter: by adapter id; valid where @apm has a bit
 * @queue: by adapter and domain id; faults are zero where the queue is absent
 *
 * Masks count from the leftmost bit, so the ``*_bit_inv`` helpers go with them and they can be
 * copied into QCI's block as they are.
 */
struct ap_emu_machine {
	unsigned int max_adapter;
	unsigned int max_domain;
	bool apxa;
	DECLARE_BITMAP(apm, AP_EMU_ADAPTERS);
	DECLARE_BITMAP(aqm, AP_EMU_DOMAINS);
	DECLARE_BITMAP(adm, AP_EMU_DOMAINS);
	struct ap_emu_adapter adapter[AP_EMU_ADAPTERS];
	struct ap_emu_queue queue[AP_EMU_ADAPTERS][AP_EMU_DOMAINS];
};

/*
 * AP instructions run with interrupts off and under spinlocks of the AP bus: whatever guards the
 * machine must be a raw lock, and nothing may sleep under it.
 */
extern struct ap_emu_machine ap_emu;
extern raw_spinlock_t ap_emu_lock;

enum ap_emu_counter {
	AP_EMU_COUNT_TAPQ,
	AP_EMU_COUNT_RAPQ,
	AP_EMU_COUNT_ZAPQ,
	AP_EMU_COUNT_AQIC,
	AP_EMU_COUNT_QCI,
	AP_EMU_COUNT_QACT,
	AP_EMU_COUNT_PQAP_OTHER,
	AP_EMU_COUNT_NQAP,
	AP_EMU_COUNT_DQAP,
	AP_EMU_COUNTERS
};

extern const char *const ap_emu_counter_names[AP_EMU_COUNTERS];

/* ap_emu_pqap.c: regs are those of the program check. False: no such function, not answered. */
bool ap_emu_pqap(struct pt_regs *regs);
void ap_emu_nqap(struct pt_regs *regs);
void ap_emu_dqap(struct pt_regs *regs);
void ap_emu_counters_read(u64 counters[AP_EMU_COUNTERS]);
void ap_emu_counters_clear(void);

/*
 * ap_emu_topology.c: -ERANGE for an id above the machine's maxima, -ENOENT for an adapter, domain
 * or queue that is not there. A call that fails changes nothing.
 */
int ap_emu_adapter_add(unsigned int apid, u8 type, enum ap_emu_mode mode);
int ap_emu_adapter_remove(unsigned int apid);
int ap_emu_adapter_set_configured(unsigned int apid, bool configured);
int ap_emu_adapter_set_checkstopped(unsigned int apid, bool checkstopped);
int ap_emu_domain_add(unsigned int apqi);
int ap_emu_domain_remove(unsigned int apqi);
int ap_emu_control_domain_add(unsigned int apqi);
int ap_emu_control_domain_remove(unsigned int apqi);
int ap_emu_queue_set_reset_polls(unsigned int apid, unsigned int apqi, u16 polls);
int ap_emu_queue_set_reset_response(unsigned int apid, unsigned int apqi, u8 response);
void ap_emu_topology_clear(void);

/* ap_emu_debugfs.c */
void ap_emu_debugfs_init(void);

/* ap_emu_main.c: exported for kvm_idle */
bool ap_emu_claims_sie(void);

#endif /* AP_EMU_H */
