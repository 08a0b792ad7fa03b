/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules on inventories made in memory: many matrices, all phases, random rectangles against a
 * plain count. What hosts on disk show is in tests/hosts. */
#include "node_device/conflict/ap_conflict.h"

#include "ap_test.h"
#include "node_device/inventory/ap_host_priv.h"
#include "node_device/inventory/ap_problem.h"

typedef struct {
    const char *uuid;
    gboolean active;
    gboolean autostart;
    const char *adapters;
    const char *domains;
    const char *guest; /* NULL: none; it holds the mdev if it runs */
    const char *state;
} Mdev;

typedef struct {
    const char *name;
    Mdev mdevs[3];
    const char *adapters; /* of the candidate */
    const char *domains;
    struct {
        const char *findings; /* "reject in-use 05.0004 aaaa; " */
    } define, start, guest;
} ConflictCase;

#define A "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
#define B "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
#define C "cccccccc-cccc-4ccc-8ccc-cccccccccccc"

static const ConflictCase cases[] = {
    { "nobody else", { { 0 } }, "5", "4", { "" }, { "" }, { "" } },
    { "an active matrix", { { B, TRUE, FALSE, "5,6", "4" } }, "5", "4,5",
      { "reject in-use 05.0004 b; " }, { "reject in-use 05.0004 b; " },
      { "reject in-use 05.0004 b; " } },
    { "active, but beside it", { { B, TRUE, FALSE, "5", "4" } }, "5,6", "5", { "" }, { "" },
      { "" } },
    { "a manual definition", { { B, FALSE, FALSE, "5", "4" } }, "5", "4",
      { "warn defined-elsewhere 05.0004 b; " }, { "warn defined-elsewhere 05.0004 b; " },
      { "warn defined-elsewhere 05.0004 b; " } },
    { "an autostart definition", { { B, FALSE, TRUE, "5", "4" } }, "5", "4",
      { "reject defined-elsewhere 05.0004 b; " }, { "warn defined-elsewhere 05.0004 b; " },
      { "warn defined-elsewhere 05.0004 b; " } },
    { "a definition with a guest", { { B, FALSE, FALSE, "5", "4", "web", "shut off" } }, "5", "4",
      { "reject defined-elsewhere 05.0004 b; " }, { "warn defined-elsewhere 05.0004 b; " },
      { "warn defined-elsewhere 05.0004 b; " } },
    { "a definition whose guest runs", { { B, FALSE, FALSE, "5", "4", "web", "running" } }, "5",
      "4", { "reject defined-elsewhere 05.0004 b; " }, { "warn defined-elsewhere 05.0004 b; " },
      { "reject guest-overlap 05.0004 b; " } },
    { "several", { { B, TRUE, FALSE, "5", "4" }, { C, FALSE, FALSE, "6", "4,5" } }, "5,6", "4,5",
      { "reject in-use 05.0004 b; warn defined-elsewhere 06.0004 06.0005 c; " },
      { "reject in-use 05.0004 b; warn defined-elsewhere 06.0004 06.0005 c; " },
      { "reject in-use 05.0004 b; warn defined-elsewhere 06.0004 06.0005 c; " } },
};

/* What an inventory in memory is made of. */
typedef struct {
    ApRoot *root; /* an empty directory */
    char *path;
} Fixture;


static void
set_up(Fixture *f, gconstpointer data)
{
    (void)data;
    f->path = g_dir_make_tmp("ap-conflict-XXXXXX", NULL);
    f->root = ap_root_new(f->path, NULL);
}


static void
tear_down(Fixture *f, gconstpointer data)
{
    (void)data;
    ap_root_free(f->root);
    g_rmdir(f->path);
    g_free(f->path);
}


static GPtrArray *
give_guests(GPtrArray *problems, gpointer data)
{
    GPtrArray *guests = g_ptr_array_new_with_free_func((GDestroyNotify)ap_guest_free);

    (void)problems;
    for (const Mdev *mdev = data; mdev && mdev->uuid; mdev++) {
        ApGuest *guest;

        if (!mdev->guest)
            continue;
        guest = ap_guest_new(mdev->guest, NULL, mdev->state);
        ap_guest_add_mdev(guest, mdev->uuid, strcmp(mdev->state, "shut off") != 0);
        g_ptr_array_add(guests, guest);
    }
    return guests;
}


static ApActiveMdev *
make_active(ApHost *host, const char *uuid, const ApMatrix *matrix)
{
    ApActiveMdev *mdev = g_new0(ApActiveMdev, 1);

    mdev->uuid = g_strdup(uuid);
    mdev->matrix = *matrix;
    g_ptr_array_add(host->mdevs, mdev);
    return mdev;
}


