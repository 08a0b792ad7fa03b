/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of transactions share: the steps. */
#pragma once

#include "node_device/txn/ap_txn.h"

typedef enum {
    AP_STEP_FILE,
    AP_STEP_CREATE,
    AP_STEP_MATRIX,
    AP_STEP_REMOVE,
    AP_STEP_MASK,
    AP_STEP_OVERRIDE,
} ApStepKind;

/**
 * ApStep:
 * @kind: what it does
 * @name: the file, UUID of the mdev, "apmask" or "aqmask", or the queue
 * @file_before: (nullable): of a file
 * @file_after: (nullable): of a file
 * @before: of a matrix
 * @after: of a matrix
 * @whole: whether the matrix is written as a whole (ap_config), else it is one bit
 * @mask_before: of a mask of the bus
 * @mask_after: of a mask of the bus: bits were only set, or only cleared
 * @driver_before: (nullable): the queue's driver_override, "" if it has none
 * @driver_after: (nullable): the queue's driver_override, "" if it has none
 */
typedef struct {
    ApStepKind kind;
    char *name;
    GBytes *file_before;
    GBytes *file_after;
    ApMatrix before;
    ApMatrix after;
    gboolean whole;
    ApMask mask_before;
    ApMask mask_after;
    char *driver_before;
    char *driver_after;
} ApStep;

/**
 * ApTxn:
 * @root: the root
 * @kernel: its kernel
 * @verb: what is done
 * @boot: boot id, "" if it cannot be read
 * @steps: (element-type ApStep): in order
 * @fd: the journal while it is open, -1 else; the lock on it says that somebody works
 */
struct _ApTxn {
    const ApRoot *root;
    ApKernel *kernel;
    char *verb;
    char *boot;
    GPtrArray *steps;
    int fd;
};

/* ap_txn_journal.c: writes the journal, for good. AP_ERROR_REFUSED if there is one, AP_ERROR_IO. */
gboolean
ap_txn_journal_open(ApTxn *txn, GError **error);

/* ap_txn_journal.c: reads the journal and takes its lock; NULL without an error if there is none.
 * AP_ERROR_REFUSED: somebody works on it, damaged, a newer version; AP_ERROR_IO. */
ApTxn *
ap_txn_journal_load(const ApRoot *root, ApKernel *kernel, GError **error);

/* ap_txn_journal.c: FALSE if the boot id is not known: without it nobody could tell which steps in
 * the kernel still count. AP_ERROR_IO. */
gboolean
ap_txn_check_boot(const ApTxn *txn, GError **error);

/* ap_txn_journal.c: removes the journal: what is done is done. AP_ERROR_IO. */
gboolean
ap_txn_journal_close(ApTxn *txn, GError **error);

/* ap_txn_file.c. AP_ERROR_REFUSED if the file is another, AP_ERROR_IO. */
gboolean
ap_step_file_do(const ApRoot *root, const ApStep *step, GError **error);

/* ap_txn_file.c: AP_ERROR_IO. */
gboolean
ap_step_file_undo(const ApRoot *root, const ApStep *step, GError **error);

/* ap_txn_file.c: after a step was done: removes the old file, which may still stand beside the new
 * one. AP_ERROR_REFUSED if it is not what was judged (and then it is put back), AP_ERROR_IO. */
gboolean
ap_step_file_tidy(const ApRoot *root, const ApStep *step, GError **error);

/* ap_txn_file.c: whether the file holds @content (NULL: is not there). AP_ERROR_IO. */
gboolean
ap_step_file_holds(const ApRoot *root, const char *path, GBytes *content, gboolean *ret_holds,
                   GError **error);

/* ap_txn_mdev.c: @ret_begun is set on failure too: whether the kernel may have done it, or may do
 * it later. Errors as of ap_kernel.h, and AP_ERROR_IO. */
gboolean
ap_step_mdev_do(const ApRoot *root, ApKernel *kernel, const ApStep *step, gboolean *ret_begun,
                GError **error);

/* ap_txn_mdev.c. Errors as of ap_kernel.h, and AP_ERROR_IO. */
gboolean
ap_step_mdev_undo(const ApRoot *root, ApKernel *kernel, const ApStep *step, GError **error);

/* ap_txn_mdev.c: what the mdev holds; @ret_active FALSE if it is not there. AP_ERROR_IO and what
 * ap_host_read_matrix() says. */
gboolean
ap_step_mdev_read(const ApRoot *root, const char *uuid, gboolean *ret_active, ApMatrix *ret_matrix,
                  GError **error);

/* Whether the step is one of ap_txn_bus.c. */
gboolean
ap_step_is_of_bus(const ApStep *step);

/* ap_txn_bus.c: @ret_begun as of ap_step_mdev_do(). AP_ERROR_REFUSED also if somebody else has
 * changed it since it was judged, errors as of ap_kernel.h, AP_ERROR_IO. */
gboolean
ap_step_bus_do(const ApRoot *root, ApKernel *kernel, const ApStep *step, gboolean *ret_begun,
               GError **error);

/* ap_txn_bus.c: reverses only what still is as the step made it. Errors as of ap_kernel.h, and
 * AP_ERROR_IO. */
gboolean
ap_step_bus_undo(const ApRoot *root, ApKernel *kernel, const ApStep *step, GError **error);

/* ap_txn_bus.c: whether what the step changes is as after it, or as before it. AP_ERROR_IO,
 * AP_ERROR_MASK. */
gboolean
ap_step_bus_is(const ApRoot *root, const ApStep *step, gboolean after, gboolean *ret_is,
               GError **error);
