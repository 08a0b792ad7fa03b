/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* 41-ap.rules as chzdev writes it, and by hand. */
#include "conf/ap_udev_rule.h"

#include "ap_test.h"

/* What s390-tools 2.40 and 2.41 write. */
#define WAITS_FOR_EVENT                                                                           \
    "ACTION==\"change\", SUBSYSTEM==\"ap\", DEVPATH==\"/devices/ap\", "                           \
    "ENV{BINDINGS}==\"complete\", ENV{COMPLETECOUNT}==\"1\", GOTO=\"cfg_ap\"\n"
#define LOOKS_AT_COUNT                                                                            \
    "ACTION==\"add\", DEVPATH==\"/bus/ap\", ATTR{bindings_complete_count}!=\"0\", "               \
    "GOTO=\"cfg_ap\"\n"
#define REST                                                                                      \
    "GOTO=\"end_ap\"\n\nLABEL=\"cfg_ap\"\n\nATTR{../../bus/ap/apmask}=\"-5\"\n"                   \
    "RUN{builtin}+=\"kmod load vfio_ap\"\n\nLABEL=\"end_ap\"\n"

#define LOADS "|run:kmod load vfio_ap"

static const char *const bound[] = { "BINDINGS=complete", "COMPLETECOUNT=1", NULL };
static const char *const silent[] = { "BINDINGS", "COMPLETECOUNT", NULL };
static const char *const counted[] = { "bindings_complete_count=1", NULL };
static const char *const not_counted[] = { "bindings_complete_count=0", NULL };
static const char *const no_count[] = { "bindings_complete_count", NULL };

static const ApUdevEvent complete = { "change", "ap", "ap", "/devices/ap", bound, no_count };
static const ApUdevEvent early = { "add", "subsystem", "ap", "/bus/ap", silent, counted };
static const ApUdevEvent too_early = { "add", "subsystem", "ap", "/bus/ap", silent, not_counted };
static const ApUdevEvent old_kernel = { "add", "subsystem", "ap", "/bus/ap", silent, no_count };

typedef struct {
    const ApUdevEvent *event;
    const char *text;
    const char *wanted; /* "ATTRIBUTE=value|run:COMMAND", "?" before what happens only perhaps */
} RuleCase;

static const RuleCase cases[] = {
    { &complete, "", "" },
    { &complete, "# ATTR{../apmask}=\"-5\"\n", "" },
    { &complete, "  # ATTR{../apmask}=\"-5\"\n", "" },
    { &complete, "ATTR{../apmask}==\"-5\"\n", "" },
    { &complete, "ENV{apmask}=\"-5\"\n", "" },
    { &complete, "ATTR{../apmask}+=\"-5\"\n", "" },
    /* Where udev does not read a line, it does not do half of it. */
    { &complete, "ATTR{../apmask}=\"-5\n", "" },
    { &complete, "ATTR{../apmask}=\"-5\", nonsense\n", "" },
    { &complete, "ATTR{../apmask}=\"-5\"\n", "../apmask=-5" },
    { &complete, "ATTR{[ap/]apmask} = \"-5,-0x6\", ATTR{[ap/]aqmask}:=\"-71\"\n",
      "[ap/]apmask=-5,-0x6|[ap/]aqmask=-71" },
    { &complete, "ACTION==\"change\", \\\n  # in between\n  ATTR{/sys/bus/ap/aqmask}=\"-4\"\n",
      "/sys/bus/ap/aqmask=-4" },
    { &complete, "ACTION==\"add\", ATTR{../apmask}=\"-5\"\n", "" },
    { &complete, "ACTION!=\"add\", ATTR{../apmask}=\"-5\"\n", "../apmask=-5" },
    { &complete, "ACTION==\"add|change\", ATTR{../apmask}=\"-5\"\n", "../apmask=-5" },
    { &complete, "KERNEL==\"a?\", DEVPATH==\"/dev*\", ATTR{../apmask}=\"-5\"\n", "../apmask=-5" },
    { &complete, "ENV{BINDINGS}==\"?*\", ATTR{../apmask}=\"-5\"\n", "../apmask=-5" },
    { &early, "ENV{BINDINGS}==\"?*\", ATTR{../apmask}=\"-5\"\n", "" },
    { &early, "ENV{BINDINGS}==\"\", ATTR{../apmask}=\"-5\"\n", "../apmask=-5" },
    /* What cannot be judged from here. */
    { &complete, "TEST==\"/etc/x\", ATTR{../apmask}=\"-5\"\n", "?../apmask=-5" },
    { &complete, "ENV{MINE}==\"1\", ATTR{../apmask}=\"-5\"\n", "?../apmask=-5" },
    { &complete, "ENV{BINDINGS}==i\"COMPLETE\", ATTR{../apmask}=\"-5\"\n", "?../apmask=-5" },
    { &complete, "PROGRAM=\"/bin/x\", ATTR{../apmask}=\"-5\"\n", "?run:/bin/x|?../apmask=-5" },
    { &complete, "RUN+=\"/bin/sh -c 'echo -5 > /sys/bus/ap/apmask'\"\n",
      "run:/bin/sh -c 'echo -5 > /sys/bus/ap/apmask'" },
    { &complete, "TEST==\"/etc/x\", GOTO=\"on\"\nATTR{a}=\"1\"\nLABEL=\"on\", ATTR{b}=\"2\"\n",
      "?a=1|b=2" },
    { &complete, "TEST==\"/x\", GOTO=\"on\"\nGOTO=\"end\"\nLABEL=\"on\"\nATTR{a}=\"1\"\n"
                 "LABEL=\"end\"\nATTR{b}=\"2\"\n", "?a=1|b=2" },
    /* udev knows of no way back, nor to where there is no label. */
    { &complete, "LABEL=\"on\"\nGOTO=\"on\"\nATTR{a}=\"1\"\n", "a=1" },
    { &complete, "GOTO=\"nowhere\"\nATTR{a}=\"1\"\n", "a=1" },
    { &complete, WAITS_FOR_EVENT REST, "../../bus/ap/apmask=-5" LOADS },
    { &early, WAITS_FOR_EVENT REST, "" },
    { &early, LOOKS_AT_COUNT WAITS_FOR_EVENT REST, "../../bus/ap/apmask=-5" LOADS },
    { &too_early, LOOKS_AT_COUNT WAITS_FOR_EVENT REST, "" },
    { &old_kernel, LOOKS_AT_COUNT WAITS_FOR_EVENT REST, "" },
    { &complete, LOOKS_AT_COUNT WAITS_FOR_EVENT REST, "../../bus/ap/apmask=-5" LOADS },
};


static void
note(const char *attribute, const char *value, gboolean surely, gpointer data)
{
    GString *seen = data;

    g_string_append_printf(seen, "%s%s%s%s%s", seen->len ? "|" : "", surely ? "" : "?",
                           attribute ? attribute : "run", attribute ? "=" : ":", value);
}


static void
test_rules_do_what_udev_would(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) seen = g_string_new(NULL);

        g_test_message("%s", cases[i].text);
        ap_udev_rule_run(cases[i].text, cases[i].event, note, seen);
        g_assert_cmpstr(seen->str, ==, cases[i].wanted);
    }
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/udev-rule/rules-do-what-udev-would", test_rules_do_what_udev_would);
    return g_test_run();
}
