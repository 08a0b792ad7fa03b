/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fault_at CALL N ERRNO PROGRAM [ARG...]: runs a program of which the Nth system call of that name
 * fails with that number, in it or in what it starts. Ends as the program did; with 200 if it made
 * fewer such calls.
 *
 * fault_at --list FILE PROGRAM [ARG...]: writes the system calls that it makes to FILE, one a line.
 *
 * Environment: FAULT_AT_PID a file that gets this process's id, as the lock has its parent's for a
 * callout.
 *
 * The kernel asks this process about each of these calls (seccomp's user notification); all others
 * run at full speed, so thousands of faults take a minute. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/ap_id.h"

#define NOT_HIT 200

/* The child passes the kernel's questions on by this descriptor, and is not asked about that. */
#define CHANNEL 900

/* Long enough for what the simulated kernel opens. */
#define PATH_LENGTH 512

#define CALL(name) { #name, SYS_##name }

/* What can fail. The rest, such as getpid, is listed by its number. */
static const struct {
    const char *name;
    int number;
} calls[] = {
#ifdef SYS_access
    CALL(access),
#endif
#ifdef SYS_dup2
    CALL(dup2),
#endif
#ifdef SYS_fork
    CALL(fork),
#endif
#ifdef SYS_link
    CALL(link),
#endif
#ifdef SYS_lstat
    CALL(lstat),
#endif
#ifdef SYS_mkdir
    CALL(mkdir),
#endif
#ifdef SYS_open
    CALL(open),
#endif
#ifdef SYS_pipe
    CALL(pipe),
#endif
#ifdef SYS_poll
    CALL(poll),
#endif
#ifdef SYS_readlink
    CALL(readlink),
#endif
#ifdef SYS_rename
    CALL(rename),
#endif
#ifdef SYS_rmdir
    CALL(rmdir),
#endif
#ifdef SYS_stat
    CALL(stat),
#endif
#ifdef SYS_symlink
    CALL(symlink),
#endif
#ifdef SYS_unlink
    CALL(unlink),
#endif
#ifdef SYS_vfork
    CALL(vfork),
#endif
    CALL(bind),
    CALL(brk),
    CALL(clock_nanosleep),
    CALL(clone),
    CALL(clone3),
    CALL(close),
    CALL(close_range),
    CALL(connect),
    CALL(dup),
    CALL(dup3),
    CALL(execve),
    CALL(faccessat),
    CALL(faccessat2),
    CALL(fchmod),
    CALL(fchmodat),
    CALL(fchown),
    CALL(fcntl),
    CALL(flock),
    CALL(fstat),
    CALL(fsync),
    CALL(ftruncate),
    CALL(getdents64),
    CALL(getrandom),
    CALL(getsockopt),
    CALL(ioctl),
    CALL(kill),
    CALL(linkat),
    CALL(lseek),
    CALL(memfd_create),
    CALL(mkdirat),
    CALL(mmap),
    CALL(mprotect),
    CALL(mremap),
    CALL(munmap),
    CALL(nanosleep),
    CALL(newfstatat),
    CALL(openat),
    CALL(openat2),
    CALL(pidfd_open),
    CALL(pipe2),
    CALL(ppoll),
    CALL(prctl),
    CALL(pread64),
    CALL(read),
    CALL(readlinkat),
    CALL(recvmsg),
    CALL(renameat),
    CALL(renameat2),
    CALL(rt_sigtimedwait),
    CALL(sendmsg),
    CALL(sendto),
    CALL(setsockopt),
    CALL(socket),
    CALL(socketpair),
    CALL(statx),
    CALL(symlinkat),
    CALL(unlinkat),
    CALL(wait4),
    CALL(waitid),
    CALL(write),
    CALL(writev),
};

/* The calls that this process is asked about. */
typedef struct {
    int number; /* -1: all */
    guint64 n;
    int errnum;
    FILE *list;
    guint64 seen;
    gboolean started; /* the program runs: the first execve is ours */
    guint64 kernel_fd; /* while the simulated kernel works: its lock */
    gboolean in_kernel;
    pid_t kernel_pid;
} Questions;


G_NORETURN static void
fail(const char *what)
{
    fprintf(stderr, "fault_at: %s: %s\n", what, strerror(errno));
    _exit(99);
}


static int
find_call(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(calls); i++) {
        if (strcmp(calls[i].name, name) == 0)
            return calls[i].number;
    }
    return -1;
}


