/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A simulated kernel: each operation loads the state, changes it and publishes it, under a lock
 * that stands for the kernel's own. */
#include "node_device/sim/ap_sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "node_device/sim/ap_sim_bus.h"
#include "node_device/sim/ap_sim_rules.h"
#include "node_device/sim/ap_sim_topology.h"
#include "node_device/sim/ap_sim_tree.h"
#include "util/ap_error.h"

#define LOCK ".sim/lock"
#define FAULTS ".sim/faults"

/* How often the simulated kernel looks whether an mdev was closed. */
#define CLOSED_POLL_MS 20

static const char *const operations[] = { "create", "remove", "write", "bind" };

typedef struct {
    ApKernel base;
    char *dir;
} SimKernel;

/* One change; what the arguments are, the function knows. */
typedef struct {
    const char *operation; /* NULL: cannot be told to fail */
    int (*func)(ApSimState *state, const char *const *args);
    const char *args[3];
} Change;


static int
lock_kernel(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, LOCK, NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0)
        return -1;
    while (flock(fd, LOCK_EX) < 0) {
        if (errno != EINTR) {
            close(fd);
            return -1;
        }
    }
    return fd;
}


static gboolean
save_faults(const char *dir, GPtrArray *lines)
{
    g_autofree char *path = g_build_filename(dir, FAULTS, NULL);
    g_autofree char *text = NULL;

    if (lines->len == 0)
        return unlink(path) == 0 || errno == ENOENT;
    g_ptr_array_add(lines, NULL);
    text = g_strjoinv("\n", (char **)lines->pdata);
    return g_file_set_contents(path, text, -1, NULL);
}


static GPtrArray *
load_faults(const char *dir)
{
    g_autofree char *path = g_build_filename(dir, FAULTS, NULL);
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *text = NULL;

    if (g_file_get_contents(path, &text, NULL, NULL)) {
        g_auto(GStrv) split = g_strsplit(text, "\n", -1);

        for (char **line = split; *line; line++)
            g_ptr_array_add(lines, g_strdup(*line));
    }
    return lines;
}


/* Counts a call of @operation: returns the errno if this one is to fail, else 0. Of several faults
 * the first counts. */
static int
take_fault(const char *dir, const char *operation)
{
    g_autoptr(GPtrArray) lines = load_faults(dir);

    for (guint i = 0; i < lines->len; i++) {
        g_auto(GStrv) words = g_strsplit(lines->pdata[i], " ", 3);
        guint64 n;
        guint64 errnum;

        if (g_strv_length(words) != 3 || strcmp(words[0], operation) != 0 ||
            !ap_attr_parse(words[1], &n, NULL) || !ap_attr_parse(words[2], &errnum, NULL))
            continue;
        if (n <= 1) {
            g_ptr_array_remove_index(lines, i);
        } else {
            g_free(lines->pdata[i]);
            lines->pdata[i] = g_strdup_printf("%s %u %u", operation, (guint)n - 1, (guint)errnum);
        }
        save_faults(dir, lines);
        return n <= 1 ? errnum : 0;
    }
    return 0;
}


static int
change_locked(const char *dir, const Change *change)
{
    g_autoptr(ApSimState) before = ap_sim_tree_load(dir, NULL);
    g_autoptr(ApSimState) after = ap_sim_tree_load(dir, NULL);
    int errnum;

    if (!before || !after)
        return EIO;
    errnum = change->func(after, change->args);
    return errnum == 0 ? ap_sim_tree_publish(dir, before, after) : errnum;
}


static int
make_change(const char *dir, const Change *change)
{
    int fd = lock_kernel(dir);
    int errnum;

    if (fd < 0)
        return errno;
    errnum = change->operation ? take_fault(dir, change->operation) : 0;
    if (errnum == 0)
        errnum = change_locked(dir, change);
    close(fd);
    return errnum;
}


static int
do_create(ApSimState *state, const char *const *args)
{
    return ap_sim_create_mdev(state, args[0]);
}


static int
do_remove(ApSimState *state, const char *const *args)
{
    return ap_sim_remove_mdev(state, args[0]);
}


static int
do_write_attr(ApSimState *state, const char *const *args)
{
    return ap_sim_write_attr(state, args[0], args[1], args[2]);
}


static int
do_bind(ApSimState *state, const char *const *args)
{
    return ap_sim_bind(state, args[0], args[1]);
}


static int
sim_create(ApKernel *kernel, const char *uuid)
{
    const Change change = { "create", do_create, { uuid } };

    return make_change(((SimKernel *)kernel)->dir, &change);
}


static int
sim_remove(ApKernel *kernel, const char *uuid)
{
    const struct timespec pause = { .tv_nsec = CLOSED_POLL_MS * 1000000L };
    Change change = { "remove", do_remove, { uuid } };
    int errnum = make_change(((SimKernel *)kernel)->dir, &change);

    change.operation = NULL;
    while (errnum == AP_SIM_WAITS) {
        nanosleep(&pause, NULL);
        errnum = make_change(((SimKernel *)kernel)->dir, &change);
    }
    return errnum;
}


static int
sim_write_attr(ApKernel *kernel, const char *uuid, const char *attr, const char *value)
{
    const Change change = { "write", do_write_attr, { uuid, attr, value } };

    return make_change(((SimKernel *)kernel)->dir, &change);
}


static int
sim_bind(ApKernel *kernel, const char *path, const char *value)
{
    const Change change = { "bind", do_bind, { path, value } };

    return make_change(((SimKernel *)kernel)->dir, &change);
}


static void
sim_free(ApKernel *kernel)
{
    g_free(((SimKernel *)kernel)->dir);
    g_free(kernel);
}


