/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Transactions. */
#include <string.h>

#include "node_device/txn/ap_txn_priv.h"
#include "util/ap_error.h"


static ApStep *
add_step(ApTxn *txn, ApStepKind kind, const char *name)
{
    ApStep *step = g_new0(ApStep, 1);

    step->kind = kind;
    step->name = g_strdup(name);
    g_ptr_array_add(txn->steps, step);
    return step;
}


void
ap_txn_add_file(ApTxn *txn, const char *path, GBytes *before, GBytes *after)
{
    ApStep *step = add_step(txn, AP_STEP_FILE, path);

    step->file_before = before ? g_bytes_ref(before) : NULL;
    step->file_after = after ? g_bytes_ref(after) : NULL;
}


void
ap_txn_add_create(ApTxn *txn, const char *uuid)
{
    add_step(txn, AP_STEP_CREATE, uuid);
}


/* Adds a step for each id of @ids, which is in one mask of @matrix or is to be in it. */
static void
add_bits(ApTxn *txn, const char *uuid, ApMatrix *matrix, gsize offset, const ApMask *ids,
         gboolean assign)
{
    for (int id = ap_mask_next(ids, 0); id >= 0; id = ap_mask_next(ids, id + 1)) {
        ApStep *step = add_step(txn, AP_STEP_MATRIX, uuid);
        ApMask *mask = G_STRUCT_MEMBER_P(matrix, offset);

        step->before = *matrix;
        if (assign)
            ap_mask_set(mask, id);
        else
            ap_mask_clear(mask, id);
        step->after = *matrix;
    }
}


void
ap_txn_add_matrix(ApTxn *txn, const char *uuid, const ApMatrix *before, const ApMatrix *after,
                  gboolean has_ap_config)
{
    static const gsize offsets[] = {
        G_STRUCT_OFFSET(ApMatrix, adapters),
        G_STRUCT_OFFSET(ApMatrix, domains),
        G_STRUCT_OFFSET(ApMatrix, control_domains),
    };
    ApMatrix matrix = *before;

    if (has_ap_config) {
        ApStep *step = add_step(txn, AP_STEP_MATRIX, uuid);

        step->before = *before;
        step->after = *after;
        step->whole = TRUE;
        return;
    }
    /* So each matrix on the way lies within @before or within @after: nobody else's queues. */
    for (guint pass = 0; pass < 2; pass++) {
        for (guint i = 0; i < G_N_ELEMENTS(offsets); i++) {
            const ApMask *old = G_STRUCT_MEMBER_P(before, offsets[i]);
            const ApMask *new = G_STRUCT_MEMBER_P(after, offsets[i]);
            ApMask ids = pass == 0 ? ap_mask_minus(old, new) : ap_mask_minus(new, old);

            add_bits(txn, uuid, &matrix, offsets[i], &ids, pass == 1);
        }
    }
}


void
ap_txn_add_remove(ApTxn *txn, const char *uuid)
{
    add_step(txn, AP_STEP_REMOVE, uuid);
}


/* Adds a step that sets or clears the bits of @ids, if there are any. */
static void
add_mask(ApTxn *txn, const char *name, ApMask *mask, const ApMask *ids, gboolean set)
{
    ApStep *step;

    if (ap_mask_is_empty(ids))
        return;
    step = add_step(txn, AP_STEP_MASK, name);
    step->mask_before = *mask;
    *mask = set ? ap_mask_or(mask, ids) : ap_mask_minus(mask, ids);
    step->mask_after = *mask;
}


void
ap_txn_add_masks(ApTxn *txn, const ApMask *apmask, const ApMask *aqmask, const ApMask *new_apmask,
                 const ApMask *new_aqmask)
{
    static const char *const names[] = { "apmask", "aqmask" };
    const ApMask *const old[] = { apmask, aqmask };
    const ApMask *const new[] = { new_apmask, new_aqmask };
    ApMask now[] = { *apmask, *aqmask };

    /* So the host never has more on the way than before or afterwards. */
    for (guint pass = 0; pass < 2; pass++) {
        for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
            ApMask ids = pass == 0 ? ap_mask_minus(old[i], new[i]) : ap_mask_minus(new[i], old[i]);

            add_mask(txn, names[i], &now[i], &ids, pass == 1);
        }
    }
}


void
ap_txn_add_override(ApTxn *txn, ApApqn apqn, const char *before, const char *after)
{
    g_autofree char *name = ap_apqn_to_string(apqn);
    ApStep *step = add_step(txn, AP_STEP_OVERRIDE, name);

    step->driver_before = g_strdup(before);
    step->driver_after = g_strdup(after);
}


