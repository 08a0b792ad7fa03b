/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of what is live: the AP bus, its cards and queues, the active matrices, all from sysfs.
 * What holds after the next boot is in ap_next_boot.h. */
#pragma once

#include "node_device/inventory/ap_host_list.h"
#include "node_device/inventory/ap_problem.h"
#include "util/ap_apqn_set.h"
#include "util/ap_matrix.h"
#include "util/ap_root.h"

#define AP_HOST_MATRIX_DIR "/sys/devices/vfio_ap/matrix"

/* The domain that the kernel takes where none is asked for. */
#define AP_HOST_DEFAULT_DOMAIN "/sys/bus/ap/ap_domain"

/**
 * ApActiveMdev:
 * @uuid: in lower case
 * @matrix: what it holds
 * @listable: whether its guest_matrix may be read
 */
typedef struct {
    char *uuid;
    ApMatrix matrix;
    gboolean listable;
} ApActiveMdev;

/**
 * ApCard:
 * @adapter: APID
 * @type: (nullable): "CEX8C"
 * @mode: (nullable): "cca", "ep11" or "accel"; static
 * @generation: 8 of a CEX8; -1 where unknown
 * @online: 1, 0, or -1 where unknown
 * @configured: 1, 0, or -1 where unknown
 * @checkstopped: 1, 0, or -1 where unknown
 */
typedef struct {
    guint adapter;
    char *type;
    const char *mode;
    int generation;
    int online;
    int configured;
    int checkstopped;
} ApCard;

/**
 * ApQueue:
 * @apqn: which queue
 * @driver: (nullable): "cex4queue", "vfio_ap", NULL where it is bound to none
 * @status: (nullable): as lszcrypt prints it: vfio_ap's "unassigned", "assigned", "in use"; else
 *   "online", "offline", "deconfig", "chkstop"
 * @configured: 1, 0, or -1 where unknown
 * @checkstopped: 1, 0, or -1 where unknown
 */
typedef struct {
    ApApqn apqn;
    char *driver;
    char *status;
    int configured;
    int checkstopped;
} ApQueue;

/**
 * ApQueueUse:
 * @AP_QUEUE_UNASSIGNED: no matrix has the queue
 * @AP_QUEUE_ASSIGNED: a matrix has it
 * @AP_QUEUE_IN_USE: a matrix has it, and a guest uses it
 * @AP_QUEUE_NOT_SAID: it is not bound to vfio_ap, is not there, says something else, or the kernel
 *   is older than 6.0
 * @AP_QUEUE_UNREADABLE: it cannot be read
 */
typedef enum {
    AP_QUEUE_UNASSIGNED,
    AP_QUEUE_ASSIGNED,
    AP_QUEUE_IN_USE,
    AP_QUEUE_NOT_SAID,
    AP_QUEUE_UNREADABLE,
} ApQueueUse;

/**
 * ApHostAnswer:
 * @AP_HOST_SAYS: the kernel says so
 * @AP_HOST_SAYS_NOTHING: it has no such attribute, or must not be asked
 * @AP_HOST_UNREADABLE: what it says cannot be read, or is cut
 */
typedef enum {
    AP_HOST_SAYS,
    AP_HOST_SAYS_NOTHING,
    AP_HOST_UNREADABLE,
} ApHostAnswer;

/**
 * ApHost:
 * @has_bus: whether there is an AP bus
 * @has_vfio_ap: whether vfio_ap is loaded
 * @has_ap_config: whether its mdevs have the attribute ap_config (6.10)
 * @has_qci: whether the three masks of the LPAR come from QCI; if not, @adapters and @domains are
 *   those of the devices that exist, and @control_domains is full
 * @masks_known: whether @apmask and @aqmask could be read
 * @apxa: 1, 0, or -1 where unknown
 * @msax3: whether facility 76 is installed; assumed where /proc/cpuinfo is missing
 * @max_adapter: highest APID of the machine, -1 where unknown
 * @max_domain: highest APQI of the machine, -1 where unknown
 * @adapters: adapters of the LPAR
 * @domains: usage domains of the LPAR
 * @control_domains: control domains of the LPAR
 * @apmask: adapters of the host's own drivers; empty where unknown
 * @aqmask: domains of the host's own drivers; empty where unknown
 * @mdevs: (nullable) (element-type ApActiveMdev): active matrices, sorted by uuid; NULL before
 *   ap_host_load_mdevs()
 * @going: (element-type utf8): uuids of mdevs that are being removed, or made: what they hold
 *   cannot be read; see ap_host_get_unseen()
 * @mdevs_unread: whether there are matrices, beside those, that could not be read
 * @problems: (element-type ApProblem): what could not be read
 *
 * Cards and queues are read on demand: the callout must be fast, and a definition concerns few of
 * them. So are the matrices of a host that was loaded without them.
 */
