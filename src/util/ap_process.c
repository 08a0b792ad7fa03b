/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes, as /proc describes them. */
#include "util/ap_process.h"

#include <string.h>

#include "util/ap_error.h"
#include "util/ap_id.h"

/* Fields behind the command in /proc/PID/stat, the state being the first: proc(5). */
enum {
    STAT_PARENT = 1,
    STAT_SESSION = 3,
    STAT_START = 19,
};

/* No chain of parents is as long as that; it could change while it is walked. */
#define ANCESTORS_MAX 64


void
ap_process_free(ApProcess *process)
{
    if (!process)
        return;
    g_free(process->command);
    g_free(process->start);
    g_free(process);
}


/* A parent or session of another namespace of process ids is 0. */
static int
parse_id(const char *text)
{
    int pid = 0;

    ap_pid_parse(text, &pid);
    return pid;
}


/* "PID (COMMAND) STATE PPID ..."; the command may hold blanks and parentheses. */
static ApProcess *
parse_stat(const char *text)
{
    const char *start = strchr(text, '(');
    const char *end = strrchr(text, ')');
    g_auto(GStrv) fields = NULL;
    ApProcess *process;

    if (!start || !end || end < start || end[1] != ' ')
        return NULL;
    fields = g_strsplit(end + 2, " ", -1);
    if (g_strv_length(fields) <= STAT_START)
        return NULL;
    process = g_new0(ApProcess, 1);
    process->command = g_strndup(start + 1, end - start - 1);
    process->parent = parse_id(fields[STAT_PARENT]);
    process->session = parse_id(fields[STAT_SESSION]);
    process->start = g_strdup(fields[STAT_START]);
    return process;
}


ApProcess *
ap_process_read(const ApRoot *root, int pid, GError **error)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
    g_autofree char *text = ap_root_read(root, path, AP_ROOT_ATTRIBUTE_MAX, NULL, error);
    ApProcess *process = text ? parse_stat(text) : NULL;

    if (text && !process)
        g_set_error(error, AP_ERROR, AP_ERROR_IO, "%s: not as the kernel writes it", path);
    return process;
}


int
ap_process_find_daemon(const ApRoot *root, int pid, int session)
{
    static const char *const names[] = { "libvirtd", "virtqemud", NULL };
    int daemon = pid;

    for (guint i = 0; pid > 1 && i < ANCESTORS_MAX; i++) {
        g_autoptr(ApProcess) process = ap_process_read(root, pid, NULL);

        if (!process)
            break;
        if (g_strv_contains(names, process->command))
            return pid;
        if (process->session == session)
            daemon = pid;
        pid = process->parent;
    }
    return daemon;
}
