/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is live and not as the matrices alone tell it: mdevs that go or come, queues that a guest
 * has and vfio_ap does not, and users that libvirt does not know. */
#include <string.h>

#include "node_device/conflict/ap_conflict_priv.h"
#include "node_device/inventory/ap_problem.h"
#include "util/ap_text.h"

/* What guests are called of which the hook has a claim and libvirt no status yet. */
#define STARTING "starting"


/* Whether what is known of the mdev, its definition or the matrix that its guest brings, has some
 * of the queues. */
static gboolean
is_meant_for(ApJudge *judge, const char *uuid, const ApApqnSet *apqns)
{
    const ApMdev *mdev = ap_inventory_find(judge->inventory, uuid);
    ApApqnSet meant = { 0 };
    guint position = 0;
    ApApqn apqn;

    if (!mdev || !mdev->definition)
        return FALSE;
    ap_apqn_set_add(&meant, &mdev->definition->matrix.adapters,
                    &mdev->definition->matrix.domains);
    while (ap_apqn_set_next(apqns, &position, &apqn)) {
        if (ap_mask_has(&meant.domains[apqn.adapter], apqn.domain))
            return TRUE;
    }
    return FALSE;
}


/* The mdev without attributes that has the queues, most likely; NULL if there is none but the
 * candidate's own. */
static const char *
find_going(ApJudge *judge, const ApApqnSet *apqns)
{
    const GPtrArray *going = judge->host->going;
    const char *any = NULL;

    for (guint i = 0; i < going->len; i++) {
        if (g_strcmp0(going->pdata[i], judge->candidate->uuid) == 0)
            continue;
        if (is_meant_for(judge, going->pdata[i], apqns))
            return going->pdata[i];
        any = any ? any : going->pdata[i];
    }
    return any;
}


void
ap_judge_going(ApJudge *judge)
{
    g_autofree char *name = NULL;
    const char *uuid;
    ApApqnSet apqns;

    if (!ap_inventory_has_matrices(judge->inventory) || judge->host->going->len == 0)
        return;
    ap_host_get_unseen(judge->host, &judge->matrix, &apqns);
    uuid = ap_apqn_set_is_empty(&apqns) ? NULL : find_going(judge, &apqns);
    if (!uuid)
        return;
    ap_apqn_set_add_all(&judge->said, &apqns);
    name = ap_judge_describe_uuid(judge, uuid);
    ap_judge_report_other(judge, AP_CODE_IN_USE, AP_WEIGHT_USUAL, &apqns, uuid,
                          ap_judge_find_guest_of(judge->inventory, uuid),
                          ap_judge_say(&apqns, "may still belong to %s, which is being removed, "
                                               "or made",
                                       name),
                          g_strdup("look again in a moment: virt-ap list\n"
                                   "if it stays, its guest has to end first"));
}


static const char *
name_driver(ApJudge *judge, ApApqn apqn)
{
    const char *driver = ap_host_get_driver(judge->host, apqn);

    return !driver ? "none, no such queue" : driver[0] == '\0' ? "none" : driver;
}


/* "none, cex4queue": each driver once. */
static char *
list_drivers(ApJudge *judge, const ApApqnSet *apqns)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    guint position = 0;
    ApApqn apqn;

    while (ap_apqn_set_next(apqns, &position, &apqn)) {
        const char *name = name_driver(judge, apqn);

        if (!g_ptr_array_find_with_equal_func(names, name, g_str_equal, NULL))
            g_ptr_array_add(names, (gpointer)name);
    }
    g_ptr_array_add(names, NULL);
    return g_strjoinv(", ", (char **)names->pdata);
}


static void
report_beyond(ApJudge *judge, const ApApqnSet *beyond)
{
    g_autofree char *said =
        ap_judge_say(beyond, "is in the guest's matrix, but vfio_ap does not hold it");
    g_autofree char *drivers = list_drivers(judge, beyond);
    g_autofree char *printable = ap_text_printable(drivers);

    ap_judge_report(judge, AP_CODE_BEYOND_BINDING, AP_WEIGHT_USUAL, beyond, NULL,
                    g_strdup_printf("%s\n  bound to: %s", said, printable),
                    g_strdup("take it out of the matrix, or bind it to vfio_ap again: as it is, "
                             "somebody else can get it too"));
}