typedef struct {
    gboolean has_bus;
    gboolean has_vfio_ap;
    gboolean has_ap_config;
    gboolean has_qci;
    gboolean masks_known;
    int apxa;
    gboolean msax3;
    int max_adapter;
    int max_domain;
    ApMask adapters;
    ApMask domains;
    ApMask control_domains;
    ApMask apmask;
    ApMask aqmask;
    GPtrArray *mdevs;
    GPtrArray *going;
    gboolean mdevs_unread;
    GPtrArray *problems;

    /*< private >*/
    const ApRoot *root;
    GHashTable *drivers;  /* APQN -> driver */
    GHashTable *cards;    /* APID -> ApCard */
    GHashTable *unusable; /* APQN -> why, static */
    GHashTable *openers;  /* file below /dev/vfio -> process id; made on demand */
    gboolean openers_hidden; /* this user may not see what some processes have open */
} ApHost;

/**
 * ap_host_load:
 * @root: the root; must live as long as the host
 *
 * Reads the host. What cannot be read is in @problems.
 *
 * Returns: the host; the caller frees it with ap_host_free().
 */
ApHost *
ap_host_load(const ApRoot *root);

/**
 * ap_host_load_without_mdevs:
 * @root: the root; must live as long as the host
 *
 * The same, but the active matrices are only read when they are asked for.
 *
 * Returns: the host; the caller frees it with ap_host_free().
 */
ApHost *
ap_host_load_without_mdevs(const ApRoot *root);

/**
 * ap_host_load_mdevs:
 * @host: a host
 *
 * Reads the active matrices, unless that was done. What cannot be read is added to @problems.
 */
void
ap_host_load_mdevs(ApHost *host);

/**
 * ap_host_free:
 * @host: (nullable): a host
 */
void
ap_host_free(ApHost *host);

/**
 * ap_host_describe_bare:
 * @host: a host
 *
 * Returns: (nullable): what is missing for the LPAR to have any queue: an adapter, or a usage
 *   domain; NULL if nothing is, or that is unknown; the caller frees it.
 */
char *
ap_host_describe_bare(const ApHost *host);

/**
 * ap_host_read_default_domain:
 * @host: a host
 * @ret_domain: (out): the domain that the kernel gives to who asks for none; untouched if there is
 *   none
 *
 * Returns: whether the kernel has chosen one.
 */
gboolean
ap_host_read_default_domain(const ApHost *host, guint *ret_domain);

/**
 * ap_host_find_mdev:
 * @host: a host
 * @uuid: in lower case
 *
 * Returns: (nullable): the active matrix of that name, borrowed from @host.
 */
const ApActiveMdev *
ap_host_find_mdev(ApHost *host, const char *uuid);

/**
 * ap_host_read_matrix:
 * @root: the root
 * @uuid: in lower case
 * @ret_matrix: (out): what the mdev holds; untouched on failure
 * @ret_has_ap_config: (out): whether the mdev has the attribute ap_config
 * @error: return location
 *
 * Reads one active matrix, now.
 *
 * Errors: AP_ERROR_NOT_FOUND if there is no such mdev; AP_ERROR_IO, AP_ERROR_MASK, AP_ERROR_NUMBER
 *   if it cannot be read.
 *
 * Returns: whether it could be read.
 */
gboolean
ap_host_read_matrix(const ApRoot *root, const char *uuid, ApMatrix *ret_matrix,
                    gboolean *ret_has_ap_config, GError **error);

/**
 * ap_host_get_driver:
 * @host: a host
 * @apqn: an APQN
 *
 * Returns: (nullable): the driver that the queue is bound to, "" if it is bound to none, NULL if
 *   there is no such queue device; borrowed from @host.
 */
