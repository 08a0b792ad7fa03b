/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The simulated host as files. Functions return 0 or an errno, as the operations do. */
#include "node_device/sim/ap_sim_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node_device/sim/ap_sim_view.h"
#include "util/ap_error.h"
#include "util/ap_file.h"

#define SIM ".sim"

/* A reader that is slow may still look at so many states ago. */
#define KEPT_STATES 16


static int
make_link(const char *target, const char *path)
{
    return symlink(target, path) < 0 ? errno : 0;
}


/* Makes a directory; one of that name is what somebody left who was killed. */
static int
make_new_dir(const char *path)
{
    if (mkdir(path, 0755) == 0)
        return 0;
    if (errno != EEXIST)
        return errno;
    ap_file_remove_tree(path);
    return mkdir(path, 0755) < 0 ? errno : 0;
}


static int
write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int errnum;

    if (fd < 0)
        return errno;
    errnum = ap_file_write_all(fd, text, strlen(text));
    if (close(fd) < 0 && errnum == 0)
        errnum = errno;
    return errnum;
}


/* Writes each of @files into @dir. */
static int
write_files(const char *dir, const ApSimFile *files)
{
    for (const ApSimFile *file = files; file->name; file++) {
        g_autofree char *path = g_build_filename(dir, file->name, NULL);
        int errnum = file->is_link ? make_link(file->text, path) : write_text(path, file->text);

        if (errnum != 0)
            return errnum;
    }
    return 0;
}


static int
write_dir(const char *dir, ApSimFile *files)
{
    int errnum = make_new_dir(dir);

    if (errnum == 0)
        errnum = write_files(dir, files);
    ap_sim_files_free(files);
    return errnum;
}


/* A queue has few faces: each is written once and kept. */
static int
write_queue(const char *dir, const ApSimState *state, const ApSimCard *card, guint domain,
            const char *face)
{
    g_autofree char *parent =
        g_strdup_printf("%s/" SIM "/queues/%02x.%04x", dir, card->adapter, domain);
    g_autofree char *path = g_build_filename(parent, face, NULL);
    g_autofree char *new_path = g_strconcat(path, ".new", NULL);
    int errnum;

    if (access(path, F_OK) == 0)
        return 0;
    if (mkdir(parent, 0755) < 0 && errno != EEXIST)
        return errno;
    errnum = write_dir(new_path, ap_sim_view_queue(state, card, domain));
    if (errnum != 0)
        return errnum;
    return rename(new_path, path) < 0 ? errno : 0;
}


static int
write_card(const char *dir, const ApSimState *state, const ApSimCard *card)
{
    g_autofree char *path =
        g_strdup_printf("%s/" SIM "/cards/%02x.%u", dir, card->adapter, card->object);
    const ApMask *domains = &state->config.domains;
    int errnum = make_new_dir(path);

    for (int d = ap_mask_next(domains, 0); d >= 0 && errnum == 0;
         d = ap_mask_next(domains, d + 1)) {
        g_autofree char *face = ap_sim_view_queue_face(state, card, d);
        g_autofree char *target =
            g_strdup_printf("../../queues/%02x.%04x/%s", card->adapter, d, face);
        g_autofree char *link = g_strdup_printf("%s/%02x.%04x", path, card->adapter, d);

        errnum = write_queue(dir, state, card, d, face);
        if (errnum == 0)
            errnum = make_link(target, link);
    }
    return errnum;
}


static gboolean
looks_same(const ApSimState *before, const ApSimState *after, const ApSimCard *card)
{
    const ApSimCard *old = before ? ap_sim_state_find_card(before, card->adapter) : NULL;
    const ApMask *domains = &after->config.domains;

    if (!old)
        return FALSE;
    for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
        g_autofree char *face = ap_sim_view_queue_face(before, old, d);
        g_autofree char *new_face = ap_sim_view_queue_face(after, card, d);

        if (strcmp(face, new_face) != 0)
            return FALSE;
    }
    return TRUE;
}


