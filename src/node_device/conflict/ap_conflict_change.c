/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Judges a change of something that is there already. */
#include "node_device/conflict/ap_conflict_change.h"

#include <string.h>

#include "conf/ap_mdevctl_json.h"
#include "util/ap_error.h"


/* Whether @finding stands between two definitions of which the other starts at boot. */
static gboolean
concerns_autostart(ApInventory *inventory, const ApFinding *finding)
{
    const ApOwner *other =
        finding->other_mdev ? ap_inventory_find(inventory, finding->other_mdev) : NULL;

    return other && other->definition && other->definition->def->autostart;
}


/* A change is refused only for what it adds: a host with old overlaps must stay repairable.
 * Nobody knows what a matrix adds to one that cannot be read, unless it only shrinks. */
static void
forgive_known(GPtrArray *findings, const GPtrArray *known, gboolean shrinks)
{
    for (guint i = 0; i < findings->len; i++) {
        ApFinding *finding = findings->pdata[i];

        if (finding->code == AP_CODE_UNREADABLE ? shrinks : ap_finding_is_known(finding, known))
            finding->severity = MIN(finding->severity, AP_SEVERITY_WARN);
    }
}


/* Takes out what concerns others that start at boot too. */
static GPtrArray *
without_autostart(ApInventory *inventory, GPtrArray *known)
{
    GPtrArray *rest = g_ptr_array_new();

    for (guint i = 0; i < known->len; i++) {
        if (!concerns_autostart(inventory, known->pdata[i]))
            g_ptr_array_add(rest, known->pdata[i]);
    }
    return rest;
}


/* Making a definition start at boot adds its overlaps with those that do. */
static void
forgive_defined(ApInventory *inventory, const char *uuid, const ApMdevDef *def, GPtrArray *findings)
{
    const ApOwner *owner = ap_inventory_find(inventory, uuid);
    const ApDefinition *old = owner ? owner->definition : NULL;
    const ApCandidate before = { .uuid = uuid, .def = old ? old->def : NULL };
    g_autoptr(GPtrArray) known = NULL;
    g_autoptr(GPtrArray) still_known = NULL;
    gboolean becomes_auto;
    ApMatrix matrix = { 0 };

    if (!old)
        return;
    known = ap_conflict_check(inventory, &before, AP_PHASE_BIT(AP_PHASE_DEFINE));
    becomes_auto = def->autostart && !old->def->autostart;
    still_known = becomes_auto ? without_autostart(inventory, known) : g_ptr_array_ref(known);
    forgive_known(findings, still_known,
                  !becomes_auto && old->valid &&
                      ap_mdev_def_replay(def, NULL, NULL, &matrix, NULL) &&
                      ap_matrix_is_within(&matrix, &old->matrix));
}


static void
forgive_live(ApInventory *inventory, const char *uuid, const ApMdevDef *def, GPtrArray *findings)
{
    const ApOwner *owner = ap_inventory_find(inventory, uuid);
    ApCandidate before = { .uuid = uuid, .active = TRUE };
    g_autoptr(GPtrArray) known = NULL;
    ApMatrix matrix = { 0 };

    if (!owner || !owner->active)
        return;
    before.matrix = owner->live;
    known = ap_conflict_check(inventory, &before, AP_PHASE_BIT(AP_PHASE_LIVE));
    forgive_known(findings, known,
                  ap_mdev_def_replay(def, NULL, NULL, &matrix, NULL) &&
                      ap_matrix_is_within(&matrix, &owner->live));
}


/* What the mdev holds already may always be made persistent. */
static void
forgive_all(GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        ApFinding *finding = findings->pdata[i];

        finding->severity = MIN(finding->severity, AP_SEVERITY_WARN);
    }
}


/* mdevctl is about to write the definition anew: what stood there before does not count. */
static void
forgive_replaced(const ApRoot *root, const char *uuid, GPtrArray *findings)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ApDefinition) old = ap_defs_read(root, uuid, &error);

    for (guint i = 0; !old && i < findings->len; i++) {
        ApFinding *finding = findings->pdata[i];

        if (finding->code == AP_CODE_UNREADABLE && strcmp(finding->message, error->message) == 0)
            finding->severity = MIN(finding->severity, AP_SEVERITY_WARN);
    }
}


static gboolean
equals_live(ApInventory *inventory, const char *uuid, const ApMdevDef *def)
{
    const ApOwner *owner = ap_inventory_find(inventory, uuid);
    ApMatrix matrix;

    if (!owner || !owner->active)
        return FALSE;
    /* `mdevctl define` of an active mdev: the attributes are asked for later, of us. */
    if (def->attrs->len == 0)
        return TRUE;
    return ap_mdev_def_replay(def, NULL, NULL, &matrix, NULL) &&
           ap_matrix_equal(&matrix, &owner->live);
}


GPtrArray *
ap_change_check_definition(ApInventory *inventory, const ApRoot *root, const char *uuid,
                           const ApMdevDef *def, gboolean is_modify)
{
    const ApCandidate candidate = { .uuid = uuid, .def = def };
    GPtrArray *findings = ap_conflict_check(inventory, &candidate, AP_PHASE_BIT(AP_PHASE_DEFINE));

    forgive_replaced(root, uuid, findings);
    if (equals_live(inventory, uuid, def))
        forgive_all(findings);
    else if (is_modify)
        forgive_defined(inventory, uuid, def, findings);
    return findings;
}


GPtrArray *
ap_change_check_live(ApInventory *inventory, const char *uuid, const ApMdevDef *def)
{
    const ApCandidate candidate = { .uuid = uuid, .def = def };
    GPtrArray *findings = ap_conflict_check(inventory, &candidate, AP_PHASE_BIT(AP_PHASE_LIVE));

    if (equals_live(inventory, uuid, def))
        forgive_all(findings);
    else
        forgive_live(inventory, uuid, def, findings);
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
