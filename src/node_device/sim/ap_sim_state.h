/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the simulated kernel knows, and its text form. Private to sim/. */
#pragma once

#include "util/ap_matrix.h"

/* Kernels that differ in what AP does; each is the first of its kind but 6.12. */
typedef enum {
    AP_SIM_4_20, /* queues must be bound; nothing changes while a guest has the mdev */
    AP_SIM_6_0,  /* over-provisioning, hot plug, guest_matrix, status, in-use masks */
    AP_SIM_6_10, /* ap_config, features */
    AP_SIM_6_12,
    AP_SIM_7_2,  /* driver_override, masks refused for the whole adapter or domain */
} ApSimGeneration;

/**
 * ApSimCard:
 * @adapter: APID
 * @type: hardware type, 10 (CEX4) to 14 (CEX8)
 * @mode: "cca", "ep11" or "accel"
 * @configured: whether it is
 * @checkstopped: whether it is
 * @host: domains whose queue is bound to cex4queue
 * @guest: domains whose queue is bound to vfio_ap
 * @failed: domains whose queue's last reset by vfio_ap failed (6.0 alone minds)
 * @object: serial of the state that its published form was made for
 */
typedef struct {
    guint adapter;
    guint type;
    char *mode;
    gboolean configured;
    gboolean checkstopped;
    ApMask host;
    ApMask guest;
    ApMask failed;
    guint object;
} ApSimCard;

/**
 * ApSimMdev:
 * @uuid: in lower case
 * @matrix: what was assigned
 * @shadow: what a guest has of it
 * @is_open: whether a guest has it open
 * @object: serial of the state that its published form was made for
 */
typedef struct {
    char *uuid;
    ApMatrix matrix;
    ApMatrix shadow;
    gboolean is_open;
    guint object;
} ApSimMdev;

/**
 * ApSimState:
 * @serial: counts the states
 * @generation: which kernel
 * @apxa: whether there is AP extended addressing
 * @max_adapter: QCI's highest adapter id
 * @max_domain: QCI's highest domain id
 * @config: QCI's masks
 * @apmask: adapters of the host's own drivers
 * @aqmask: domains of the host's own drivers
 * @boot_apmask: @apmask after a boot
 * @boot_aqmask: @aqmask after a boot
 * @cards: (element-type ApSimCard): ascending
 * @mdevs: (element-type ApSimMdev): in order of creation
 * @overrides: (element-type utf8 utf8): driver_override by name of the queue, "05.0047"
 */
typedef struct {
    guint serial;
    ApSimGeneration generation;
    gboolean apxa;
    guint max_adapter;
    guint max_domain;
    ApMatrix config;
    ApMask apmask;
    ApMask aqmask;
    ApMask boot_apmask;
    ApMask boot_aqmask;
    GPtrArray *cards;
    GPtrArray *mdevs;
    GHashTable *overrides;
} ApSimState;

/**
 * ap_sim_generation_from_string:
 * @text: "4.20", "6.0", "6.10", "6.12" or "7.2"
 * @ret_generation: (out): which kernel; untouched on failure
 *
 * Returns: whether @text names one.
 */
gboolean
ap_sim_generation_from_string(const char *text, ApSimGeneration *ret_generation);

/**
 * ap_sim_state_new:
 *
 * Returns: an empty state; the caller frees it with ap_sim_state_free().
 */
ApSimState *
ap_sim_state_new(void);

/**
 * ap_sim_state_free:
 * @state: (nullable): a state
 */
void
ap_sim_state_free(ApSimState *state);

/**
 * ap_sim_state_add_card:
 * @state: a state
 * @adapter: APID
 *
 * Returns: the new card, borrowed; nothing of it is set.
 */
ApSimCard *
ap_sim_state_add_card(ApSimState *state, guint adapter);

/**
 * ap_sim_state_find_card:
 * @state: a state
 * @adapter: APID
 *
 * Returns: (nullable): the card, borrowed.
 */
ApSimCard *
ap_sim_state_find_card(const ApSimState *state, guint adapter);

/**
 * ap_sim_state_add_mdev:
 * @state: a state
 * @uuid: in lower case
 *
 * Returns: the new mdev, borrowed.
 */
ApSimMdev *
ap_sim_state_add_mdev(ApSimState *state, const char *uuid);

/**
 * ap_sim_state_find_mdev:
 * @state: a state
 * @uuid: in lower case
 *
 * Returns: (nullable): the mdev, borrowed.
 */
ApSimMdev *
ap_sim_state_find_mdev(const ApSimState *state, const char *uuid);

/**
 * ap_sim_state_parse:
 * @text: what ap_sim_state_format() made
 * @error: return location
 *
 * Errors: AP_ERROR_CONFIG.
 *
 * Returns: (nullable): the state; the caller frees it.
 */
ApSimState *
ap_sim_state_parse(const char *text, GError **error);

/**
 * ap_sim_state_format:
 * @state: a state
 *
 * Returns: its text, a GKeyFile; the caller frees it.
 */
char *
ap_sim_state_format(const ApSimState *state);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApSimState, ap_sim_state_free)
