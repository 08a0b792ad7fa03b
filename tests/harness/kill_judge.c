/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stands in the callout's place and becomes it, while a child traces it: the judge that the callout
 * forks is hit at its Nth system call. Tests of the callout use it, also under the real mdevctl.
 *
 * Environment: AP_CALLOUT the callout; AP_HIT_AT N, counted from 1, 0 for never; AP_HIT_WITH the
 * number of a signal, or "nomem": from then on the judge gets no more memory; AP_HIT_LOG a file,
 * which then holds how many system calls were seen, and "hit" or "end". */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE)


G_NORETURN static void
fail(const char *what)
{
    fprintf(stderr, "kill_judge: %s: %s\n", what, strerror(errno));
    _exit(99);
}


static long
parse_number(const char *text)
{
    gint64 value;

    if (!text || !g_ascii_string_to_signed(text, 10, 0, G_MAXINT, &value, NULL))
        fail("not a number");
    return value;
}


static void
hit(pid_t judge, const char *with)
{
    const struct rlimit none = { 0, 0 };

    if (strcmp(with, "nomem") == 0)
        prlimit(judge, RLIMIT_AS, &none, NULL);
    else
        kill(judge, parse_number(with));
    ptrace(PTRACE_DETACH, judge, NULL, NULL);
}


static void
write_log(long count, const char *how)
{
    FILE *log = fopen(getenv("AP_HIT_LOG"), "w");

    if (!log || fprintf(log, "%ld %s\n", count, how) < 0 || fclose(log) != 0)
        fail("AP_HIT_LOG");
}


/* Whether @judge stands at the entry of a system call, and of which. */
static gboolean
is_entry(pid_t judge, int status, guint64 *ret_number)
{
    struct __ptrace_syscall_info info;

    if (WSTOPSIG(status) != (SIGTRAP | 0x80) ||
        ptrace(PTRACE_GET_SYSCALL_INFO, judge, sizeof(info), &info) <= 0 ||
        info.op != PTRACE_SYSCALL_INFO_ENTRY)
        return FALSE;
    *ret_number = info.entry.nr;
    return TRUE;
}


/* Follows the callout until its child ends or is hit. Its exit does not count: that is its word. */
static void
trace(pid_t callout, long at, const char *with)
{
    pid_t judge = 0;
    long count = 0;

    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL);
        guint64 number;
        gboolean at_call;

        if (pid < 0 || (pid == judge && !WIFSTOPPED(status)))
            break;
        if (!WIFSTOPPED(status))
            continue;
        /* The callout forks the judge and nothing else. */
        if (judge == 0 && pid != callout)
            judge = pid;
        at_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
        if (pid == judge && is_entry(judge, status, &number) && number != SYS_exit_group &&
            ++count == at) {
            hit(judge, with);
            write_log(count, "hit");
            return;
        }
        ptrace(pid == judge ? PTRACE_SYSCALL : pid == callout ? PTRACE_CONT : PTRACE_DETACH, pid,
               NULL, status >> 16 || at_call ? 0 : WSTOPSIG(status));
    }
    write_log(count, "end");
}


int
main(int argc, char **argv)
{
    long at = parse_number(getenv("AP_HIT_AT"));
    pid_t callout = getpid();
    int ready[2];
    char byte;

    if (argc < 1 || pipe2(ready, O_CLOEXEC) < 0)
        fail("pipe");
    switch (fork()) {
    case -1:
        fail("fork");
    case 0:
        for (int fd = 0; fd <= 2; fd++)
            close(fd);
        if (ptrace(PTRACE_SEIZE, callout, NULL, OPTIONS) < 0)
            _exit(99);
        if (write(ready[1], "", 1) != 1)
            _exit(99);
        close(ready[0]);
        close(ready[1]);
        trace(callout, at, getenv("AP_HIT_WITH"));
        _exit(0);
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        fail("PTRACE_SEIZE");
    execv(getenv("AP_CALLOUT"), argv);
    fail("AP_CALLOUT");
}
