/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the simulated kernel's attributes say: the show functions. Private to sim/. */
#pragma once

#include "node_device/sim/ap_sim_state.h"

/**
 * ApSimFile:
 * @name: name in its directory; NULL ends an array
 * @text: content, or what the link says
 * @is_link: whether it is a link
 */
typedef struct {
    const char *name;
    char *text;
    gboolean is_link;
} ApSimFile;

/**
 * ap_sim_files_free:
 * @files: (array zero-terminated=1): files
 */
void
ap_sim_files_free(ApSimFile *files);

/**
 * ap_sim_view_static_bus:
 * @state: a state
 *
 * Returns: (array zero-terminated=1): /sys/bus/ap, links to ap_sim_view_bus() included; the caller
 *   frees it with ap_sim_files_free().
 */
ApSimFile *
ap_sim_view_static_bus(const ApSimState *state);

/**
 * ap_sim_view_bus:
 * @state: a state
 *
 * Returns: (array zero-terminated=1): what changes of /sys/bus/ap; the caller frees it.
 */
ApSimFile *
ap_sim_view_bus(const ApSimState *state);

/**
 * ap_sim_view_card:
 * @card: a card
 *
 * Returns: (array zero-terminated=1): the card's own attributes; the caller frees it.
 */
ApSimFile *
ap_sim_view_card(const ApSimCard *card);

/**
 * ap_sim_view_queue_face:
 * @state: a state
 * @card: one of its cards
 * @domain: APQI
 *
 * Returns: a name that says everything ap_sim_view_queue() depends on; the caller frees it.
 */
char *
ap_sim_view_queue_face(const ApSimState *state, const ApSimCard *card, guint domain);

/**
 * ap_sim_view_queue:
 * @state: a state
 * @card: one of its cards
 * @domain: APQI
 *
 * Returns: (array zero-terminated=1): the queue's attributes; the caller frees it.
 */
ApSimFile *
ap_sim_view_queue(const ApSimState *state, const ApSimCard *card, guint domain);

/**
 * ap_sim_view_matrix:
 * @state: a state
 *
 * Returns: (array zero-terminated=1): /sys/devices/vfio_ap/matrix without its mdevs; the caller
 *   frees it.
 */
ApSimFile *
ap_sim_view_matrix(const ApSimState *state);

/**
 * ap_sim_view_mdev:
 * @state: a state
 * @mdev: one of its mdevs
 *
 * Returns: (array zero-terminated=1): what can be read of the mdev; the caller frees it.
 */
ApSimFile *
ap_sim_view_mdev(const ApSimState *state, const ApSimMdev *mdev);