static int
ask_about(int number)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 offsetof(struct seccomp_data, args[0]) +
                     (G_BYTE_ORDER == G_BIG_ENDIAN ? sizeof(guint32) : 0)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, CHANNEL, 4, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number < 0 ? 0 : number, 0, number < 0 ? 0 : 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = G_N_ELEMENTS(filter), .filter = filter };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        fail("no_new_privs");
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                   &program);
}


/* Sends or receives a descriptor. */
static int
pass_fd(int channel, int fd)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    char byte = 0;
    struct iovec data = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr message = {
        .msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = control.space,
        .msg_controllen = sizeof(control.space),
    };

    if (fd < 0) {
        if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
            return -1;
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
        return fd;
    }
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    return sendmsg(channel, &message, 0) == 1 ? 0 : -1;
}


static void
run_program(int number, char **argv)
{
    int listener = ask_about(number);

    /* No call may come before the other side can answer. */
    if (listener < 0 || pass_fd(CHANNEL, listener) < 0)
        _exit(99);
    execv(argv[0], argv);
    _exit(99);
}


/* Reads the path that a call of the other process is about. */
static gboolean
read_path(pid_t pid, guint64 address, char *path)
{
    struct iovec here = { .iov_base = path, .iov_len = PATH_LENGTH - 1 };
    struct iovec there = { .iov_base = (void *)(gsize)address, .iov_len = PATH_LENGTH - 1 };
    ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);

    /* The string may end with its page. */
    if (n < 0) {
        there.iov_len = 4096 - address % 4096;
        n = process_vm_readv(pid, &here, 1, &there, 1, 0);
    }
    path[MAX(n, 0)] = '\0';
    return n > 0;
}


/* Whether a call is one of the simulated kernel's own, from locking to unlocking it: what fails
 * there is no fault that a host can have. */
static gboolean
is_in_kernel(Questions *questions, const struct seccomp_notif *request)
{
    const struct seccomp_data *call = &request->data;
    char path[PATH_LENGTH];

    if (!questions->in_kernel && call->nr == SYS_openat &&
        read_path(request->pid, call->args[1], path) && g_str_has_suffix(path, "/.sim/lock")) {
        questions->in_kernel = TRUE;
        questions->kernel_pid = request->pid;
        questions->kernel_fd = G_MAXUINT64;
        return TRUE;
    }
    if (!questions->in_kernel || (pid_t)request->pid != questions->kernel_pid)
        return FALSE;
    if (call->nr == SYS_flock)
        questions->kernel_fd = call->args[0];
    if (call->nr == SYS_close && call->args[0] == questions->kernel_fd) {
        questions->in_kernel = FALSE;
        return TRUE;
    }
    return TRUE;
}


static void
write_call(Questions *questions, const struct seccomp_notif *request)
{
    const char *what = is_in_kernel(questions, request) ? "kernel" : "own";

    for (guint i = 0; i < G_N_ELEMENTS(calls); i++) {
        if (calls[i].number == request->data.nr) {
            fprintf(questions->list, "%s %s\n", calls[i].name, what);
            return;
        }
    }
    fprintf(questions->list, "%d %s\n", request->data.nr, what);
}


/* Answers one question: 0, or the errno with which the call is to fail. */
static int
decide(Questions *questions, const struct seccomp_notif *request)
{
    if (!questions->started && request->data.nr == SYS_execve) {
        questions->started = TRUE;
        return 0;
    }
    if (questions->list) {
        write_call(questions, request);
        return 0;
    }
    return ++questions->seen == questions->n ? questions->errnum : 0;
}