static int
publish_cards(const char *dir, const char *state_dir, const ApSimState *before, ApSimState *after)
{
    g_autofree char *parent = g_build_filename(state_dir, "cards", NULL);
    int errnum = mkdir(parent, 0755) < 0 ? errno : 0;

    for (guint i = 0; i < after->cards->len && errnum == 0; i++) {
        ApSimCard *card = after->cards->pdata[i];
        g_autofree char *target = NULL;
        g_autofree char *link = g_strdup_printf("%s/%02x", parent, card->adapter);

        if (!looks_same(before, after, card)) {
            card->object = after->serial;
            errnum = write_card(dir, after, card);
        }
        target = g_strdup_printf("../../../cards/%02x.%u", card->adapter, card->object);
        if (errnum == 0)
            errnum = make_link(target, link);
    }
    return errnum;
}


static int
publish_mdev(const char *dir, const char *parent, const ApSimState *before, ApSimState *after,
             ApSimMdev *mdev)
{
    const ApSimMdev *old = before ? ap_sim_state_find_mdev(before, mdev->uuid) : NULL;
    g_autofree char *link = g_build_filename(parent, mdev->uuid, NULL);
    g_autofree char *target = NULL;
    int errnum = 0;

    if (!old || !ap_matrix_equal(&old->matrix, &mdev->matrix) ||
        !ap_matrix_equal(&old->shadow, &mdev->shadow)) {
        g_autofree char *path = NULL;

        mdev->object = after->serial;
        path = g_strdup_printf("%s/" SIM "/mdevs/%s.%u", dir, mdev->uuid, mdev->object);
        errnum = write_dir(path, ap_sim_view_mdev(after, mdev));
    }
    target = g_strdup_printf("../../../mdevs/%s.%u", mdev->uuid, mdev->object);
    return errnum == 0 ? make_link(target, link) : errnum;
}


static int
publish_mdevs(const char *dir, const char *state_dir, const ApSimState *before, ApSimState *after)
{
    g_autofree char *parent = g_build_filename(state_dir, "matrix", NULL);
    int errnum = write_dir(parent, ap_sim_view_matrix(after));

    for (guint i = 0; i < after->mdevs->len && errnum == 0; i++)
        errnum = publish_mdev(dir, parent, before, after, after->mdevs->pdata[i]);
    return errnum;
}


/* What the state before last had and the last one has no more goes with it. */
static void
forget_objects(const char *dir, const char *old_dir, const char *next_dir, const char *kind)
{
    g_autofree char *old_kind = g_build_filename(old_dir, kind, NULL);
    g_autoptr(GDir) entries = g_dir_open(old_kind, 0, NULL);
    const char *name;

    while (entries && (name = g_dir_read_name(entries))) {
        g_autofree char *link = g_build_filename(old_kind, name, NULL);
        g_autofree char *next_link = g_build_filename(next_dir, kind, name, NULL);
        g_autofree char *target = g_file_read_link(link, NULL);
        g_autofree char *next_target = g_file_read_link(next_link, NULL);
        const char *object = target ? strstr(target, "../../../") : NULL;

        if (object == target && object && g_strcmp0(target, next_target) != 0) {
            g_autofree char *path =
                g_build_filename(dir, SIM, object + strlen("../../../"), NULL);

            ap_file_remove_tree(path);
        }
    }
}


static void
forget_state(const char *dir, guint serial)
{
    g_autofree char *old_dir = g_strdup_printf("%s/" SIM "/states/%u", dir, serial);
    g_autofree char *next_dir = g_strdup_printf("%s/" SIM "/states/%u", dir, serial + 1);

    if (access(old_dir, F_OK) < 0)
        return;
    forget_objects(dir, old_dir, next_dir, "cards");
    forget_objects(dir, old_dir, next_dir, "matrix");
    ap_file_remove_tree(old_dir);
}


/* The moment at which everybody sees the new state. */
static int
switch_to(const char *dir, guint serial)
{
    g_autofree char *path = g_build_filename(dir, SIM, "state", NULL);
    g_autofree char *new_path = g_strconcat(path, ".new", NULL);
    g_autofree char *target = g_strdup_printf("states/%u", serial);

    if (unlink(new_path) < 0 && errno != ENOENT)
        return errno;
    if (symlink(target, new_path) < 0)
        return errno;
    return rename(new_path, path) < 0 ? errno : 0;
}