/* @ret_begun is set on failure too: a step that failed may have done a part, or all. */
static gboolean
do_step(ApTxn *txn, const ApStep *step, gboolean *ret_begun, GError **error)
{
    *ret_begun = TRUE;
    if (step->kind == AP_STEP_FILE)
        return ap_step_file_do(txn->root, step, error);
    if (ap_step_is_of_bus(step))
        return ap_step_bus_do(txn->root, txn->kernel, step, ret_begun, error);
    return ap_step_mdev_do(txn->root, txn->kernel, step, ret_begun, error);
}


/* Undoes the first @n steps, the last one first. Goes on after an error, and returns the first. */
static gboolean
undo_steps(ApTxn *txn, guint n, gboolean same_boot, GError **error)
{
    g_autoptr(GError) first = NULL;

    for (guint i = n; i > 0; i--) {
        const ApStep *step = txn->steps->pdata[i - 1];
        GError **place = first ? NULL : &first;

        if (step->kind == AP_STEP_FILE)
            ap_step_file_undo(txn->root, step, place);
        else if (same_boot && ap_step_is_of_bus(step))
            ap_step_bus_undo(txn->root, txn->kernel, step, place);
        else if (same_boot)
            ap_step_mdev_undo(txn->root, txn->kernel, step, place);
    }
    if (!first)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}


/* Adds to @report which of the first @n steps left what is neither as before nor ours to undo. */
static gboolean
report_foreign(ApTxn *txn, guint n, gboolean same_boot, GString *report, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < n; i++) {
        const ApStep *step = txn->steps->pdata[i];
        gboolean is_before = TRUE;
        ApMatrix now = { 0 };
        gboolean active;

        /* The two steps of a mask concern other bits. */
        if (!ap_step_is_of_bus(step) && !g_hash_table_add(seen, step->name))
            continue;
        if (same_boot && ap_step_is_of_bus(step)) {
            if (!ap_step_bus_is(txn->root, step, FALSE, &is_before, error))
                return FALSE;
        } else if (step->kind == AP_STEP_FILE) {
            if (!ap_step_file_holds(txn->root, step->name, step->file_before, &is_before, error))
                return FALSE;
        } else if (same_boot) {
            if (!ap_step_mdev_read(txn->root, step->name, &active, &now, error))
                return FALSE;
            is_before = step->kind == AP_STEP_CREATE
                            ? !active
                            : active && (step->kind != AP_STEP_MATRIX ||
                                         ap_matrix_equal(&now, &step->before));
        }
        if (!is_before)
            g_string_append_printf(report, "\n%s was changed by somebody else meanwhile: left",
                                   step->name);
    }
    return TRUE;
}


/* Takes back the first @n_begun steps, of which the last one may have failed, and adds to @report
 * what was left. A file that somebody else changed has said so itself. */
static gboolean
take_back(ApTxn *txn, guint failed, guint n_begun, GString *report, GError **error)
{
    const ApStep *step = txn->steps->pdata[failed];
    guint n = step->kind == AP_STEP_MATRIX || ap_step_is_of_bus(step) ? n_begun : failed;

    return undo_steps(txn, n_begun, TRUE, error) && report_foreign(txn, n, TRUE, report, error);
}


/* Takes back what was begun before @cause, and makes @error of both. */
static void
roll_back(ApTxn *txn, guint failed, guint n_begun, const GError *cause, GError **error)
{
    const ApStep *step = txn->steps->pdata[failed];
    gboolean is_pending = step->kind == AP_STEP_REMOVE && n_begun > failed;
    g_autofree char *message = ap_error_message(cause);
    const char *hint = ap_error_hint(cause);
    g_autoptr(GString) left = g_string_new(NULL);
    g_autoptr(GError) local = NULL;

    if (!take_back(txn, failed, n_begun, left, &local)) {
        g_autofree char *why = ap_error_message(local);

        g_set_error(error, AP_ERROR, cause->code,
                    "%s; and what was done before cannot be undone: %s\n"
                    "when that is mended: virt-ap recover",
                    message, why);
    } else if (!ap_txn_journal_close(txn, &local)) {
        g_set_error(error, AP_ERROR, cause->code, "%s; it was undone, but %s\nvirt-ap recover",
                    message, local->message);
    } else {
        g_set_error(error, AP_ERROR, cause->code, "%s%s%s%s%s", message,
                    is_pending || left->len > 0 ? "" : "; nothing was changed", left->str,
                    hint[0] ? "\n" : "", hint);
    }
}


gboolean
ap_txn_run(ApTxn *txn, GError **error)
{
    g_autoptr(GError) last = NULL;

    if (txn->steps->len == 0)
        return TRUE;
    if (!ap_txn_journal_open(txn, error))
        return FALSE;
    for (guint i = 0; i < txn->steps->len; i++) {
        g_autoptr(GError) local = NULL;
        gboolean begun;

        if (!do_step(txn, txn->steps->pdata[i], &begun, &local)) {
            roll_back(txn, i, begun ? i + 1 : i, local, error);
            return FALSE;
        }
    }
    if (ap_txn_journal_close(txn, &last))
        return TRUE;
    g_set_error(error, AP_ERROR, last->code, "%s is done, but %s\nvirt-ap recover", txn->verb,
                last->message);
    return FALSE;
}