const char *
ap_host_get_driver(ApHost *host, ApApqn apqn);

/**
 * ap_host_owns:
 * @host: a host
 * @apqn: an APQN
 *
 * With masks, an APQN is the host's when both its bits are set. With driver_override (7.x), which
 * goes with full masks alone, the driver that is bound now decides.
 *
 * Returns: whether the kernel keeps the APQN for the host's own drivers (EADDRNOTAVAIL).
 */
gboolean
ap_host_owns(ApHost *host, ApApqn apqn);

/**
 * ap_host_owns_any:
 * @host: a host
 * @matrix: a matrix
 * @ret_owned: (nullable): set to the APQNs of @matrix that ap_host_owns()
 *
 * Returns: whether there are any.
 */
gboolean
ap_host_owns_any(ApHost *host, const ApMatrix *matrix, ApApqnSet *ret_owned);

/**
 * ap_host_has_overrides:
 * @host: a host
 *
 * None has while the masks are not full: the kernel then refuses it (EINVAL).
 *
 * Returns: whether some queue has a driver_override.
 */
gboolean
ap_host_has_overrides(ApHost *host);

/**
 * ap_host_needs_binding:
 * @host: a host
 * @matrix: a matrix
 *
 * Distributions bring new vfio_ap to old kernels: what its queues show decides, not a version.
 *
 * Returns: whether the kernel, before 6.0, takes only queues that are bound to vfio_ap; FALSE where
 *   nothing tells.
 */
gboolean
ap_host_needs_binding(ApHost *host, const ApMatrix *matrix);

/**
 * ap_host_load_override:
 * @root: a root
 * @apqn: a queue of a kernel that has driver_override
 * @error: return location
 *
 * Errors: AP_ERROR_NOT_FOUND, AP_ERROR_IO.
 *
 * Returns: (nullable): the name in it, "" if there is none; NULL if it cannot be read; the caller
 *   frees it.
 */
char *
ap_host_load_override(const ApRoot *root, ApApqn apqn, GError **error);

/**
 * ap_host_read_override:
 * @host: a host
 * @apqn: an APQN
 *
 * Returns: (nullable): the name in the queue's driver_override, if it has one; the caller frees it.
 */
char *
ap_host_read_override(const ApHost *host, ApApqn apqn);

/**
 * ap_host_read_guest_matrix:
 * @host: a host
 * @mdev: one of its matrices
 * @ret_set: (out caller-allocates): the APQNs that its guest has; untouched unless the kernel says
 * @error: return location
 *
 * Never reads it of a matrix with more than 511 APQNs.
 *
 * Errors: AP_ERROR_IO, AP_ERROR_NUMBER, with AP_HOST_UNREADABLE alone.
 *
 * Returns: whether the kernel says.
 */
ApHostAnswer
ap_host_read_guest_matrix(const ApHost *host, const ApActiveMdev *mdev, ApApqnSet *ret_set,
                          GError **error);

/**
 * ap_host_predict_guest_matrix:
 * @host: a host
 * @matrix: what an mdev holds
 *
 * For what the kernel cannot be asked: filters as vfio_ap_mdev_filter_matrix() does, vfio_ap_ops.c.
 * What the LPAR lacks goes, and so does an adapter of which one queue is not vfio_ap's. A stale
 * filter it does not see.
 *
 * Returns: what the mdev's guest should have.
 */
ApMatrix
ap_host_predict_guest_matrix(ApHost *host, const ApMatrix *matrix);

/**
 * ap_host_get_use:
 * @host: a host
 * @apqn: an APQN
 *
 * Returns: what the queue itself says, now.
 */
ApQueueUse
ap_host_get_use(const ApHost *host, ApApqn apqn);

/**
 * ap_host_is_unassigned:
 * @host: a host
 * @adapters: a mask
 * @domains: a mask
 *
 * Returns: whether each queue of their product itself says that no matrix has it.
 */
gboolean
ap_host_is_unassigned(const ApHost *host, const ApMask *adapters, const ApMask *domains);

/**
 * ap_host_get_unseen:
 * @host: a host
 * @matrix: a matrix
 * @ret_set: (out caller-allocates): the APQNs of @matrix that a matrix which could not be read may
 *   hold: those that do not say that nobody has them, and that no other matrix has
 */