static void
add_definition(GPtrArray *definitions, const Mdev *mdev, const ApMatrix *matrix)
{
    ApDefinition *definition = g_new0(ApDefinition, 1);

    definition->uuid = g_strdup(mdev->uuid);
    definition->def = ap_mdev_def_new(AP_MDEV_TYPE);
    definition->def->autostart = mdev->autostart;
    ap_mdev_def_add_matrix(definition->def, matrix, FALSE);
    definition->matrix = *matrix;
    definition->valid = TRUE;
    g_ptr_array_add(definitions, definition);
}


static ApInventory *
make_inventory(const Fixture *f, const Mdev *mdevs)
{
    ApHost *host = ap_host_load(f->root);
    GPtrArray *definitions =
        g_ptr_array_new_with_free_func((GDestroyNotify)ap_definition_free);

    for (const Mdev *mdev = mdevs; mdev->uuid; mdev++) {
        ApMatrix matrix = make_matrix(mdev->adapters, mdev->domains, "");

        if (mdev->active)
            make_active(host, mdev->uuid, &matrix);
        else
            add_definition(definitions, mdev, &matrix);
    }
    return ap_inventory_new(host, definitions, ap_problem_list_new(), ap_config_new(), give_guests,
                            (gpointer)mdevs);
}


static void
append_finding(GString *text, const ApFinding *finding)
{
    guint position = 0;
    ApApqnSet set;
    ApApqn apqn;

    ap_finding_get_apqns(finding, &set);
    g_string_append_printf(text, "%s %s ", ap_severity_to_string(finding->severity),
                           ap_code_to_string(finding->code));
    while (ap_apqn_set_next(&set, &position, &apqn)) {
        g_autofree char *name = ap_apqn_to_string(apqn);

        g_string_append_printf(text, "%s ", name);
    }
    g_string_append_printf(text, "%c; ", finding->other_mdev ? finding->other_mdev[0] : '-');
}


/* Everything but that there is no bus. */
static void
assert_findings(ApInventory *inventory, const ApCandidate *candidate, ApPhase phase,
                const char *wanted)
{
    g_autoptr(GPtrArray) findings =
        ap_conflict_check(inventory, candidate, AP_PHASE_BIT(phase));
    g_autoptr(GString) got = g_string_new(NULL);

    for (guint i = 0; i < findings->len; i++) {
        const ApFinding *finding = findings->pdata[i];

        g_assert_cmpint(finding->phase, ==, phase);
        if (finding->code != AP_CODE_UNREADABLE)
            append_finding(got, finding);
    }
    g_assert_cmpstr(got->str, ==, wanted);
}


static void
test_candidates_meet_others(Fixture *f, gconstpointer data)
{
    (void)data;
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const ConflictCase *c = &cases[i];
        g_autoptr(ApInventory) inventory = make_inventory(f, c->mdevs);
        const ApCandidate candidate = { .uuid = A,
                                        .matrix = make_matrix(c->adapters, c->domains, "") };

        g_test_message("%s", c->name);
        assert_findings(inventory, &candidate, AP_PHASE_DEFINE, c->define.findings);
        assert_findings(inventory, &candidate, AP_PHASE_START, c->start.findings);
        assert_findings(inventory, &candidate, AP_PHASE_LIVE, c->start.findings);
        assert_findings(inventory, &candidate, AP_PHASE_GUEST, c->guest.findings);
    }
}


static void
test_nobody_is_their_own_opponent(Fixture *f, gconstpointer data)
{
    const Mdev mdevs[] = { { A, TRUE, FALSE, "5", "4" }, { 0 } };
    g_autoptr(ApInventory) inventory = make_inventory(f, mdevs);
    const ApCandidate candidate = { .uuid = A, .matrix = make_matrix("5", "4", "") };

    (void)data;
    assert_findings(inventory, &candidate, AP_PHASE_DEFINE, "");
    assert_findings(inventory, &candidate, AP_PHASE_START, "");
}


static ApMask
random_mask(guint n)
{
    ApMask mask = { 0 };

    for (guint i = 0; i < n; i++)
        ap_mask_set(&mask, g_test_rand_int_range(0, 256));
    return mask;
}


/* Adapter by adapter and domain by domain, as nobody would do it. */
static guint
count_shared(const ApMatrix *a, const ApMatrix *b)
{
    guint n = 0;

    for (guint adapter = 0; adapter < 256; adapter++) {
        for (guint domain = 0; domain < 256; domain++)
            n += ap_mask_has(&a->adapters, adapter) && ap_mask_has(&b->adapters, adapter) &&
                 ap_mask_has(&a->domains, domain) && ap_mask_has(&b->domains, domain);
    }
    return n;
}


