/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The three readers joined: every matrix, active or defined, its guest, and so the owner of every
 * APQN. */
#pragma once

#include "conf/ap_config.h"
#include "node_device/inventory/ap_defs.h"
#include "node_device/inventory/ap_guests.h"
#include "node_device/inventory/ap_host.h"
#include "node_device/inventory/ap_last_guests.h"
#include "node_device/inventory/ap_needs.h"
#include "node_device/inventory/ap_next_boot.h"
#include "util/ap_apqn_set.h"

/**
 * ApMdev:
 * @uuid: UUID of the mdev, in lower case
 * @active: whether it is active
 * @live: its matrix while it is active
 * @definition: (nullable): its definition, borrowed from the inventory
 * @brought_by: (nullable): the guest whose metadata is @definition: there is no file of mdevctl's;
 *   borrowed
 * @guest: (nullable): the guest that holds it, else one that names it; borrowed; see
 *   ap_inventory_load_guests()
 */
typedef struct {
    const char *uuid;
    gboolean active;
    ApMatrix live;
    const ApDefinition *definition;
    const ApGuest *brought_by;
    const ApGuest *guest;
} ApMdev;

typedef struct _ApInventory ApInventory;

/**
 * ApGuestsFunc:
 * @problems: (element-type ApProblem): where to note what cannot be read
 * @data: as given to ap_inventory_new()
 *
 * Returns: (nullable) (element-type ApGuest): the guests, NULL if they cannot be known.
 */
typedef GPtrArray *(*ApGuestsFunc)(GPtrArray *problems, gpointer data);

/**
 * ap_inventory_new:
 * @host: what is live; taken over
 * @definitions: (nullable) (element-type ApDefinition): what is defined; taken over; NULL: not
 *   looked at
 * @problems: (element-type ApProblem): what could not be read of @definitions; taken over
 * @config: the configuration in force; taken over
 * @guests: loads the guests when they are first asked for
 * @data: for @guests
 *
 * The active matrices of a @host that was loaded without them are read when something here asks
 * for them. What guests bring in their metadata counts like a definition, where definitions are
 * looked at.
 *
 * Returns: the inventory; the caller frees it with ap_inventory_free().
 */
ApInventory *
ap_inventory_new(ApHost *host,
                 GPtrArray *definitions,
                 GPtrArray *problems,
                 ApConfig *config,
                 ApGuestsFunc guests,
                 gpointer data);

/**
 * ap_inventory_free:
 * @inventory: (nullable): an inventory
 */
void
ap_inventory_free(ApInventory *inventory);

/**
 * ap_inventory_get_host:
 * @inventory: an inventory
 *
 * Returns: its host, borrowed.
 */
ApHost *
ap_inventory_get_host(ApInventory *inventory);

/**
 * ap_inventory_get_config:
 * @inventory: an inventory
 *
 * Returns: its configuration, borrowed.
 */
const ApConfig *
ap_inventory_get_config(ApInventory *inventory);

/**
 * ap_inventory_has_matrices:
 * @inventory: an inventory
 *
 * Returns: whether the active matrices have been read: what the queues alone can answer need not
 *   pay for it.
 */
gboolean
ap_inventory_has_matrices(ApInventory *inventory);

/**
 * ap_inventory_get_mdevs:
 * @inventory: an inventory
 *
 * Returns: (element-type ApMdev): every mdev, sorted by uuid; borrowed.
 */
GPtrArray *
ap_inventory_get_mdevs(ApInventory *inventory);

/**
 * ap_inventory_get_guests:
 * @inventory: an inventory
 *
 * Loads the guests when first called, and sets the guest of every mdev.
 *
 * Returns: (nullable) (element-type ApGuest): the guests, NULL if they cannot be known; borrowed.
 */
GPtrArray *
ap_inventory_get_guests(ApInventory *inventory);

/**
 * ap_inventory_has_guests:
 * @inventory: an inventory
 *
 * Returns: whether the guests have been loaded: what can do without them need not pay for it.
 */