void
ap_host_get_unseen(ApHost *host, const ApMatrix *matrix, ApApqnSet *ret_set);

/**
 * ap_host_is_in_use:
 * @host: a host
 * @uuid: an mdev, in lower case
 *
 * Asks vfio_ap about the mdev's queues; if its matrix cannot be read, about all that no other mdev
 * has. Kernels before 6.0 do not tell.
 *
 * Returns: whether a guest has one of them ("in use"), or that cannot be found out; FALSE if there
 *   is no such mdev.
 */
gboolean
ap_host_is_in_use(ApHost *host, const char *uuid);

/**
 * ap_host_find_user:
 * @host: a host
 * @uuid: an mdev, in lower case
 *
 * Looks for a process that has the mdev's VFIO device open; of a host without processes, or where
 * they cannot be looked at, the queues tell that there is one.
 *
 * Returns: (nullable): "process 4711 (qemu-system-s39)", or "a process" of which no more is known;
 *   NULL if nobody has it; the caller frees it.
 */
char *
ap_host_find_user(ApHost *host, const char *uuid);

/**
 * ap_host_knows_user:
 * @host: a host
 * @uuid: an active mdev, in lower case
 *
 * Returns: whether it is certain who has the mdev open, or that nobody does: an ordinary user does
 *   not see what the processes of others have open, unless the queues tell.
 */
gboolean
ap_host_knows_user(ApHost *host, const char *uuid);

/**
 * ap_host_list_cards:
 * @host: a host
 *
 * Returns: (element-type ApCard): the cards, ascending; the caller unrefs it.
 */
GPtrArray *
ap_host_list_cards(const ApHost *host);

/**
 * ap_host_read_card:
 * @host: a host
 * @adapter: APID
 *
 * Returns: (nullable): the card, if there is one; the caller frees it with ap_card_free().
 */
ApCard *
ap_host_read_card(const ApHost *host, guint adapter);

/**
 * ap_host_get_card:
 * @host: a host
 * @adapter: APID
 *
 * As ap_host_read_card(), but reads once.
 *
 * Returns: (nullable): the card, if there is one; borrowed from @host.
 */
const ApCard *
ap_host_get_card(ApHost *host, guint adapter);

/**
 * ap_host_read_serial:
 * @host: a host
 * @adapter: APID of a card
 *
 * Reading it costs the kernel a message to the card. Where no queue of the card is the host's none
 * can be sent, and before it gives up it scans the whole AP bus, zcrypt_send_ep11_cprb() in
 * zcrypt_api.c: that takes seconds with thousands of queues, so it is not asked then.
 *
 * Returns: (nullable): the card's serial number, if it gives one; the caller frees it.
 */
char *
ap_host_read_serial(ApHost *host, guint adapter);

/**
 * ap_host_why_unusable:
 * @host: a host
 * @apqn: an APQN
 *
 * Returns: (nullable): "deconfigured" or "checkstopped" if its card is, or itself; NULL if it can
 *   be used, or is not there; static.
 */
const char *
ap_host_why_unusable(ApHost *host, ApApqn apqn);

/**
 * ap_card_is_too_old:
 * @card: a card
 *
 * Returns: whether vfio_ap does not take it: it is older than CEX4.
 */
gboolean
ap_card_is_too_old(const ApCard *card);

/**
 * ap_card_free:
 * @card: (nullable): a card
 */
void
ap_card_free(ApCard *card);

/**
 * ap_host_list_queues:
 * @host: a host
 *
 * Returns: (element-type ApQueue): the queues, ascending; the caller unrefs it.
 */
GPtrArray *
ap_host_list_queues(const ApHost *host);

/**
 * ap_host_read_queue:
 * @host: a host
 * @apqn: an APQN
 *
 * Returns: (nullable): the queue, if there is one; the caller frees it with ap_queue_free().
 */
ApQueue *
ap_host_read_queue(const ApHost *host, ApApqn apqn);

/**
 * ap_queue_free:
 * @queue: (nullable): a queue
 */
void
ap_queue_free(ApQueue *queue);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApHost, ap_host_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApCard, ap_card_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApQueue, ap_queue_free)
