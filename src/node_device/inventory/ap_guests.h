/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of who uses what: libvirt's guests with vfio-ap hostdevs.
 *
 * ap_guests_load() needs libxml2, which costs the callout more than all else that it does. So the
 * callout has the program libvirt-ap-guests load them, and only after a conflict. */
#pragma once

#include "conf/ap_guest_view.h"
#include "util/ap_matrix.h"
#include "util/ap_root.h"

/* Where libvirt keeps its guests' definitions. */
#define AP_GUESTS_DIR "/etc/libvirt/qemu"
#define AP_GUESTS_AUTOSTART_DIR AP_GUESTS_DIR "/autostart"

/**
 * ApGuest:
 * @name: its name
 * @uuid: its UUID in lower case
 * @state: as virsh prints it: "running", "paused", "shut off", ...; "unknown" if what tells it
 *   cannot be read
 * @persistent: whether it is defined, so that it is there after a boot
 * @autostart: whether libvirt starts it at boot
 * @autostart_hidden: whether that cannot be read
 * @mdevs: (element-type utf8): UUIDs that its definition or its running instance names
 * @held: (element-type utf8): those that the running instance has, or the starting one is to have
 * @view: what keeps it from its queues; of a guest that runs, its running instance counts
 * @asks_pool: whether its metadata asks a pool for queues: what mdev it has is made when it starts
 * @has_matrix: whether its metadata describes the matrix that it brings with it
 * @matrix: that matrix
 */
typedef struct {
    char *name;
    char *uuid;
    char *state;
    gboolean persistent;
    gboolean autostart;
    gboolean autostart_hidden;
    GPtrArray *mdevs;
    GPtrArray *held;
    ApGuestView view;
    gboolean has_matrix;
    gboolean asks_pool;
    ApMatrix matrix;
} ApGuest;

/**
 * ap_guests_load:
 * @root: a root
 * @problems: (element-type ApProblem): where to note what cannot be read
 *
 * Reads /etc/libvirt/qemu and the status files in /run/libvirt/qemu. Where the root has a /proc,
 * a status file counts only while its process lives.
 *
 * Returns: (element-type ApGuest): the guests, sorted by name; the caller unrefs it.
 */
GPtrArray *
ap_guests_load(const ApRoot *root, GPtrArray *problems);

/**
 * ap_guests_bring_matrices:
 * @root: a root
 *
 * Only looks for the name of our metadata in the files: libvirt writes it literally.
 *
 * Returns: whether some guest's definition may describe a matrix that it brings with it; also where
 *   that cannot be read.
 */
gboolean
ap_guests_bring_matrices(const ApRoot *root);

/**
 * ap_guests_is_alive:
 * @root: a root
 * @pid: process id in a status file
 * @uuid: (nullable): the guest's UUID
 *
 * libvirt gives QEMU the guest's UUID as an argument, so that another process with the same id is
 * told from it. A captured host has no /proc; it was looked at when it was captured.
 *
 * Returns: whether the QEMU of a status file still runs.
 */
gboolean
ap_guests_is_alive(const ApRoot *root, int pid, const char *uuid);

/**
 * ap_guests_to_json:
 * @guests: (element-type ApGuest): guests
 * @problems: (element-type ApProblem): what could not be read
 *
 * Returns: what libvirt-ap-guests prints; the caller frees it.
 */
char *
ap_guests_to_json(const GPtrArray *guests, const GPtrArray *problems);

/**
 * ap_guests_from_json:
 * @text: what libvirt-ap-guests printed
 * @problems: (element-type ApProblem): where to add what it could not read
 *
 * Returns: (nullable) (element-type ApGuest): the guests, NULL if @text is cut or not of that
 *   program; the caller unrefs it.
 */
GPtrArray *
ap_guests_from_json(const char *text, GPtrArray *problems);

/**
 * ap_guest_new:
 * @name: its name
 * @uuid: (nullable): its UUID
 * @state: its state
 *
 * A name with a line break, which libvirt refuses, is kept as ap_text_escape() leaves it: messages
 * have lines of their own.
 *
 * Returns: a guest without mdevs; the caller frees it with ap_guest_free().
 */
ApGuest *
ap_guest_new(const char *name, const char *uuid, const char *state);

/**
 * ap_guest_free:
 * @guest: (nullable): a guest
 */
void
ap_guest_free(ApGuest *guest);

/**
 * ap_guest_add_mdev:
 * @guest: a guest
 * @uuid: UUID of an mdev
 * @held: whether the running instance has it
 *
 * Adds it unless it is there.
 */
void
ap_guest_add_mdev(ApGuest *guest, const char *uuid, gboolean held);

/**
 * ap_guest_is_same:
 * @a: a guest
 * @b: a guest
 *
 * A guest is known by its UUID; another one may have, or have had, its name.
 *
 * Returns: whether they are one guest; of guests without a UUID the names are compared.
 */
gboolean
ap_guest_is_same(const ApGuest *a, const ApGuest *b);

/**
 * ap_guest_names:
 * @guest: a guest
 * @uuid: UUID of an mdev
 *
 * Returns: whether its definition or its running instance names the mdev.
 */
gboolean
ap_guest_names(const ApGuest *guest, const char *uuid);

/**
 * ap_guest_holds:
 * @guest: a guest
 * @uuid: UUID of an mdev
 *
 * Returns: whether its running instance has the mdev.
 */
gboolean
ap_guest_holds(const ApGuest *guest, const char *uuid);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApGuest, ap_guest_free)
