/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What mdevctl gives the callout: event, action, uuid and parent, a line each, then its standard
 * input. The host has no AP bus and no definition: a start is always refused. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/ap_mdevctl_json.h"
#include "fuzz.h"
#include "node_device/callout/ap_callout.h"

static char *root;


static void
remove_root(void)
{
    g_rmdir(root);
    g_free(root);
}


/* An empty root, and nowhere to print to: answers and refusals are not looked at. */
static void
set_up(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    g_assert_cmpint(null, >=, 0);
    dup2(null, STDOUT_FILENO);
    close(null);
    root = g_dir_make_tmp("libvirt-ap-fuzz-XXXXXX", NULL);
    g_assert_nonnull(root);
    atexit(remove_root);
}


/* The judge's refusals go to a file that nobody reads; a fuzzer's own words must not. */
static int
judge_quietly(const ApCalloutCall *call)
{
    int saved = dup(STDERR_FILENO);
    int result;

    dup2(STDOUT_FILENO, STDERR_FILENO);
    result = ap_callout_judge(call);
    dup2(saved, STDERR_FILENO);
    close(saved);
    alarm(0);
    return result;
}


int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 5);
    g_autoptr(ApMdevDef) def = NULL;
    ApCalloutCall call;
    int result;

    if (g_strv_length(lines) < 5)
        return 0;
    if (!root)
        set_up();
    call = (ApCalloutCall){ root,     lines[0], lines[1],         lines[2],
                            lines[3], lines[4], strlen(lines[4]), getpid() };
    result = judge_quietly(&call);
    g_assert_true(result == 0 || result == 1);
    def = ap_mdevctl_json_parse(call.input, call.input_length, NULL);
    if (strcmp(call.action, "start") == 0 && strcmp(call.event, "pre") == 0)
        g_assert_cmpint(result, ==, 1);
    if (strcmp(call.action, "define") == 0 && !def)
        g_assert_cmpint(result, ==, 1);
    return 0;
}