gboolean
ap_inventory_has_guests(ApInventory *inventory);

/**
 * ap_inventory_get_guests_of:
 * @inventory: an inventory
 * @uuid: UUID of an mdev, in lower case
 *
 * Returns: (nullable) (element-type ApGuest): the guests that name the mdev, sorted by name, NULL
 *   if there are none or they cannot be known; borrowed.
 */
GPtrArray *
ap_inventory_get_guests_of(ApInventory *inventory, const char *uuid);

/**
 * ap_inventory_knows_guest_of:
 * @inventory: an inventory
 * @mdev: one of its mdevs
 *
 * Returns: whether the guest of @mdev, or that it has none, is certain: nothing that could tell
 *   more is unreadable.
 */
gboolean
ap_inventory_knows_guest_of(ApInventory *inventory, const ApMdev *mdev);

/**
 * ap_inventory_knows_definition:
 * @inventory: an inventory
 * @uuid: UUID of an mdev, in lower case
 *
 * Returns: whether it is certain what the mdev is defined for, or that it is not defined.
 */
gboolean
ap_inventory_knows_definition(ApInventory *inventory, const char *uuid);

/**
 * ap_inventory_get_user:
 * @inventory: an inventory
 * @uuid: UUID of an mdev, in lower case
 *
 * Looks once for each mdev.
 *
 * Returns: (nullable): who has the mdev open, as ap_host_find_user() says it, a guest of libvirt's
 *   included; borrowed.
 */
const char *
ap_inventory_get_user(ApInventory *inventory, const char *uuid);

/**
 * ap_inventory_get_foreign_user:
 * @inventory: an inventory
 * @mdev: one of its mdevs
 *
 * Returns: (nullable): who has the mdev open although no guest that the system's libvirt knows
 *   holds it; NULL if nobody does, or the guests cannot be known; borrowed.
 */
const char *
ap_inventory_get_foreign_user(ApInventory *inventory, const ApMdev *mdev);

/**
 * ap_inventory_get_last_guests:
 * @inventory: an inventory
 *
 * Loads them when first called.
 *
 * Returns: the last guest of each APQN, for ap_last_guests_find(); borrowed.
 */
GHashTable *
ap_inventory_get_last_guests(ApInventory *inventory);

/**
 * ap_inventory_get_next_boot:
 * @inventory: an inventory
 *
 * Computes it when first called: it reads every udev rule.
 *
 * Returns: what holds after the next boot, borrowed.
 */
ApNextBoot *
ap_inventory_get_next_boot(ApInventory *inventory);

/**
 * ap_inventory_may_start_guests:
 * @inventory: an inventory
 *
 * Cheap: what it says no to need not load the guests.
 *
 * Returns: whether libvirt may start a guest at boot.
 */
gboolean
ap_inventory_may_start_guests(ApInventory *inventory);

/**
 * ap_inventory_find_boot_guest:
 * @inventory: an inventory
 * @uuid: (nullable): UUID of an mdev, in lower case
 * @except: (nullable): a guest that does not count
 *
 * Our hook starts the matrix of such a guest.
 *
 * Returns: (nullable): the first guest that names the mdev and that libvirt starts at boot,
 *   borrowed.
 */
const ApGuest *
ap_inventory_find_boot_guest(ApInventory *inventory, const char *uuid, const ApGuest *except);

/**
 * ap_inventory_find_other_parent:
 * @inventory: an inventory
 * @uuid: UUID of an mdev
 *
 * Returns: (nullable): another parent than the matrices' below which mdevctl has it defined;
 *   borrowed.
 */
const char *
ap_inventory_find_other_parent(ApInventory *inventory, const char *uuid);

/**
 * ap_inventory_get_problems:
 * @inventory: an inventory
 *
 * Returns: (element-type ApProblem): what could not be read so far; borrowed.
 */