int
ap_sim_tree_publish(const char *dir, const ApSimState *before, ApSimState *after)
{
    g_autofree char *state_dir = NULL;
    g_autofree char *text = NULL;
    int errnum;

    after->serial = before ? before->serial + 1 : 0;
    state_dir = g_strdup_printf("%s/" SIM "/states/%u", dir, after->serial);
    errnum = write_dir(state_dir, ap_sim_view_bus(after));
    if (errnum == 0)
        errnum = publish_cards(dir, state_dir, before, after);
    if (errnum == 0)
        errnum = publish_mdevs(dir, state_dir, before, after);
    if (errnum == 0) {
        g_autofree char *path = g_build_filename(state_dir, "kernel", NULL);

        text = ap_sim_state_format(after);
        errnum = write_text(path, text);
    }
    if (errnum == 0)
        errnum = switch_to(dir, after->serial);
    if (errnum == 0 && after->serial >= KEPT_STATES)
        forget_state(dir, after->serial - KEPT_STATES);
    return errnum;
}


static int
create_dirs(const char *dir)
{
    static const char *const names[] = {
        SIM "/states",   SIM "/cards",          SIM "/queues",
        SIM "/mdevs",    "sys/bus/ap/devices",  "sys/bus/ap/drivers/cex4card",
        "sys/bus/ap/drivers/cex4queue",         "sys/bus/ap/drivers/vfio_ap",
        "sys/devices/ap", "sys/devices/vfio_ap", "proc/sys/kernel/random",
        "etc/mdevctl.d/matrix", "run/lock",     "var/lib",
    };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(dir, names[i], NULL);

        if (g_mkdir_with_parents(path, 0755) < 0)
            return errno;
    }
    return 0;
}


static int
create_device_link(const char *dir, guint adapter, const char *name)
{
    g_autofree char *path = g_build_filename(dir, "sys/bus/ap/devices", name, NULL);
    gboolean is_card = g_str_has_prefix(name, "card");
    g_autofree char *target = g_strdup_printf("../../../devices/ap/card%02x%s%s", adapter,
                                              is_card ? "" : "/", is_card ? "" : name);

    return make_link(target, path);
}


static int
create_card(const char *dir, const ApSimState *state, const ApSimCard *card)
{
    g_autofree char *name = g_strdup_printf("card%02x", card->adapter);
    g_autofree char *path = g_build_filename(dir, "sys/devices/ap", name, NULL);
    const ApMask *domains = &state->config.domains;
    int errnum = write_dir(path, ap_sim_view_card(card));

    if (errnum == 0)
        errnum = create_device_link(dir, card->adapter, name);
    for (int d = ap_mask_next(domains, 0); d >= 0 && errnum == 0;
         d = ap_mask_next(domains, d + 1)) {
        g_autofree char *queue = g_strdup_printf("%02x.%04x", card->adapter, d);
        g_autofree char *link = g_build_filename(path, queue, NULL);
        g_autofree char *target =
            g_strdup_printf("../../../../" SIM "/state/cards/%02x/%s", card->adapter, queue);

        errnum = make_link(target, link);
        if (errnum == 0)
            errnum = create_device_link(dir, card->adapter, queue);
    }
    return errnum;
}


int
ap_sim_tree_create(const char *dir, ApSimState *state)
{
    g_autofree char *bus = g_build_filename(dir, "sys/bus/ap", NULL);
    g_autofree char *matrix = g_build_filename(dir, "sys/devices/vfio_ap/matrix", NULL);
    ApSimFile *files = ap_sim_view_static_bus(state);
    int errnum = create_dirs(dir);

    if (errnum == 0)
        errnum = write_files(bus, files);
    ap_sim_files_free(files);
    for (guint i = 0; i < state->cards->len && errnum == 0; i++)
        errnum = create_card(dir, state, state->cards->pdata[i]);
    if (errnum == 0)
        errnum = make_link("../../../" SIM "/state/matrix", matrix);
    return errnum == 0 ? ap_sim_tree_publish(dir, NULL, state) : errnum;
}


ApSimState *
ap_sim_tree_load(const char *dir, GError **error)
{
    g_autofree char *path = g_build_filename(dir, SIM, "state", "kernel", NULL);
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        g_set_error(error, AP_ERROR, AP_ERROR_NOT_FOUND,
                    "%s is no simulated host\nmake one: virt-ap sim create DIR --topology FILE "
                    "--kernel GEN",
                    dir);
        return NULL;
    }
    return ap_sim_state_parse(text, error);
}


int
ap_sim_tree_clear_run(const char *dir)
{
    g_autofree char *run = g_build_filename(dir, "run", NULL);

    ap_file_remove_tree(run);
    return create_dirs(dir);
}
