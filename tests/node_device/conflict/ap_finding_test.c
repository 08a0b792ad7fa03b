/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of several findings stays, in which order, and how one reads. */
#include "node_device/conflict/ap_finding.h"

#include "ap_test.h"

typedef struct {
    ApCode code;
    ApSeverity severity;
    const char *mdev;
    const char *guest;
    const char *other_mdev;
    const char *other_guest;
    const char *message;
} Row;

typedef struct {
    const char *name;
    Row rows[5];
    const char *settled; /* the messages that stay, in their order */
} SettleCase;

static const SettleCase cases[] = {
    { "nothing", { { 0 } }, "" },
    { "rejections first, then codes by name",
      { { AP_CODE_UNUSABLE, AP_SEVERITY_WARN, "a", NULL, NULL, NULL, "1" },
        { AP_CODE_FILTERED, AP_SEVERITY_WARN, "a", NULL, NULL, NULL, "2" },
        { AP_CODE_TOO_BIG, AP_SEVERITY_REJECT, "a", NULL, NULL, NULL, "3" },
        { AP_CODE_BUSY, AP_SEVERITY_REJECT, "a", NULL, NULL, NULL, "4" } },
      "4 3 2 1" },
    { "one code by the other mdev",
      { { AP_CODE_IN_USE, AP_SEVERITY_REJECT, "a", NULL, "d", NULL, "d" },
        { AP_CODE_IN_USE, AP_SEVERITY_REJECT, "a", NULL, "b", NULL, "b" },
        { AP_CODE_IN_USE, AP_SEVERITY_REJECT, "a", NULL, "c", NULL, "c" } },
      "b c d" },
    { "of one code about one mdev the strongest stays",
      { { AP_CODE_HOST_OWNED, AP_SEVERITY_WARN, "a", NULL, NULL, NULL, "define" },
        { AP_CODE_HOST_OWNED, AP_SEVERITY_REJECT, "a", NULL, NULL, NULL, "start" },
        { AP_CODE_HOST_OWNED, AP_SEVERITY_REJECT, "b", NULL, NULL, NULL, "other" } },
      "start other" },
    { "of the sharing codes the strongest stays, in-use before the others",
      { { AP_CODE_DEFINED_ELSEWHERE, AP_SEVERITY_REJECT, "a", NULL, "b", NULL, "defined" },
        { AP_CODE_GUEST_OVERLAP, AP_SEVERITY_REJECT, "a", NULL, "b", NULL, "overlap" },
        { AP_CODE_IN_USE, AP_SEVERITY_REJECT, "a", NULL, "b", NULL, "in use" } },
      "in use" },
    { "guest-overlap tells more than defined-elsewhere",
      { { AP_CODE_DEFINED_ELSEWHERE, AP_SEVERITY_WARN, "a", NULL, "b", NULL, "defined" },
        { AP_CODE_GUEST_OVERLAP, AP_SEVERITY_WARN, "a", NULL, "b", "x", "overlap" } },
      "overlap" },
    { "but a rejection goes first",
      { { AP_CODE_DEFINED_ELSEWHERE, AP_SEVERITY_REJECT, "a", NULL, "b", NULL, "defined" },
        { AP_CODE_GUEST_OVERLAP, AP_SEVERITY_WARN, "a", NULL, "b", NULL, "overlap" } },
      "defined" },
    { "a pair is one pair whoever names it",
      { { AP_CODE_IN_USE, AP_SEVERITY_REJECT, "a", "x", "b", "y", "first" },
        { AP_CODE_IN_USE, AP_SEVERITY_REJECT, "a", "z", "b", "y", "second" } },
      "first" },
    { "two guests on one mdev are told each",
      { { AP_CODE_GUEST_SHARED_MDEV, AP_SEVERITY_WARN, "a", "x", "a", "y", "y" },
        { AP_CODE_GUEST_SHARED_MDEV, AP_SEVERITY_WARN, "a", "x", "a", "z", "z" },
        { AP_CODE_GUEST_SHARED_MDEV, AP_SEVERITY_REJECT, "a", "x", "a", "y", "y runs" } },
      "y runs z" },
    { "files that cannot be read are told each",
      { { AP_CODE_UNREADABLE, AP_SEVERITY_WARN, NULL, NULL, "a", NULL, "one" },
        { AP_CODE_UNREADABLE, AP_SEVERITY_WARN, NULL, NULL, "a", NULL, "two" },
        { AP_CODE_UNREADABLE, AP_SEVERITY_WARN, NULL, NULL, "a", NULL, "one" } },
      "one two" },
    { "previous owners are told each",
      { { AP_CODE_PREVIOUS_OWNER, AP_SEVERITY_WARN, "a", "x", NULL, "y", "y" },
        { AP_CODE_PREVIOUS_OWNER, AP_SEVERITY_WARN, "a", "x", NULL, "z", "z" } },
      "y z" },
};