/* brk(2) fails by its value: the break stays where it is. Returns that, 0 if it is not known. */
static guint64
get_break(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/maps", pid);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    guint64 end = 0;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        const char *dash = strchr(*line, '-');
        g_autofree char *digits = dash ? g_strndup(dash + 1, strcspn(dash + 1, " ")) : NULL;

        if (digits && g_str_has_suffix(*line, "[heap]"))
            g_ascii_string_to_unsigned(digits, 16, 0, G_MAXUINT64, &end, NULL);
    }
    return end;
}


static void
refuse(const struct seccomp_notif *request, int errnum, struct seccomp_notif_resp *response)
{
    guint64 end = request->data.nr == SYS_brk ? get_break(request->pid) : 0;

    if (end != 0)
        response->val = end;
    else if (request->data.nr == SYS_brk)
        response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    else
        response->error = -errnum;
}


static void
answer(Questions *questions, int listener)
{
    struct seccomp_notif request = { 0 };
    struct seccomp_notif_resp response = { 0 };
    int errnum;

    /* Whoever asked may be gone by now, as its signal came. */
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
        return;
    errnum = decide(questions, &request);
    response.id = request.id;
    if (errnum != 0)
        refuse(&request, errnum, &response);
    else
        response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}


/* Answers until @child ends; returns its status. */
static int
supervise(Questions *questions, int listener, pid_t child)
{
    int pidfd = syscall(SYS_pidfd_open, child, 0);
    struct pollfd fds[] = { { .fd = listener, .events = POLLIN },
                            { .fd = pidfd, .events = POLLIN } };
    int status;

    if (pidfd < 0)
        fail("pidfd_open");
    while (!(fds[1].revents & POLLIN)) {
        if (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno != EINTR)
            fail("poll");
        if (fds[0].revents & POLLIN)
            answer(questions, listener);
        else if (fds[0].revents)
            fds[0].fd = -1;
    }
    if (waitpid(child, &status, 0) != child)
        fail("waitpid");
    return status;
}


static void
write_pid(const char *path)
{
    FILE *file = path ? fopen(path, "we") : NULL;

    if (path && (!file || fprintf(file, "%d\n", getpid()) < 0 || fclose(file) != 0))
        fail(path);
}


static int
run(Questions *questions, char **argv)
{
    int channel[2];
    int listener;
    int status;
    pid_t child;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0 ||
        dup3(channel[1], CHANNEL, O_CLOEXEC) < 0)
        fail("socketpair");
    close(channel[1]);
    write_pid(getenv("FAULT_AT_PID"));
    child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0)
        run_program(questions->number, argv);
    close(CHANNEL);
    listener = pass_fd(channel[0], -1);
    if (listener < 0)
        fail("seccomp");
    status = supervise(questions, listener, child);
    if (questions->list && fclose(questions->list) != 0)
        fail("list");
    if (!questions->list && questions->seen < questions->n)
        return NOT_HIT;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}


int
main(int argc, char **argv)
{
    Questions questions = { .number = -1 };
    guint64 errnum = 0;

    if (argc >= 4 && strcmp(argv[1], "--list") == 0) {
        questions.list = fopen(argv[2], "we");
        if (!questions.list)
            fail(argv[2]);
        return run(&questions, argv + 3);
    }
    if (argc >= 5)
        questions.number = find_call(argv[1]);
    if (questions.number < 0 || !ap_attr_parse(argv[2], &questions.n, NULL) ||
        !ap_attr_parse(argv[3], &errnum, NULL)) {
        fprintf(stderr, "usage: fault_at CALL N ERRNO PROGRAM [ARG...]\n"
                        "       fault_at --list FILE PROGRAM [ARG...]\n");
        return 2;
    }
    questions.errnum = errnum;
    /* Other calls than execve are not those of starting the program. */
    questions.started = questions.number != SYS_execve;
    return run(&questions, argv + 4);
}