static void
test_random_rectangles_share_what_a_plain_count_says(Fixture *f, gconstpointer data)
{
    (void)data;
    for (guint round = 0; round < 50; round++) {
        ApHost *host = ap_host_load(f->root);
        ApCandidate candidate = { .uuid = A };
        g_autoptr(ApInventory) inventory = NULL;
        g_autoptr(GPtrArray) findings = NULL;
        ApMatrix other = { random_mask(12), random_mask(12), { { 0 } } };
        guint n;

        candidate.matrix = (ApMatrix){ random_mask(20), random_mask(20), { { 0 } } };
        n = count_shared(&candidate.matrix, &other);
        make_active(host, B, &other);
        inventory = ap_inventory_new(host, NULL, ap_problem_list_new(), ap_config_new(),
                                     give_guests, NULL);
        findings = ap_conflict_check(inventory, &candidate, AP_PHASE_BIT(AP_PHASE_LIVE));
        for (guint i = 0; i < findings->len; i++) {
            const ApFinding *finding = findings->pdata[i];
            ApApqnSet set;

            ap_finding_get_apqns(finding, &set);
            if (finding->code == AP_CODE_IN_USE)
                n -= ap_apqn_set_count(&set);
        }
        g_assert_cmpuint(n, ==, 0);
    }
}


/* 65,536 matrices of one queue each; the candidate takes what three of them have. */
static void
test_one_candidate_against_all_queues_is_quick(Fixture *f, gconstpointer data)
{
    ApHost *host = ap_host_load(f->root);
    ApCandidate candidate = { .uuid = A, .matrix = make_matrix("17", "3,100,255", "") };
    g_autoptr(ApInventory) inventory = NULL;
    gint64 best = G_MAXINT64;

    (void)data;
    for (guint i = 0; i < 65536; i++) {
        g_autofree char *uuid = g_strdup_printf("%08x-1111-4222-8333-444444444444", i);
        ApMatrix matrix = { 0 };

        ap_mask_set(&matrix.adapters, i >> 8);
        ap_mask_set(&matrix.domains, i & 255);
        make_active(host, uuid, &matrix);
    }
    inventory = ap_inventory_new(host, NULL, ap_problem_list_new(), ap_config_new(), give_guests,
                                 NULL);
    for (guint i = 0; i < 5; i++) {
        gint64 begin = g_get_monotonic_time();
        g_autoptr(GPtrArray) findings =
            ap_conflict_check(inventory, &candidate, AP_PHASE_BIT(AP_PHASE_LIVE));

        best = MIN(best, g_get_monotonic_time() - begin);
        g_assert_cmpuint(ap_finding_list_severity(findings), ==, AP_SEVERITY_REJECT);
        g_assert_cmpuint(findings->len, >=, 3);
    }
    g_test_minimized_result(best / 1000.0, "%.3f ms against 65,536 matrices", best / 1000.0);
    g_assert_cmpstr(ap_inventory_get_owner_of(inventory, (ApApqn){ 17, 100 })->uuid, ==,
                    "00001164-1111-4222-8333-444444444444");
}


static void
test_an_audit_tells_a_pair_once(Fixture *f, gconstpointer data)
{
    const Mdev mdevs[] = { { B, TRUE, FALSE, "5", "4" }, { A, FALSE, TRUE, "5", "4,5" }, { 0 } };
    g_autoptr(ApInventory) inventory = make_inventory(f, mdevs);
    g_autoptr(GPtrArray) findings = NULL;
    const ApFinding *finding = NULL;
    ApApqnSet set;
    guint n = 0;

    (void)data;
    findings = ap_conflict_audit(inventory);
    for (guint i = 0; i < findings->len; i++) {
        const ApFinding *one = findings->pdata[i];

        g_assert_cmpint(one->phase, ==, AP_PHASE_AUDIT);
        if (one->other_mdev && one->mdev) {
            finding = one;
            n++;
        }
    }
    g_assert_cmpuint(n, ==, 1);
    g_assert_cmpstr(finding->mdev, ==, A);
    g_assert_cmpstr(finding->other_mdev, ==, B);
    g_assert_cmpint(finding->code, ==, AP_CODE_IN_USE);
    ap_finding_get_apqns(finding, &set);
    assert_apqns(&set, "05.0004");
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/conflict/candidates-meet-others", Fixture, NULL, set_up,
               test_candidates_meet_others, tear_down);
    g_test_add("/conflict/nobody-is-their-own-opponent", Fixture, NULL, set_up,
               test_nobody_is_their_own_opponent, tear_down);
    g_test_add("/conflict/random-rectangles-share-what-a-plain-count-says", Fixture, NULL, set_up,
               test_random_rectangles_share_what_a_plain_count_says, tear_down);
    g_test_add("/conflict/one-candidate-against-all-queues-is-quick", Fixture, NULL, set_up,
               test_one_candidate_against_all_queues_is_quick, tear_down);
    g_test_add("/conflict/an-audit-tells-a-pair-once", Fixture, NULL, set_up,
               test_an_audit_tells_a_pair_once, tear_down);
    return g_test_run();
}