static ApFinding *
make_finding(const Row *row)
{
    ApFinding *finding = g_new0(ApFinding, 1);

    finding->code = row->code;
    finding->severity = row->severity;
    finding->mdev = g_strdup(row->mdev);
    finding->guest = g_strdup(row->guest);
    finding->other_mdev = g_strdup(row->other_mdev);
    finding->other_guest = g_strdup(row->other_guest);
    finding->message = g_strdup(row->message);
    finding->hint = g_strdup("");
    return finding;
}


static void
test_lists_are_settled(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) findings = ap_finding_list_new();
        g_autoptr(GString) got = g_string_new(NULL);

        for (const Row *row = cases[i].rows; row->message; row++)
            g_ptr_array_add(findings, make_finding(row));
        ap_finding_list_settle(findings);
        for (guint k = 0; k < findings->len; k++) {
            const ApFinding *finding = findings->pdata[k];

            g_string_append_printf(got, "%s%s", k > 0 ? " " : "", finding->message);
        }
        g_test_message("%s", cases[i].name);
        g_assert_cmpstr(got->str, ==, cases[i].settled);
    }
}


static void
test_a_list_is_as_severe_as_its_worst(void)
{
    const Row warn = { AP_CODE_EMPTY, AP_SEVERITY_WARN, .message = "w" };
    const Row reject = { AP_CODE_EMPTY, AP_SEVERITY_REJECT, .message = "r" };
    g_autoptr(GPtrArray) findings = ap_finding_list_new();

    g_assert_cmpint(ap_finding_list_severity(findings), ==, AP_SEVERITY_ALLOW);
    g_ptr_array_add(findings, make_finding(&warn));
    g_assert_cmpint(ap_finding_list_severity(findings), ==, AP_SEVERITY_WARN);
    g_ptr_array_add(findings, make_finding(&reject));
    g_assert_cmpint(ap_finding_list_severity(findings), ==, AP_SEVERITY_REJECT);
}


/* Whether a change adds to what was found before: as severe, the same code, other and APQNs. */
static void
test_what_was_there_before_is_known(void)
{
    const Row row = { AP_CODE_IN_USE, AP_SEVERITY_REJECT, "a", NULL, "b", "y", "m" };
    const Row others[] = {
        { AP_CODE_BUSY, AP_SEVERITY_REJECT, "a", NULL, "b", "y", "code" },
        { AP_CODE_IN_USE, AP_SEVERITY_WARN, "a", NULL, "b", "y", "severity" },
        { AP_CODE_IN_USE, AP_SEVERITY_REJECT, "a", NULL, "c", "y", "mdev" },
        { AP_CODE_IN_USE, AP_SEVERITY_REJECT, "a", NULL, "b", "z", "guest" },
    };
    g_autoptr(GPtrArray) now = ap_finding_list_new();
    ApMask adapters = make_mask("5");
    ApMask domains = make_mask("4,71");
    ApFinding *finding = make_finding(&row);
    ApApqnSet apqns = { 0 };

    g_ptr_array_add(now, finding);
    ap_apqn_set_add(&apqns, &adapters, &domains);
    ap_finding_set_apqns(finding, &apqns);
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autoptr(GPtrArray) before = ap_finding_list_new();
        ApFinding *old = make_finding(&others[i]);

        g_ptr_array_add(before, old);
        ap_finding_set_apqns(old, &apqns);
        g_test_message("%s", others[i].message);
        g_assert_false(ap_finding_is_known(finding, before));
        old->code = finding->code;
        old->severity = finding->severity;
        g_free(old->other_mdev);
        g_free(old->other_guest);
        old->other_mdev = g_strdup("b");
        old->other_guest = g_strdup("y");
        g_assert_true(ap_finding_is_known(finding, before));
        ap_mask_clear(&old->rectangles[0].domains, 71);
        g_assert_false(ap_finding_is_known(finding, before));
    }
}


static void
test_hints_are_indented(void)
{
    const Row row = { AP_CODE_EMPTY, AP_SEVERITY_WARN, .message = "what" };
    g_autoptr(GPtrArray) findings = ap_finding_list_new();
    ApFinding *finding = make_finding(&row);
    g_autofree char *plain = ap_finding_to_text(finding);
    g_autofree char *hinted = NULL;

    g_ptr_array_add(findings, finding);
    g_free(finding->hint);
    finding->hint = g_strdup("do this\nor that");
    hinted = ap_finding_to_text(finding);
    g_assert_cmpstr(plain, ==, "what");
    g_assert_cmpstr(hinted, ==, "what\n  do this\n  or that");
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/finding/lists-are-settled", test_lists_are_settled);
    g_test_add_func("/finding/a-list-is-as-severe-as-its-worst",
                    test_a_list_is_as_severe_as_its_worst);
    g_test_add_func("/finding/what-was-there-before-is-known",
                    test_what_was_there_before_is_known);
    g_test_add_func("/finding/hints-are-indented", test_hints_are_indented);
    return g_test_run();
}
