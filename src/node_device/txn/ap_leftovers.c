/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Matrices that were made for a guest, and could not be removed when it ended. */
#include "node_device/txn/ap_leftovers.h"

#include <string.h>

#include "node_device/inventory/ap_claim.h"
#include "node_device/inventory/ap_problem.h"
#include "util/ap_error.h"

/* How long removing may take before the rest waits for the next time, in seconds: libvirt waits. */
#define PATIENCE_S 20

/* One look at all claims. */
typedef struct {
    const ApLeftovers *leftovers;
    GPtrArray *claims;
    ApInventory *inventory; /* loaded on demand */
    gint64 deadline;
    GPtrArray *removed;
    GPtrArray *failed;
} Look;


static ApInventory *
get_inventory(Look *look)
{
    if (!look->inventory)
        look->inventory = look->leftovers->load(look->leftovers->data);
    return look->inventory;
}


static gboolean
is_gone(const ApLeftovers *leftovers, const char *mdev)
{
    g_autofree char *path = g_strconcat(AP_HOST_MATRIX_DIR "/", mdev, NULL);

    return ap_root_is_missing(leftovers->root, path);
}


/* Whether the guest of a claim has ended: it says so, or its daemon died and it does not run. */
static gboolean
is_over(Look *look, const ApClaim *claim)
{
    const ApGuest *guest;

    if (claim->ended)
        return TRUE;
    if (!claim->brought_up || ap_claim_is_alive(claim, look->leftovers->root) ||
        !ap_inventory_get_guests(get_inventory(look)))
        return FALSE;
    guest = ap_inventory_find_guest(look->inventory, claim->guest_uuid);
    return !guest || strcmp(guest->state, "shut off") == 0;
}


static gboolean
has_just_ended(const ApLeftovers *leftovers, const ApGuest *guest)
{
    return leftovers->ended && g_strcmp0(guest->uuid, leftovers->ended) == 0;
}


/* Whether somebody else has the mdev, or may have it, or mdevctl may keep it. */
static gboolean
is_held(Look *look, const ApMdev *mdev)
{
    GPtrArray *guests = ap_inventory_get_guests_of(look->inventory, mdev->uuid);
    GPtrArray *problems = ap_inventory_get_problems(look->inventory);

    if (!ap_inventory_get_guests(look->inventory) ||
        ap_problem_is_hidden(problems, AP_PROBLEM_HIDES_HOLDER) ||
        ap_problem_is_hidden(problems, AP_PROBLEM_HIDES_DEFINED) ||
        ap_host_is_in_use(ap_inventory_get_host(look->inventory), mdev->uuid))
        return TRUE;
    for (guint i = 0; guests && i < guests->len; i++) {
        const ApGuest *guest = guests->pdata[i];

        if (ap_guest_holds(guest, mdev->uuid) && !has_just_ended(look->leftovers, guest))
            return TRUE;
    }
    return FALSE;
}


/* Who has the mdev by now removes it: it was detached from the guest that it was made for. FALSE if
 * nobody takes that over. */
static gboolean
hand_over(Look *look, const ApClaim *own)
{
    gboolean taken = FALSE;

    for (guint i = 0; i < look->claims->len; i++) {
        ApClaim *claim = look->claims->pdata[i];

        if (claim->ended || claim == own || strcmp(claim->mdev, own->mdev) != 0)
            continue;
        claim->brought_up = TRUE;
        taken |= ap_claim_write(claim, look->leftovers->root, NULL);
    }
    return taken;
}


static void
remove_mdev(Look *look, const ApClaim *claim)
{
    const ApLeftovers *leftovers = look->leftovers;
    g_autoptr(GError) error = NULL;

    if (g_get_monotonic_time() > look->deadline)
        return;
    if (ap_kernel_remove_mdev(leftovers->kernel, claim->mdev, &error) != 0) {
        g_ptr_array_add(look->failed,
                        g_strdup_printf("mdev %s was made for guest '%s', which has ended, and "
                                        "stays for now: %s",
                                        claim->mdev, claim->guest, error->message));
        return;
    }
    if (!is_gone(leftovers, claim->mdev))
        return;
    ap_claim_remove(claim, leftovers->root);
    g_ptr_array_add(look->removed,
                    g_strdup_printf("mdev %s was made for guest '%s', which has ended: removed",
                                    claim->mdev, claim->guest));
}


/* What of the mdev or of who has it cannot be read is a reason to wait. */
static void
look_after(Look *look, const ApClaim *claim)
{
    const ApLeftovers *leftovers = look->leftovers;
    const ApMdev *mdev;

    if (!claim->brought_up || is_gone(leftovers, claim->mdev)) {
        ap_claim_remove(claim, leftovers->root);
        return;
    }
    mdev = ap_inventory_find(get_inventory(look), claim->mdev);
    if (!mdev || !mdev->active ||
        ap_problem_find(ap_inventory_get_problems(look->inventory), claim->mdev))
        return;
    if (mdev->definition && !mdev->brought_by && mdev->definition->def->autostart) {
        ap_claim_remove(claim, leftovers->root);
        return;
    }
    if (!is_held(look, mdev))
        remove_mdev(look, claim);
    else if (hand_over(look, claim))
        ap_claim_remove(claim, leftovers->root);
}


void
ap_leftovers_remove(const ApLeftovers *leftovers, GPtrArray *removed, GPtrArray *failed)
{
    g_autoptr(GPtrArray) problems = ap_problem_list_new();
    g_autoptr(GPtrArray) claims = ap_claims_load(leftovers->root, problems);
    Look look = {
        .leftovers = leftovers,
        .claims = claims,
        .deadline = g_get_monotonic_time() + PATIENCE_S * G_USEC_PER_SEC,
        .removed = removed,
        .failed = failed,
    };

    for (guint i = 0; i < claims->len; i++) {
        if (is_over(&look, claims->pdata[i]))
            look_after(&look, claims->pdata[i]);
    }
    g_clear_pointer(&look.inventory, ap_inventory_free);
}