/* What the mdev is to hold in the end; FALSE if no step says. */
static gboolean
get_last_matrix(const ApTxn *txn, const char *uuid, ApMatrix *ret_matrix)
{
    for (guint i = txn->steps->len; i > 0; i--) {
        const ApStep *step = txn->steps->pdata[i - 1];

        if (step->kind == AP_STEP_MATRIX && strcmp(step->name, uuid) == 0) {
            *ret_matrix = step->after;
            return TRUE;
        }
    }
    return FALSE;
}


static gboolean
is_mdev_done(ApTxn *txn, const ApStep *step, gboolean *ret_done, GError **error)
{
    ApMatrix wanted;
    ApMatrix now = { 0 };
    gboolean active;

    if (!ap_step_mdev_read(txn->root, step->name, &active, &now, error))
        return FALSE;
    if (step->kind == AP_STEP_REMOVE)
        *ret_done = !active;
    else
        *ret_done = active && (!get_last_matrix(txn, step->name, &wanted) ||
                               ap_matrix_equal(&now, &wanted));
    return TRUE;
}


/* Whether everything is as after the last step. */
static gboolean
is_done(ApTxn *txn, gboolean same_boot, gboolean *ret_done, GError **error)
{
    *ret_done = TRUE;
    for (guint i = 0; i < txn->steps->len && *ret_done; i++) {
        const ApStep *step = txn->steps->pdata[i];

        if (step->kind == AP_STEP_FILE) {
            if (!ap_step_file_holds(txn->root, step->name, step->file_after, ret_done, error))
                return FALSE;
        } else if (same_boot && ap_step_is_of_bus(step)) {
            if (!ap_step_bus_is(txn->root, step, TRUE, ret_done, error))
                return FALSE;
        } else if (same_boot && !is_mdev_done(txn, step, ret_done, error)) {
            return FALSE;
        }
    }
    return TRUE;
}


static gboolean
tidy(ApTxn *txn, GError **error)
{
    for (guint i = 0; i < txn->steps->len; i++) {
        const ApStep *step = txn->steps->pdata[i];

        if (step->kind == AP_STEP_FILE && !ap_step_file_tidy(txn->root, step, error))
            return FALSE;
    }
    return TRUE;
}


static gboolean
concerns(const ApTxn *txn, gboolean (*is_meant)(const ApStep *step))
{
    for (guint i = 0; i < txn->steps->len; i++) {
        if (is_meant(txn->steps->pdata[i]))
            return TRUE;
    }
    return FALSE;
}


static gboolean
is_file(const ApStep *step)
{
    return step->kind == AP_STEP_FILE;
}


/* What is there to say of a change that is not to be undone. What it did in the kernel does not
 * outlive a boot. */
static const char *
describe_end(const ApTxn *txn, gboolean same_boot)
{
    if (same_boot)
        return "was complete";
    if (concerns(txn, ap_step_is_of_bus))
        return concerns(txn, is_file)
                   ? "its files are complete; the masks and drivers of then ended with that boot"
                   : "nothing is left of it: the masks and drivers of then ended with that boot";
    return concerns(txn, is_file) ? "its files are complete; active matrices ended with that boot"
                               : "nothing is left of it: active matrices ended with that boot";
}


static gboolean
recover_open(ApTxn *txn, GString *report, GError **error)
{
    g_autoptr(ApTxn) now = ap_txn_new(txn->root, txn->kernel, "");
    gboolean same_boot = strcmp(now->boot, txn->boot) == 0;
    gboolean done;

    if (!ap_txn_check_boot(now, error) || !is_done(txn, same_boot, &done, error))
        return FALSE;
    g_string_append_printf(report, "%s%s: ", txn->verb, same_boot ? "" : " (of an earlier boot)");
    if (done) {
        if (!tidy(txn, error))
            return FALSE;
        g_string_append(report, describe_end(txn, same_boot));
    } else {
        if (!undo_steps(txn, txn->steps->len, same_boot, error))
            return FALSE;
        g_string_append(report, "undone");
        if (!report_foreign(txn, txn->steps->len, same_boot, report, error))
            return FALSE;
    }
    return ap_txn_journal_close(txn, error);
}


gboolean
ap_txn_recover(const ApRoot *root, ApKernel *kernel, char **ret_report, GError **error)
{
    g_autoptr(GString) report = g_string_new(NULL);
    g_autoptr(GError) local = NULL;
    g_autoptr(ApTxn) txn = ap_txn_journal_load(root, kernel, &local);

    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    if (!txn)
        g_string_append(report, "there is nothing to recover");
    else if (!recover_open(txn, report, error))
        return FALSE;
    *ret_report = g_string_free(g_steal_pointer(&report), FALSE);
    return TRUE;
}
