/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The configuration file: severities, exceptions, pools. */
#include "conf/ap_config.h"

#include "ap_test.h"

#define UUID_A "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
#define UUID_B "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"

/* The text, and what the message must name. */
static const char *const bad[][2] = {
    { "x", "/x.conf" },
    { "[severity", "/x.conf" },
    { "[unknown]\n", "[unknown]" },
    { "[severity]\nin-use=perhaps\n", "[severity] in-use: 'perhaps'" },
    { "[severity]\nin-sue=warn\n", "[severity] in-sue" },
    { "[severity noon]\nin-use=warn\n", "[severity noon]" },
    { "[severity audit]\nin-use=warn\n", "[severity audit]" },
    { "[lock]\ntimeout=601\n", "[lock] timeout: '601'" },
    { "[lock]\ntimeout=-1\n", "[lock] timeout" },
    { "[lock]\ntimeout=\n", "[lock] timeout" },
    { "[lock]\nwait=5\n", "[lock] wait" },
    { "[exception e]\nin-use=warn\n", "[exception e] mdev" },
    { "[exception e]\nmdev=5\n", "[exception e] mdev: '5'" },
    { "[exception e]\nguest=g\nin-use=no\n", "[exception e] in-use" },
    { "[exception e]\npool=p\nin-use=warn\n", "[pool p]" },
    { "[exception]\nguest=g\n", "[exception]" },
    { "[pool p]\nadapters=5-3\n", "[pool p] adapters" },
    { "[pool p]\nadapters=256\n", "[pool p] adapters" },
    { "[pool p]\nadapters=05\n", "[pool p] adapters" },
    { "[pool p]\ndomains=\n", "[pool p] domains" },
    { "[pool p]\nguests=a\\qb\n", "[pool p] guests" },
    { "[pool p]\nqueues=5\n", "[pool p] queues" },
    { "[pool p]\nmode=EP11\n", "[pool p] mode: 'EP11' is no mode" },
    { "[pool p]\nmode=\n", "[pool p] mode: '' is no mode" },
    { "[pool p]\nmin-type=cex\n", "[pool p] min-type: 'cex' is no card type" },
    { "[pool p]\nmin-type=cex8p\n", "[pool p] min-type: 'cex8p' is no card type" },
    { "[pool p]\nadapters=5;8\n", "ids are separated by commas" },
    { "[pool p]\ndomains=5 8\n", "ids are separated by commas" },
    { "[pool p]\ndomains=5,\n", "[pool p] domains" },
    /* GKeyFile would put the two together, and give web the queues of db. */
    { "[pool p]\nadapters=5\nguests=web\n[pool p]\nadapters=6\nguests=db\n",
      "[pool p]: stands in line 1 and in line 4" },
    { "[severity]\nempty=warn\n\n# x\n  [severity] \r\nbusy=warn\n",
      "[severity]: stands in line 1 and in line 5" },
    { "[severity define]\n[severity define]\n", "[severity define]: stands in line 1" },
    { "[exception e]\nguest=a\n[exception e]\nguest=b\n", "[exception e]: stands in line 1" },
    { "[lock]\n[guests]\n[lock]\n", "[lock]: stands in line 1 and in line 3" },
    { "[pool  p]\nadapters=5\n", "[pool  p]: wanted one blank" },
    { "[pool p ]\nadapters=5\n", "[pool p ]: wanted one blank" },
    { "[pool ]\nadapters=5\n", "[pool ]: wanted one blank" },
    { "[pool p]\nguests=web\nadapters=5\nguests = db\n",
      "[pool p] guests: stands in line 2 and in line 4" },
    { "[pool p]\nadapters=5\nadapters=6\n", "[pool p] adapters: stands in line 2" },
    { "[exception e]\nmdev=" UUID_A "\nmdev=" UUID_B "\n", "[exception e] mdev: stands" },
    { "[severity]\nin-use=reject\nin-use=warn\n", "[severity] in-use: stands in line 2" },
    { "[lock]\ntimeout=5\ntimeout=6\n", "[lock] timeout: stands" },
    { "[pool p]\nguests[de]=web\n", "[pool p] guests[de]: unknown key" },
    /* Taken for one name, silently. */
    { "[pool p]\nguests = a, b\n", "[pool p] guests: 'a, b': names are separated by semicolons" },
    { "[pool p]\nguests = a; b, c\n", "names are separated by semicolons" },
    { "[pool p]\nguests = web # the web server\n", "a comment has a line of its own" },
    { "[pool p]\nguests = \"web\"\n", "names stand there without quotes" },
    { "[pool p]\nguests = web\\\n", "a backslash stands before" },
    { "[exception e]\nguest = a; b\nempty=allow\n", "[exception e] guest: wanted one name" },
    { "[exception e]\nguest = a, b\nempty=allow\n", "[exception e] guest: 'a, b': names" },
    { "[exception e]\nguest =\nempty=allow\n", "[exception e] guest: wanted one name" },
    { "[exception e]\npool = p;\nempty=allow\n", "[pool p]" },
};