/* A guest matrix that cannot be read may have anything in it. */
static void
report_unread(ApJudge *judge, const GError *error)
{
    ap_judge_report_other(judge, AP_CODE_UNREADABLE,
                          judge->phase == AP_PHASE_GUEST ? AP_WEIGHT_GRAVE : AP_WEIGHT_USUAL, NULL,
                          NULL, NULL, g_strdup(error->message),
                          g_strdup("what the guest would get cannot be told"));
}


void
ap_judge_beyond_binding(ApJudge *judge)
{
    const ApCandidate *candidate = judge->candidate;
    const ApActiveMdev *mdev =
        candidate->active ? ap_host_find_mdev(judge->host, candidate->uuid) : NULL;
    g_autoptr(GError) error = NULL;
    ApApqnSet beyond = { 0 };
    ApApqnSet seen;
    guint position = 0;
    ApHostAnswer answer;
    ApApqn apqn;

    if (!mdev || !ap_matrix_equal(&mdev->matrix, &judge->matrix))
        return;
    answer = ap_host_read_guest_matrix(judge->host, mdev, &seen, &error);
    if (answer == AP_HOST_UNREADABLE)
        report_unread(judge, error);
    if (answer != AP_HOST_SAYS)
        return;
    while (ap_apqn_set_next(&seen, &position, &apqn)) {
        if (g_strcmp0(ap_host_get_driver(judge->host, apqn), "vfio_ap") != 0)
            ap_mask_set(&beyond.domains[apqn.adapter], apqn.domain);
    }
    if (!ap_apqn_set_is_empty(&beyond))
        report_beyond(judge, &beyond);
}


/* Whether a guest of libvirt's holds the mdev, so that he who has it open is that guest. One that
 * is only about to start has nothing open yet. */
static gboolean
is_held_by_guest(ApJudge *judge, const char *uuid)
{
    GPtrArray *guests = ap_inventory_get_guests_of(judge->inventory, uuid);
    const ApGuest *own = judge->candidate->guest;

    for (guint i = 0; guests && i < guests->len; i++) {
        const ApGuest *guest = guests->pdata[i];
        gboolean is_own = own && strcmp(guest->name, own->name) == 0;

        if (ap_guest_holds(guest, uuid) && !(is_own && strcmp(guest->state, STARTING) == 0))
            return TRUE;
    }
    return FALSE;
}


void
ap_judge_foreign_user(ApJudge *judge)
{
    const char *uuid = judge->candidate->uuid;
    const char *user;
    gboolean hidden;

    /* The callout does not read all guests for a warning; virt-ap has read them. */
    if (!judge->candidate->active || !uuid ||
        (judge->phase == AP_PHASE_LIVE && !ap_inventory_has_guests(judge->inventory)))
        return;
    if (!ap_inventory_get_guests(judge->inventory) || is_held_by_guest(judge, uuid))
        return;
    user = ap_inventory_get_user(judge->inventory, uuid);
    if (!user)
        return;
    hidden = ap_problem_is_hidden(ap_inventory_get_problems(judge->inventory),
                                  AP_PROBLEM_HIDES_HOLDER);
    ap_judge_report(judge, AP_CODE_FOREIGN_USER,
                    judge->candidate->guest && !judge->audit ? AP_WEIGHT_GRAVE : AP_WEIGHT_USUAL,
                    NULL, NULL,
                    g_strdup_printf("%s has mdev %s open, and no guest of the system's libvirt%s "
                                    "holds it",
                                    user, uuid, hidden ? " that can be read" : ""),
                    g_strdup("KubeVirt, Kata or a QEMU of its own may run a guest with it: see "
                             "there; another guest needs another matrix"));
}
