/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Judges a change of something that is there already. */
#include "node_device/conflict/ap_conflict_change.h"

#include <string.h>

#include "conf/ap_mdevctl_json.h"
#include "node_device/conflict/ap_conflict_priv.h"
#include "util/ap_error.h"


/* All that is found, also what settling would merge: each finding is forgiven by itself. */
static GPtrArray *
judge(ApInventory *inventory, const ApCandidate *candidate, ApPhase phase)
{
    GPtrArray *findings = ap_finding_list_new();

    ap_judge_phases(inventory, candidate, AP_PHASE_BIT(phase), FALSE, findings);
    return findings;
}


/* A change is refused only for what it adds: a host with old overlaps must stay repairable.
 * Nobody knows what a matrix adds to one that cannot be read, unless it only shrinks. */
static void
forgive_known(GPtrArray *findings, const GPtrArray *known, gboolean shrinks)
{
    for (guint i = 0; i < findings->len; i++) {
        ApFinding *finding = findings->pdata[i];
        gboolean is_known = ap_finding_is_known(finding, known);

        if (finding->code == AP_CODE_UNREADABLE)
            is_known = shrinks && (is_known || !finding->at_boot);
        if (is_known)
            finding->severity = MIN(finding->severity, AP_SEVERITY_WARN);
    }
}


/* What the old definition was to blame for as well. Making it start at boot adds what it meets
 * there. */
static void
forgive_defined(ApInventory *inventory, const char *uuid, const ApMdevDef *def, GPtrArray *findings)
{
    const ApMdev *mdev = ap_inventory_find(inventory, uuid);
    const ApDefinition *old = mdev ? mdev->definition : NULL;
    const ApCandidate before = { .uuid = uuid, .def = old ? old->def : NULL };
    g_autoptr(GPtrArray) known = NULL;
    ApMatrix matrix = { 0 };

    if (!old)
        return;
    known = judge(inventory, &before, AP_PHASE_DEFINE);
    /* Guests that cannot be listed may start the old definition at boot; that is no excuse. */
    if (def->autostart && !old->def->autostart && !ap_inventory_get_guests(inventory)) {
        for (guint i = 0; i < known->len; i++)
            ((ApFinding *)known->pdata[i])->at_boot = FALSE;
    }
    forgive_known(findings, known,
                  (old->def->autostart || !def->autostart) && old->valid &&
                      ap_mdev_def_replay(def, NULL, NULL, &matrix, NULL) &&
                      ap_matrix_is_within(&matrix, &old->matrix));
}


static void
forgive_live(ApInventory *inventory, const char *uuid, const ApMdevDef *def, GPtrArray *findings)
{
    const ApMdev *mdev = ap_inventory_find(inventory, uuid);
    ApCandidate before = { .uuid = uuid, .active = TRUE };
    g_autoptr(GPtrArray) known = NULL;
    ApMatrix matrix = { 0 };

    if (!mdev || !mdev->active)
        return;
    before.matrix = mdev->live;
    known = judge(inventory, &before, AP_PHASE_LIVE);
    forgive_known(findings, known,
                  ap_mdev_def_replay(def, NULL, NULL, &matrix, NULL) &&
                      ap_matrix_is_within(&matrix, &mdev->live));
}


/* What the mdev holds already may always be made persistent, but not to start at boot whatever it
 * meets then. */
static void
forgive_held(GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        ApFinding *finding = findings->pdata[i];

        if (!finding->at_boot)
            finding->severity = MIN(finding->severity, AP_SEVERITY_WARN);
    }
}


/* mdevctl is about to write the definition: what it said before does not count. */
static void
forgive_replaced(const ApRoot *root, const char *uuid, GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        ApFinding *finding = findings->pdata[i];
        g_autoptr(GError) error = NULL;
        g_autoptr(ApDefinition) old = NULL;

        if (finding->code != AP_CODE_UNREADABLE)
            continue;
        old = ap_defs_read(root, uuid, &error);
        if (!old && strcmp(finding->message, error->message) == 0)
            finding->severity = MIN(finding->severity, AP_SEVERITY_WARN);
    }
}


static gboolean
equals_live(ApInventory *inventory, const char *uuid, const ApMdevDef *def)
{
    const ApMdev *mdev = ap_inventory_find(inventory, uuid);
    ApMatrix matrix;

    return mdev && mdev->active && ap_mdev_def_replay(def, NULL, NULL, &matrix, NULL) &&
           ap_matrix_equal(&matrix, &mdev->live);
}


/* `mdevctl define` of an active mdev without attributes means what it holds: mdevctl asks us for
 * them later. */
static ApMdevDef *
complete_def(ApInventory *inventory, const char *uuid, const ApMdevDef *def, gboolean is_modify)
{
    const ApMdev *mdev = ap_inventory_find(inventory, uuid);
    ApMdevDef *copy = ap_mdev_def_copy(def);

    if (def->attrs->len == 0 && !is_modify && mdev && mdev->active)
        ap_mdev_def_add_matrix(copy, &mdev->live, FALSE);
    return copy;
}


GPtrArray *
ap_change_check_definition(ApInventory *inventory, const ApRoot *root, const char *uuid,
                           const ApMdevDef *def, gboolean is_modify)
{
    g_autoptr(ApMdevDef) whole = complete_def(inventory, uuid, def, is_modify);
    const ApCandidate candidate = { .uuid = uuid, .def = whole };
    GPtrArray *findings = judge(inventory, &candidate, AP_PHASE_DEFINE);

    forgive_replaced(root, uuid, findings);
    if (equals_live(inventory, uuid, whole))
        forgive_held(findings);
    if (is_modify)
        forgive_defined(inventory, uuid, whole, findings);
    ap_finding_list_settle(findings);
    return findings;
}


GPtrArray *
ap_change_check_live(ApInventory *inventory, const char *uuid, const ApMdevDef *def)
{
    const ApCandidate candidate = { .uuid = uuid, .def = def };
    GPtrArray *findings = judge(inventory, &candidate, AP_PHASE_LIVE);

    if (equals_live(inventory, uuid, def))
        forgive_held(findings);
    else
        forgive_live(inventory, uuid, def, findings);
    ap_finding_list_settle(findings);
    return findings;
}


gboolean
ap_change_only_becomes_manual(const ApRoot *root, const char *uuid, const ApMdevDef *def)
{
    g_autoptr(ApDefinition) old = ap_defs_read(root, uuid, NULL);
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    if (!old || def->autostart)
        return FALSE;
    old->def->autostart = FALSE;
    before = ap_mdevctl_json_format(old->def);
    after = ap_mdevctl_json_format(def);
    return strcmp(before, after) == 0;
}