static ApConfig *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    ApConfig *config = ap_config_parse(text, strlen(text), "/x.conf", &error);

    g_assert_no_error(error);
    return config;
}


static void
test_a_bad_value_names_file_group_and_key(void)
{
    g_autoptr(GError) nul_error = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_test_message("%s", bad[i][0]);
        g_assert_null(ap_config_parse(bad[i][0], strlen(bad[i][0]), "/x.conf", &error));
        g_assert_true(g_str_has_prefix(error->message, "/x.conf"));
        g_assert_nonnull(strstr(error->message, bad[i][1]));
        assert_error(&error, AP_ERROR_CONFIG);
    }
    g_assert_null(ap_config_parse("[lock]\n\0[", 9, "/x.conf", &nul_error));
    assert_error(&nul_error, AP_ERROR_CONFIG);
}


static void
test_without_a_file_the_defaults_hold(void)
{
    g_autoptr(ApConfig) config = parse("# nothing\n");
    const char *none = NULL;

    g_assert_cmpuint(config->lock_timeout_s, ==, 30);
    g_assert_cmpuint(config->pools->len, ==, 0);
    for (guint code = 0; code < AP_N_CODES; code++)
        g_assert_cmpint(ap_config_get_severity(config, code, AP_PHASE_START, AP_SEVERITY_REJECT,
                                               &none, &none, 1),
                        ==, AP_SEVERITY_REJECT);
}


static const char policy[] = "[severity define]\n"
                             "in-use=reject\n"
                             "[severity]\n"
                             "in-use = warn\n"
                             "empty=reject\n"
                             "[lock]\n"
                             "timeout=0\n"
                             "[pool gold]\n"
                             "adapters=5,0x08-0x0a\n"
                             "domains=0-255\n"
                             "guests= web ; db;the \\# 1\\, and last;\n"
                             "[exception one]\n"
                             "mdev=AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA\n"
                             "in-use=allow\n"
                             "[exception two]\n"
                             "pool=gold\n"
                             "filtered=reject\n"
                             "[exception three]\n"
                             "guest=web\n"
                             "filtered=allow\n"
                             "[exception four]\n"
                             "guest=db\n"
                             "mdev=" UUID_B "\n"
                             "empty=warn\n";

