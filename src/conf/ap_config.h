/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration file, /etc/libvirt-ap/libvirt-ap.conf; libvirt-ap.conf(5) describes it. */
#pragma once

#include "conf/ap_policy.h"
#include "util/ap_apqn_set.h"
#include "util/ap_matrix.h"

#define AP_CONFIG_PATH "/etc/libvirt-ap/libvirt-ap.conf"

/**
 * ApPool:
 * @name: name of the pool
 * @adapters: adapters that belong to it
 * @domains: usage domains that belong to it
 * @control_domains: control domains that its guests may have beyond their own usage domains
 * @mode: (nullable): "cca", "ep11" or "accel": what its cards are; NULL: any; static
 * @min_generation: 7: its cards are CEX7 or later; 0: any
 * @guests: (array zero-terminated=1): names of the guests that may use its queues
 */
typedef struct {
    char *name;
    const char *mode;
    int min_generation;
    ApMask adapters;
    ApMask domains;
    ApMask control_domains;
    char **guests;
} ApPool;

/**
 * ApConfig:
 * @lock_timeout_s: how long to wait for the lock, in seconds, 0..600; default 30
 * @start_guests: whether the hook starts a guest's matrix that is only defined; default TRUE
 * @pools: (element-type ApPool): in the file's order
 *
 * The rest is private; see ap_config_get_severity().
 */
typedef struct {
    guint lock_timeout_s;
    gboolean start_guests;
    GPtrArray *pools;

    /*< private >*/
    int severities[AP_N_CODES][AP_N_PHASES]; /* -1: the default */
    GPtrArray *exceptions;
} ApConfig;

/**
 * ap_config_new:
 *
 * Returns: the configuration without a file; the caller releases it with
 *   ap_config_unref().
 */
ApConfig *
ap_config_new(void);

/**
 * ap_config_find_pool:
 * @config: a configuration
 * @name: name of a pool
 *
 * Returns: (nullable): the pool, borrowed.
 */
const ApPool *
ap_config_find_pool(const ApConfig *config, const char *name);

/**
 * ap_pool_has_guest:
 * @pool: a pool
 * @guest: name of a guest
 *
 * Returns: whether the guest may use its queues.
 */
gboolean
ap_pool_has_guest(const ApPool *pool, const char *guest);

/**
 * ap_config_parse:
 * @text: the file's content
 * @length: its length in bytes
 * @path: name of the file for messages
 * @error: return location
 *
 * Errors: AP_ERROR_CONFIG; the message names file, group and key.
 *
 * Returns: (nullable): the configuration; the caller releases it with
 *   ap_config_unref().
 */
ApConfig *
ap_config_parse(const char *text, gsize length, const char *path, GError **error);

/**
 * ap_config_ref:
 * @config: a configuration
 *
 * Returns: @config, held once more; the caller releases it with ap_config_unref().
 */
ApConfig *
ap_config_ref(ApConfig *config);

/**
 * ap_config_unref:
 * @config: (nullable): a configuration
 */
void
ap_config_unref(ApConfig *config);

/**
 * ap_config_get_severity:
 * @config: a configuration
 * @code: a code
 * @phase: the phase in which it was found
 * @severity: what it is by default
 * @mdevs: (array length=n): mdevs that the finding is about, NULL entries allowed
 * @guests: (array length=n): their guests, NULL entries allowed
 * @n: how many
 *
 * Returns: the severity that the file gives it: the last exception that names one of @mdevs,
 *   one of @guests or a pool of theirs; else [severity PHASE]; else [severity]; else @severity.
 */
ApSeverity
ap_config_get_severity(const ApConfig *config,
                       ApCode code,
                       ApPhase phase,
                       ApSeverity severity,
                       const char *const *mdevs,
                       const char *const *guests,
                       guint n);

/**
 * ap_config_may_reject:
 * @config: a configuration
 * @code: a code
 * @phase: a phase
 *
 * Returns: whether the file makes some case of @code a reason to refuse in @phase.
 */
gboolean
ap_config_may_reject(const ApConfig *config, ApCode code, ApPhase phase);

/**
 * ap_config_allows:
 * @config: a configuration
 * @guest: name of a guest
 * @matrix: a matrix that the guest brings with it
 * @ret_denied: (out caller-allocates): the APQNs of @matrix that no pool lists for the guest
 * @ret_control: (out): the control domains that it may not have
 *
 * Returns: whether pools give all of @matrix to the guest: each of its APQNs, and each control
 *   domain that is not one of its usage domains.
 */
gboolean
ap_config_allows(const ApConfig *config, const char *guest, const ApMatrix *matrix,
                 ApApqnSet *ret_denied, ApMask *ret_control);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApConfig, ap_config_unref)