static const ApKernelOps sim_ops = {
    .create = sim_create,
    .remove = sim_remove,
    .write_attr = sim_write_attr,
    .bind = sim_bind,
    .free = sim_free,
};


ApKernel *
ap_sim_open(const ApRoot *root, GError **error)
{
    g_autoptr(ApSimState) state = ap_sim_tree_load(ap_root_get_path(root), error);
    SimKernel *kernel;

    if (!state)
        return NULL;
    kernel = g_new0(SimKernel, 1);
    kernel->base.ops = &sim_ops;
    kernel->base.remove_timeout_ms = AP_KERNEL_REMOVE_TIMEOUT_MS;
    kernel->dir = g_strdup(ap_root_get_path(root));
    return &kernel->base;
}


static gboolean
set_io_error(GError **error, const char *what, const char *path, int errnum)
{
    g_set_error(error, AP_ERROR, AP_ERROR_IO, "cannot %s %s: %s", what, path, strerror(errnum));
    return FALSE;
}


static gboolean
write_boot_id(const char *dir, GError **error)
{
    g_autofree char *path = g_build_filename(dir, "proc/sys/kernel/random/boot_id", NULL);
    g_autofree char *uuid = g_uuid_string_random();
    g_autofree char *text = g_strconcat(uuid, "\n", NULL);

    if (g_file_set_contents(path, text, -1, NULL))
        return TRUE;
    return set_io_error(error, "write", path, errno);
}


gboolean
ap_sim_create(const char *path, const char *topology, gsize length, const char *generation,
              GError **error)
{
    g_autoptr(ApSimState) state = NULL;
    ApSimGeneration number;
    int errnum;

    if (!ap_sim_generation_from_string(generation, &number)) {
        g_autofree char *printable = ap_text_printable(generation);

        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "there is no simulated kernel '%s': wanted 4.20, 6.0, 6.10, 6.12 or 7.2",
                    printable);
        return FALSE;
    }
    state = ap_sim_topology_parse(topology, length, number, error);
    if (!state)
        return FALSE;
    if (mkdir(path, 0755) < 0) {
        int code = errno == EEXIST ? AP_ERROR_USAGE : AP_ERROR_IO;

        g_set_error(error, AP_ERROR, code, "cannot make %s: %s\ngive a directory that does not "
                    "exist yet", path, strerror(errno));
        return FALSE;
    }
    errnum = ap_sim_tree_create(path, state);
    if (errnum != 0)
        return set_io_error(error, "write the simulated host", path, errnum);
    return write_boot_id(path, error);
}


static int
find_errno(const char *name)
{
    for (int errnum = 1; errnum < 200; errnum++) {
        const char *known = strerrorname_np(errnum);

        if (known && strcmp(known, name) == 0)
            return errnum;
    }
    return 0;
}


static gboolean
is_operation(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(operations); i++) {
        if (strcmp(operations[i], name) == 0)
            return TRUE;
    }
    return FALSE;
}


gboolean
ap_sim_fail(const ApRoot *root, const char *operation, const char *errno_name, guint n,
            GError **error)
{
    const char *dir = ap_root_get_path(root);
    g_autoptr(GPtrArray) lines = NULL;
    int errnum = find_errno(errno_name);
    int fd;
    gboolean ok;

    if (!is_operation(operation) || errnum == 0 || n == 0) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "cannot let '%s' fail with '%s': wanted create, remove, write or bind, and a "
                    "name like EBUSY",
                    operation, errno_name);
        return FALSE;
    }
    fd = lock_kernel(dir);
    if (fd < 0)
        return set_io_error(error, "lock", dir, errno);
    lines = load_faults(dir);
    g_ptr_array_add(lines, g_strdup_printf("%s %u %d", operation, n, errnum));
    ok = save_faults(dir, lines);
    close(fd);
    return ok ? TRUE : set_io_error(error, "note the fault in", dir, EIO);
}


static int
do_open(ApSimState *state, const char *const *args)
{
    return ap_sim_set_open(state, args[0], TRUE);
}


static int
do_close(ApSimState *state, const char *const *args)
{
    return ap_sim_set_open(state, args[0], FALSE);
}


gboolean
ap_sim_use(const ApRoot *root, const char *uuid, gboolean is_open, GError **error)
{
    const Change change = { NULL, is_open ? do_open : do_close, { uuid } };
    int errnum = make_change(ap_root_get_path(root), &change);

    if (errnum == 0)
        return TRUE;
    g_set_error(error, AP_ERROR,
                errnum == ENOENT  ? AP_ERROR_NOT_FOUND
                : errnum == EBUSY ? AP_ERROR_REFUSED
                                  : AP_ERROR_IO,
                "cannot %s mdev %s: %s", is_open ? "open" : "close", uuid, strerror(errnum));
    return FALSE;
}


static int
do_reboot(ApSimState *state, const char *const *args)
{
    (void)args;
    g_ptr_array_set_size(state->mdevs, 0);
    g_hash_table_remove_all(state->overrides);
    state->apmask = state->boot_apmask;
    state->aqmask = state->boot_aqmask;
    for (guint i = 0; i < state->cards->len; i++) {
        ApSimCard *card = state->cards->pdata[i];

        card->host = card->guest = card->failed = (ApMask){ 0 };
    }
    ap_sim_bind_all(state);
    return 0;
}


gboolean
ap_sim_reboot(const ApRoot *root, GError **error)
{
    const char *dir = ap_root_get_path(root);
    const Change change = { NULL, do_reboot, { NULL } };
    int errnum = make_change(dir, &change);

    if (errnum != 0)
        return set_io_error(error, "boot", dir, errnum);
    errnum = ap_sim_tree_clear_run(dir);
    if (errnum != 0)
        return set_io_error(error, "empty /run of", dir, errnum);
    return write_boot_id(dir, error);
}