static const struct {
    ApCode code;
    ApPhase phase;
    const char *mdev;
    const char *guest;
    ApSeverity severity; /* the default is warn */
} severity_cases[] = {
    { AP_CODE_IN_USE, AP_PHASE_DEFINE, NULL, NULL, AP_SEVERITY_REJECT },
    { AP_CODE_IN_USE, AP_PHASE_GUEST, NULL, NULL, AP_SEVERITY_WARN },
    { AP_CODE_IN_USE, AP_PHASE_DEFINE, UUID_A, NULL, AP_SEVERITY_ALLOW },
    { AP_CODE_IN_USE, AP_PHASE_DEFINE, UUID_B, NULL, AP_SEVERITY_REJECT },
    { AP_CODE_EMPTY, AP_PHASE_START, NULL, NULL, AP_SEVERITY_REJECT },
    { AP_CODE_EMPTY, AP_PHASE_START, UUID_B, NULL, AP_SEVERITY_REJECT },
    { AP_CODE_EMPTY, AP_PHASE_START, NULL, "db", AP_SEVERITY_REJECT },
    { AP_CODE_EMPTY, AP_PHASE_START, UUID_B, "db", AP_SEVERITY_WARN },
    { AP_CODE_FILTERED, AP_PHASE_START, NULL, "db", AP_SEVERITY_REJECT },
    { AP_CODE_FILTERED, AP_PHASE_START, NULL, "web", AP_SEVERITY_ALLOW },
    { AP_CODE_FILTERED, AP_PHASE_START, NULL, "test", AP_SEVERITY_WARN },
    { AP_CODE_UNUSABLE, AP_PHASE_START, UUID_A, "web", AP_SEVERITY_WARN },
};


static void
test_exceptions_go_before_phases_and_phases_before_the_rest(void)
{
    g_autoptr(ApConfig) config = parse(policy);

    for (gsize i = 0; i < G_N_ELEMENTS(severity_cases); i++) {
        const char *mdevs[] = { NULL, severity_cases[i].mdev };
        const char *guests[] = { NULL, severity_cases[i].guest };

        g_test_message("case %zu", i);
        g_assert_cmpint(ap_config_get_severity(config, severity_cases[i].code,
                                               severity_cases[i].phase, AP_SEVERITY_WARN, mdevs,
                                               guests, 2),
                        ==, severity_cases[i].severity);
    }
}


static void
test_pools_are_ids_and_guests(void)
{
    g_autoptr(ApConfig) config = parse(policy);
    const ApPool *pool = config->pools->pdata[0];
    ApMask adapters = make_mask("5,8,9,10");

    g_assert_cmpuint(config->lock_timeout_s, ==, 0);
    g_assert_cmpuint(config->pools->len, ==, 1);
    g_assert_cmpstr(pool->name, ==, "gold");
    g_assert_true(ap_mask_equal(&pool->adapters, &adapters));
    g_assert_cmpuint(ap_mask_count(&pool->domains), ==, 256);
    g_assert_cmpuint(g_strv_length(pool->guests), ==, 3);
    g_assert_cmpstr(pool->guests[0], ==, "web");
    g_assert_cmpstr(pool->guests[1], ==, "db");
    g_assert_cmpstr(pool->guests[2], ==, "the # 1, and last");
}


static void
test_names_go_both_ways(void)
{
    ApCode code;
    ApPhase phase;
    ApSeverity severity;

    for (guint i = 0; i < AP_N_CODES; i++) {
        g_assert_true(ap_code_from_string(ap_code_to_string(i), &code));
        g_assert_cmpint(code, ==, i);
    }
    for (guint i = 0; i < AP_N_PHASES; i++) {
        g_assert_true(ap_phase_from_string(ap_phase_to_string(i), &phase));
        g_assert_cmpint(phase, ==, i);
    }
    for (guint i = 0; i <= AP_SEVERITY_REJECT; i++) {
        g_assert_true(ap_severity_from_string(ap_severity_to_string(i), &severity));
        g_assert_cmpint(severity, ==, i);
    }
    code = 7;
    g_assert_false(ap_code_from_string("IN-USE", &code));
    g_assert_false(ap_phase_from_string("", &phase));
    g_assert_false(ap_severity_from_string("deny", &severity));
    g_assert_cmpint(code, ==, 7);
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/config/a-bad-value-names-file-group-and-key",
                    test_a_bad_value_names_file_group_and_key);
    g_test_add_func("/config/without-a-file-the-defaults-hold",
                    test_without_a_file_the_defaults_hold);
    g_test_add_func("/config/exceptions-go-before-phases-and-phases-before-the-rest",
                    test_exceptions_go_before_phases_and_phases_before_the_rest);
    g_test_add_func("/config/pools-are-ids-and-guests", test_pools_are_ids_and_guests);
    g_test_add_func("/config/names-go-both-ways", test_names_go_both_ways);
    return g_test_run();
}