GPtrArray *
ap_inventory_get_problems(ApInventory *inventory);

/**
 * ap_inventory_find:
 * @inventory: an inventory
 * @uuid: in lower case
 *
 * Returns: (nullable): the mdev, borrowed.
 */
const ApMdev *
ap_inventory_find(ApInventory *inventory, const char *uuid);

/**
 * ap_inventory_find_guest:
 * @inventory: an inventory
 * @name: a guest's name or UUID
 *
 * Returns: (nullable): the guest, borrowed.
 */
const ApGuest *
ap_inventory_find_guest(ApInventory *inventory, const char *name);

/**
 * ap_inventory_get_owner_of:
 * @inventory: an inventory
 * @apqn: an APQN
 *
 * Constant time, after a table was made at the first call.
 *
 * Returns: (nullable): the active mdev that has the APQN, borrowed.
 */
const ApMdev *
ap_inventory_get_owner_of(ApInventory *inventory, ApApqn apqn);

/**
 * ApOverlapFunc:
 * @mdev: an mdev
 * @data: as given
 */
typedef void (*ApOverlapFunc)(const ApMdev *mdev, gpointer data);

/**
 * ap_inventory_get_used:
 * @inventory: an inventory
 *
 * Where definitions were not looked at they are now: what is offered must not be another's.
 *
 * Returns: the APQNs that a matrix holds or a definition names; made when first asked for;
 *   borrowed.
 */
const ApApqnSet *
ap_inventory_get_used(ApInventory *inventory);

/**
 * ap_inventory_get_needs:
 * @inventory: an inventory
 *
 * Loads them when first called.
 *
 * Returns: (element-type ApNeed): who of the host needs queues; borrowed.
 */
GPtrArray *
ap_inventory_get_needs(ApInventory *inventory);

/**
 * ApHeld:
 * @once: APQNs that an active matrix holds
 * @twice: those that more than one holds, which no kernel allows
 */
typedef struct {
    ApApqnSet once;
    ApApqnSet twice;
} ApHeld;

/**
 * ap_inventory_get_held:
 * @inventory: an inventory
 *
 * Returns: what is held; made when first asked for; borrowed.
 */
const ApHeld *
ap_inventory_get_held(ApInventory *inventory);

/**
 * ApPairFunc:
 * @first: index of an mdev among ap_inventory_get_mdevs()
 * @second: a larger index
 * @shares: whether both have a queue, active or defined; else the control domains of one reach a
 *   queue of the other
 * @data: as given
 */
typedef void (*ApPairFunc)(guint first, guint second, gboolean shares, gpointer data);

/**
 * ap_inventory_foreach_pair:
 * @inventory: an inventory
 * @func: called for each pair of mdevs that concern each other, in order
 * @data: for @func
 *
 * For an audit: tens of thousands of mdevs make hundreds of millions of pairs.
 */
void
ap_inventory_foreach_pair(ApInventory *inventory, ApPairFunc func, gpointer data);

/**
 * ap_inventory_foreach_overlap:
 * @inventory: an inventory
 * @adapters: a mask
 * @domains: a mask
 * @uuid: (nullable): mdev to leave out
 * @func: called for each mdev with some of @adapters and some of @domains, live or defined
 * @data: for @func
 */
void
ap_inventory_foreach_overlap(ApInventory *inventory, const ApMask *adapters, const ApMask *domains,
                             const char *uuid, ApOverlapFunc func, gpointer data);

/**
 * ap_inventory_foreach_control:
 * @inventory: an inventory
 * @adapters: a mask
 * @domains: a mask
 * @uuid: (nullable): mdev to leave out
 * @func: called for each mdev with some of @adapters and control over some of @domains
 * @data: for @func
 */
void
ap_inventory_foreach_control(ApInventory *inventory, const ApMask *adapters, const ApMask *domains,
                             const char *uuid, ApOverlapFunc func, gpointer data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApInventory, ap_inventory_free)
