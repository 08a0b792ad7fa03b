/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* 41-ap.rules as chzdev writes it, and by hand. */
#include "conf/ap_udev_rule.h"

#include "ap_test.h"

typedef struct {
    const char *text;
    gboolean fails;
    gboolean found;
    const char *cleared[2]; /* ids that full masks lose: apmask, aqmask */
} RuleCase;

static const RuleCase cases[] = {
    { "ACTION==\"change\", ATTR{[ap/]apmask}=\"nonsense\"\n", .fails = TRUE },
    { "ATTR{../apmask}=\"-5\", ATTR{../aqmask}=\"-5-3\"\n", .fails = TRUE },
    { "", .cleared = { "", "" } },
    { "# ATTR{../apmask}=\"-5\"\n", .cleared = { "", "" } },
    { "  # ATTR{../apmask}=\"-5\"\n", .cleared = { "", "" } },
    { "ATTR{../apmask}==\"-5\"\n", .cleared = { "", "" } },
    { "ATTR{../apmask}!=\"-5\"\n", .cleared = { "", "" } },
    { "ENV{apmask}=\"-5\"\n", .cleared = { "", "" } },
    { "ATTR{../apmask}=\"-5\n", .cleared = { "", "" } },
    { "ATTR{../apmask}=\"-5\"\n", .found = TRUE, .cleared = { "5", "" } },
    { "ACTION==\"change\", SUBSYSTEM==\"ap\", ENV{COMPLETECOUNT}==\"1\", "
      "ATTR{[ap/]apmask} = \"-5,-0x6\", ATTR{[ap/]aqmask}:=\"-71\", RUN{builtin}+=\"kmod load\"\n",
      .found = TRUE, .cleared = { "5,6", "71" } },
    { "ACTION==\"change\", \\\n  ATTR{/sys/bus/ap/aqmask}=\"-4\"\n", .found = TRUE,
      .cleared = { "", "4" } },
    { "ATTR{../apmask}=\"-5\"\nATTR{../apmask}=\"-6\"\n", .found = TRUE, .cleared = { "5,6", "" } },
};


static void
assert_cleared(const ApMask *mask, const char *ids)
{
    ApMask full = ap_mask_range(0, 255);
    ApMask cleared = make_mask(ids);
    ApMask wanted = ap_mask_minus(&full, &cleared);

    g_assert_true(ap_mask_equal(mask, &wanted));
}


static void
test_rules_change_the_masks(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const RuleCase *c = &cases[i];
        g_autoptr(GError) error = NULL;
        ApMask apmask = ap_mask_range(0, 255);
        ApMask aqmask = apmask;
        gboolean found = 7;

        g_test_message("%s", c->text);
        g_assert_cmpint(ap_udev_rule_parse(c->text, &apmask, &aqmask, &found, &error), ==,
                        !c->fails);
        g_assert_cmpint(found, ==, c->fails ? 7 : c->found);
        assert_cleared(&apmask, c->fails ? "" : c->cleared[0]);
        assert_cleared(&aqmask, c->fails ? "" : c->cleared[1]);
        if (c->fails)
            assert_error(&error, AP_ERROR_MASK);
    }
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/udev-rule/rules-change-the-masks", test_rules_change_the_masks);
    return g_test_run();
}
