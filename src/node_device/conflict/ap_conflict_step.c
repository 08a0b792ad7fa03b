/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps that lead to a matrix: the kernel judges after each of them. */
#include <string.h>

#include "node_device/conflict/ap_conflict_priv.h"
#include "util/ap_error.h"

/* While the steps are replayed. */
typedef struct {
    ApJudge *judge;
    gboolean starts_at_boot;
    char *message; /* about the first step that is refused */
} Replay;

/* Another definition that a passing matrix is compared with. */
typedef struct {
    const ApMatrix *passing;
    const ApMatrix *final;
    const char *uuid; /* of the first that is in the way */
} Passing;


static gboolean
is_above(const ApMask *mask, int max)
{
    int id = max < 0 ? -1 : ap_mask_next(mask, max + 1);

    return id >= 0;
}


static gboolean
exceeds_limits(const ApHost *host, const ApMatrix *matrix)
{
    return is_above(&matrix->adapters, host->max_adapter) ||
           is_above(&matrix->domains, host->max_domain) ||
           is_above(&matrix->control_domains, host->max_domain);
}


/* The active mdev that @matrix shares a queue with, but the final matrix does not. */
static const ApActiveMdev *
find_passing_conflict(const ApJudge *judge, const ApMatrix *matrix)
{
    if (ap_matrix_is_within(matrix, &judge->matrix))
        return NULL;
    ap_inventory_get_mdevs(judge->inventory);
    for (guint i = 0; i < judge->host->mdevs->len; i++) {
        const ApActiveMdev *mdev = judge->host->mdevs->pdata[i];

        if (ap_matrix_overlaps(matrix, &mdev->matrix) &&
            !ap_matrix_overlaps(&judge->matrix, &mdev->matrix) &&
            g_strcmp0(mdev->uuid, judge->candidate->uuid) != 0)
            return mdev;
    }
    return NULL;
}


static void
note_passing(const ApMdev *mdev, gpointer data)
{
    const ApDefinition *definition = mdev->definition;
    Passing *passing = data;

    if (!passing->uuid && definition && definition->def->autostart &&
        ap_matrix_overlaps(passing->passing, &definition->matrix) &&
        !ap_matrix_overlaps(passing->final, &definition->matrix))
        passing->uuid = mdev->uuid;
}


/* What starts at boot starts beside others that do, in no certain order: why the kernel may refuse
 * @matrix then, though it is not the final one. */
static char *
find_boot_reason(ApJudge *judge, const ApMatrix *matrix)
{
    Passing passing = { .passing = matrix, .final = &judge->matrix };
    g_autofree char *why = NULL;
    g_autofree char *final_why = NULL;
    ApNextBoot *next;
    ApApqnSet owned;

    if (ap_matrix_is_within(matrix, &judge->matrix))
        return NULL;
    ap_inventory_foreach_overlap(judge->inventory, &matrix->adapters, &matrix->domains,
                                 judge->candidate->uuid, note_passing, &passing);
    if (passing.uuid)
        return g_strdup_printf("in between it takes a queue of mdev %s, which starts at boot, too",
                               passing.uuid);
    next = judge->host->has_bus ? ap_inventory_get_next_boot(judge->inventory) : NULL;
    if (next && next->known && ap_next_boot_owns_any(next, matrix, &owned, &why) &&
        !ap_next_boot_owns_any(next, &judge->matrix, &owned, &final_why))
        return g_strdup_printf("in between it takes a queue that is the host's at boot: %s", why);
    return NULL;
}


/* unassign_* compares with the limits as assign_* does, though the matrix never holds the id. */
static gboolean
unassigns_beyond(const ApHost *host, const ApMdevAttr *attr)
{
    int max = strcmp(attr->name, "unassign_adapter") == 0 ? host->max_adapter : host->max_domain;
    guint64 id;

    return g_str_has_prefix(attr->name, "unassign_") && max >= 0 &&
           ap_attr_parse(attr->value, &id, NULL) && id > (guint64)max;
}


/* Why the kernel would refuse this step; NULL if it would not. Looks only for what the final matrix
 * is not to blame for: the other rules tell that. */
static char *
find_reason(const ApJudge *judge, const ApMdevAttr *attr, const ApMatrix *matrix)
{
    const ApActiveMdev *mdev;

    if (!ap_matrix_is_subset(matrix, &judge->matrix)) {
        mdev = find_passing_conflict(judge, matrix);
        if (mdev)
            return g_strdup_printf("in between it takes a queue of mdev %s", mdev->uuid);
        if (ap_host_owns_any(judge->host, matrix, NULL) &&
            !ap_host_owns_any(judge->host, &judge->matrix, NULL))
            return g_strdup("in between it takes a queue of the host's own drivers");
        if (exceeds_limits(judge->host, matrix) && !exceeds_limits(judge->host, &judge->matrix))
            return g_strdup("in between it takes an id above what this machine has");
    }
    if (unassigns_beyond(judge->host, attr))
        return g_strdup("the id is above what this machine has");
    if (strcmp(attr->name, "ap_config") == 0 && judge->host->has_vfio_ap &&
        !judge->host->has_ap_config)
        return g_strdup("this kernel has no ap_config (6.10 has)");
    return NULL;
}


static void
replay_step(guint step, const ApMdevAttr *attr, const ApMatrix *matrix, gpointer data)
{
    Replay *replay = data;
    g_autofree char *value = NULL;
    g_autofree char *reason = NULL;

    if (replay->message)
        return;
    reason = find_reason(replay->judge, attr, matrix);
    if (!reason && replay->starts_at_boot)
        reason = find_boot_reason(replay->judge, matrix);
    if (!reason)
        return;
    value = ap_text_printable(attr->value);
    replay->message = g_strdup_printf("attribute %u (%s %s) would be refused: %s", step,
                                      attr->name, value, reason);
}


static void
judge_order(ApJudge *judge)
{
    const ApMdevDef *def = judge->candidate->def;
    Replay replay = {
        .judge = judge,
        .starts_at_boot = def->autostart && judge->phase == AP_PHASE_DEFINE,
    };
    ApMatrix final;

    ap_mdev_def_replay(def, replay_step, &replay, &final, NULL);
    judge->at_boot = def->autostart && replay.message;
    if (replay.message)
        ap_judge_report(judge, AP_CODE_BAD_STEP, AP_WEIGHT_USUAL, NULL, NULL, replay.message,
                        g_strdup("assign what the final matrix has, each id once, and nothing "
                                 "else"));
    judge->at_boot = FALSE;
}


gboolean
ap_judge_steps(ApJudge *judge)
{
    const ApMdevDef *def = judge->candidate->def;
    g_autoptr(GError) error = NULL;

    if (!def) {
        judge->matrix = judge->candidate->matrix;
        return TRUE;
    }
    if (!ap_mdev_def_replay(def, NULL, NULL, &judge->matrix, &error)) {
        if (judge->phase != AP_PHASE_GUEST)
            ap_judge_refuse(judge, AP_CODE_BAD_STEP, g_strdup(error->message),
                            g_strdup("the kernel refuses it, and the mdev cannot start"));
        return FALSE;
    }
    /* A live change is one write of ap_config: there is nothing in between. */
    if (judge->phase == AP_PHASE_DEFINE || judge->phase == AP_PHASE_START)
        judge_order(judge);
    return TRUE;
}
