/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What holds after the next boot: the masks and the drivers that the files of this host lead to.
 * The one place that computes it, for check, callout, hook and doctor alike. */
#pragma once

#include "node_device/inventory/ap_host.h"
#include "util/ap_apqn_set.h"

/* Where chzdev keeps the masks. */
#define AP_NEXT_BOOT_CHZDEV_RULE "/etc/udev/rules.d/41-ap.rules"

#define AP_NEXT_BOOT_CMDLINE "/proc/cmdline"

/* driverctl's records: a file of the driver's name for each queue, "ap-05.0047". */
#define AP_NEXT_BOOT_RECORDS "/etc/driverctl.d"
#define AP_NEXT_BOOT_RECORD_PREFIX "ap-"

/* Where udev looks for rules: of files with one name the first counts. NULL-terminated. */
extern const char *const ap_next_boot_rule_dirs[];

/* Whose settings tell what the initrd loads, NULL-terminated. */
extern const char *const ap_next_boot_initrd_files[];
extern const char *const ap_next_boot_initrd_dirs[];

/**
 * ApBootMasks:
 * @apmask: adapters of the host's own drivers
 * @aqmask: their domains
 * @apmask_by: (nullable): the file that sets @apmask last; NULL: the kernel itself
 * @aqmask_by: (nullable): the file that sets @aqmask last; NULL: the kernel itself
 * @because: (nullable): why it may come like this though the files mean something else; NULL for
 *   what they mean
 * @mend: (nullable): what to do against that
 */
typedef struct {
    ApMask apmask;
    ApMask aqmask;
    const char *apmask_by;
    const char *aqmask_by;
    const char *because;
    const char *mend;
} ApBootMasks;

/**
 * ApNextBoot:
 * @known: whether all that decides could be read; if not, any queue may be the host's
 * @why_unknown: (nullable): if not, one sentence that names the file
 * @denied: whether it is that this user may not read it
 * @has_cmdline: whether the kernel's command line is known; if not, the masks of now stand for it
 * @cmdline_sets: whether it sets a mask
 * @booted_apmask: adapters of the host's own drivers before any rule acts
 * @booted_aqmask: their domains
 * @rules: (element-type utf8): the udev rules that set masks, in their order
 * @outcomes: (element-type ApBootMasks): how it may come; first what the files mean, the others
 *   where a rule may miss its event or has conditions that cannot be judged
 *
 * The next command line may be another: what stands in /proc/cmdline now is what there is to go
 * by.
 */
typedef struct {
    gboolean known;
    char *why_unknown;
    gboolean denied;
    gboolean has_cmdline;
    gboolean cmdline_sets;
    ApMask booted_apmask;
    ApMask booted_aqmask;
    GPtrArray *rules;
    GArray *outcomes;

    /*< private >*/
    ApHost *host;
    GHashTable *records;       /* APQN -> driver */
    GPtrArray *override_rules; /* texts of rules that set driver_override */
    const char *no_restorer;   /* why the records have no effect; NULL if they have */
    GPtrArray *strings;
} ApNextBoot;

/**
 * ap_next_boot_load:
 * @host: a host; must live as long as what is returned
 * @problems: (element-type ApProblem): where to note what cannot be read
 *
 * Returns: what the next boot makes of it; the caller frees it with ap_next_boot_free().
 */
ApNextBoot *
ap_next_boot_load(ApHost *host, GPtrArray *problems);

/**
 * ap_next_boot_load_as_if:
 * @host: a host; must live as long as what is returned
 * @rule: (nullable): what AP_NEXT_BOOT_CHZDEV_RULE would hold; NULL: as if it were not there
 * @problems: (element-type ApProblem): where to note what cannot be read
 *
 * Returns: what the next boot would make of it; the caller frees it with ap_next_boot_free().
 */
ApNextBoot *
ap_next_boot_load_as_if(ApHost *host, const char *rule, GPtrArray *problems);

/**
 * ap_next_boot_free:
 * @next: (nullable): a next boot
 */
void
ap_next_boot_free(ApNextBoot *next);

/**
 * ap_next_boot_get_masks:
 * @next: a next boot
 *
 * Returns: the masks that the files mean, borrowed.
 */
const ApBootMasks *
ap_next_boot_get_masks(const ApNextBoot *next);

/**
 * ap_next_boot_owns_any:
 * @next: a next boot that is known
 * @matrix: a matrix
 * @ret_owned: (out caller-allocates): the APQNs that the host's own drivers may have then
 * @ret_why: (out): a text that follows "after the next boot: " and names the file that decides;
 *   untouched if there are none; the caller frees it
 *
 * Of an APQN that one of the outcomes gives to the host nobody may rely on.
 *
 * Returns: whether there are any.
 */
gboolean
ap_next_boot_owns_any(ApNextBoot *next, const ApMatrix *matrix, ApApqnSet *ret_owned,
                      char **ret_why);

/**
 * ap_next_boot_has_records:
 * @next: a next boot
 *
 * Returns: whether driverctl keeps a driver_override of some queue.
 */
gboolean
ap_next_boot_has_records(const ApNextBoot *next);

/**
 * ap_next_boot_has_overrides:
 * @next: a next boot
 *
 * Returns: whether some file sets a driver_override at boot.
 */
gboolean
ap_next_boot_has_overrides(const ApNextBoot *next);

/**
 * ap_next_boot_is_mixed:
 * @next: a next boot
 *
 * Returns: whether files set masks and others driver_override: the kernel takes only one of them.
 */
gboolean
ap_next_boot_is_mixed(const ApNextBoot *next);

/**
 * ap_next_boot_is_in_force:
 * @next: a next boot
 *
 * Returns: whether the masks of now are those that the files mean; TRUE where either is not known.
 */
gboolean
ap_next_boot_is_in_force(const ApNextBoot *next);

/**
 * ap_next_boot_concerns_rule:
 * @text: a file of udev rules
 *
 * Returns: whether it is one of those that are looked at.
 */
gboolean
ap_next_boot_concerns_rule(const char *text);

/**
 * ap_next_boot_names_zcrypt:
 * @text: a file that says what the initrd loads, or its name
 *
 * Returns: whether it has zcrypt loaded there.
 */
gboolean
ap_next_boot_names_zcrypt(const char *text);

/**
 * ap_next_boot_format_mask:
 * @mask: a mask
 *
 * Returns: what chzdev takes for it, "0x00-0x04,0x06-0xff"; the caller frees it.
 */
char *
ap_next_boot_format_mask(const ApMask *mask);

/**
 * ap_next_boot_format_masks:
 * @apmask: adapters of the host
 * @aqmask: domains of the host
 * @how: an option, "--active" or "--persistent"
 *
 * Returns: the command of chzdev that sets them; the caller frees it.
 */
char *
ap_next_boot_format_masks(const ApMask *apmask, const ApMask *aqmask, const char *how);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApNextBoot, ap_next_boot_free)
