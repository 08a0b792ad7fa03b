/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kill_at NUMBER N PROGRAM [ARG...]: runs a program and kills it when it is about to make its Nth
 * system call of that number. Ends as the program did; with 137 if it was killed.
 *
 * strace can do so too, but stops the program at each call whatever its number (its --seccomp-bpf
 * and the injection of a signal do not go together), and that takes most of the time of a test that
 * kills thousands of times. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/ap_id.h"

#define OPTIONS                                                                                   \
    (PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |       \
     PTRACE_O_TRACECLONE)


static void
fail(const char *what)
{
    fprintf(stderr, "kill_at: %s: %s\n", what, strerror(errno));
    _exit(99);
}


/* In the child: only calls of that number stop it from here on. */
static void
run_program(guint64 number, char **argv)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = 4, .filter = filter };

    if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
        fail("ptrace");
    raise(SIGSTOP);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        fail("seccomp");
    execvp(argv[0], argv);
    fail(argv[0]);
}


/* The signal that a stopped process is to get: not those that only tell of the tracing. */
static int
get_signal(int status)
{
    int signal = WSTOPSIG(status);

    return status >> 16 || signal == SIGSTOP || signal == SIGTRAP ? 0 : signal;
}


/* Returns the status with which @child ends. What it starts is let go on. */
static int
trace(pid_t child, guint64 n)
{
    guint64 seen = 0;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, __WALL)) > 0) {
        if (!WIFSTOPPED(status)) {
            if (pid == child)
                return status;
            continue;
        }
        if (pid == child && status >> 16 == PTRACE_EVENT_SECCOMP && ++seen == n)
            kill(child, SIGKILL);
        else
            ptrace(PTRACE_CONT, pid, 0, get_signal(status));
    }
    fail("waitpid");
    return 0;
}


int
main(int argc, char **argv)
{
    guint64 number;
    guint64 n;
    pid_t child;
    int status;

    if (argc < 4 || !ap_attr_parse(argv[1], &number, NULL) || !ap_attr_parse(argv[2], &n, NULL)) {
        fprintf(stderr, "usage: kill_at NUMBER N PROGRAM [ARG...]\n");
        return 2;
    }
    child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0)
        run_program(number, argv + 3);
    if (waitpid(child, &status, 0) != child || ptrace(PTRACE_SETOPTIONS, child, 0, OPTIONS) < 0)
        fail("ptrace");
    ptrace(PTRACE_CONT, child, 0, 0);
    status = trace(child, n);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
