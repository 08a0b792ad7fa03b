/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt-ap-callout: main() of the callout that mdevctl runs around every change of an mdev.
 *
 * mdevctl takes a callout that dies by a signal for a yes, and so does mdevctl 1.2 if it cannot
 * write all of its JSON to the callout's standard input (callouts.rs: both only skip the script).
 * So this program reads its input to the end, whatever it says then, has another program judge,
 * libvirt-ap-callout-judge, and waits for it: any end of that but exit code 0 becomes exit code 1.
 * It is tiny, libc alone and linked statically where that can be: it needs hardly any memory, no
 * loader, and of all signals that somebody can send only SIGKILL ends it from its first instruction
 * on. It keeps its input in a file without a name, which no limit on its own memory concerns.
 *
 * Exit code 2 says "not my type" and is given before anything else is touched. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conf/ap_mdev_def.h"
#include "node_device/callout/ap_callout_options.h"
#include "util/ap_input.h"
#include "util/ap_lock_file.h"
#include "util/ap_program.h"

#define JUDGE "libvirt-ap-callout-judge"

/* Longer than the judge may take, waiting for the lock included: only a process that even SIGALRM
 * cannot end takes that long. */
#define JUDGE_TIMEOUT_S 700

/* mdevctl's options, the judge's name, who has the lock, and the NULL at the end. */
#define JUDGE_ARGS_MAX 20

/* Every action and event must be listed: mdevctl refuses what is not. */
#define CAPABILITIES                                                                              \
    "{\"supports\":{\"version\":2,"                                                               \
    "\"actions\":[\"start\",\"stop\",\"define\",\"undefine\",\"modify\",\"attributes\","         \
    "\"capabilities\"],"                                                                          \
    "\"events\":[\"pre\",\"post\",\"notify\",\"get\",\"live\"]}}\n"

/* Where the kernel begins with this program, instead of libc's _start: all signals are blocked
 * before anything else. libc's start alone is a dozen system calls. */
#ifdef AP_FRONT_ENTRY
__asm__(".section .rodata\n"
        ".balign 8\n"
        "all_signals: .quad -1\n"
        ".text\n"
        ".globl ap_front_entry\n"
        ".type ap_front_entry, @function\n"
        "ap_front_entry:\n"
#if defined(__x86_64__)
        "    mov $14, %eax\n" /* rt_sigprocmask(SIG_BLOCK, all, NULL, 8) */
        "    xor %edi, %edi\n"
        "    lea all_signals(%rip), %rsi\n"
        "    mov %rdx, %r8\n"
        "    xor %edx, %edx\n"
        "    mov $8, %r10d\n"
        "    syscall\n"
        "    mov %r8, %rdx\n"
        "    jmp _start\n"
#elif defined(__s390x__)
        "    lghi %r2, 0\n"
        "    larl %r3, all_signals\n"
        "    lghi %r4, 0\n"
        "    lghi %r5, 8\n"
        "    svc 175\n"
        "    jg _start\n"
#endif
        ".size ap_front_entry, . - ap_front_entry\n");
#endif


/* mdevctl takes a callout that dies by a signal for a yes, so only SIGKILL may end this one. */
static void
shield_from_signals(void)
{
    const struct sigaction by_default = { .sa_handler = SIG_DFL };
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    /* Inherited as ignored, it would swallow the judge's exit code. */
    sigaction(SIGCHLD, &by_default, NULL);
}


/* A file that is opened later must not become standard input, output or error. */
static int
open_standard_files(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
    return fcntl(STDIN_FILENO, F_GETFD) >= 0 && fcntl(STDOUT_FILENO, F_GETFD) >= 0 &&
           fcntl(STDERR_FILENO, F_GETFD) >= 0;
}


static void
write_oom_score(const char *score)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    /* Only root may lower it; for others nothing is lost. */
    if (write(fd, score, strlen(score)) < 0)
        errno = 0;
    close(fd);
}


/* What the child does: it becomes the judge. Returns only if it cannot. */
static int
become_judge(int argc, char **argv, int input, pid_t front, int owner)
{
    const struct sigaction by_default = { .sa_handler = SIG_DFL };
    char owner_text[16];
    char *judge_argv[JUDGE_ARGS_MAX] = { (char *)JUDGE, owner_text };
    sigset_t none;

    snprintf(owner_text, sizeof(owner_text), "%d", owner);
    for (int i = 1; i < argc; i++)
        judge_argv[i + 1] = argv[i];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != front || lseek(input, 0, SEEK_SET) != 0 || dup2(input, STDIN_FILENO) < 0)
        return 1;
    write_oom_score("0");
    sigaction(SIGALRM, &by_default, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    ap_program_exec(JUDGE, judge_argv);
    dprintf(STDERR_FILENO, "cannot run " JUDGE ": %s\ninstall libvirt-ap again\n",
            strerrordesc_np(errno));
    return 1;
}


/* Waits for the judge, with a limit. Returns its status, -1 if it does not end. */
static int
wait_for_judge(pid_t judge)
{
    struct timespec limit = { .tv_sec = JUDGE_TIMEOUT_S };
    sigset_t set;
    int status;
    pid_t ended;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    while ((ended = waitpid(judge, &status, WNOHANG)) == 0) {
        if (sigtimedwait(&set, NULL, &limit) < 0 && errno == EAGAIN) {
            kill(judge, SIGKILL);
            return -1;
        }
    }
    return ended == judge ? status : -1;
}


/* If mdevctl was killed meanwhile, this process has another parent, and nobody reads what it
 * prints. Also when that happened before this process could look: a parent that adopts orphans
 * and never ends would keep the lock for ever. */
static int
is_mdevctl_gone(int owner)
{
    struct pollfd fd = { .fd = STDOUT_FILENO };

    return getppid() != owner || (poll(&fd, 1, 0) > 0 && fd.revents & POLLERR);
}


static void
release_lock(const ApCalloutOptions *options, int owner)
{
    if (strcmp(options->root, "/") == 0)
        ap_lock_release(AP_LOCK_PATH, owner);
}


/* Says why the answer is no, where the judge cannot have done so. */
static void
explain(int status)
{
    if (status == -1)
        dprintf(STDERR_FILENO,
                "the check could not be run or did not end, so the answer is no\n");
    else if (WIFSIGNALED(status))
        dprintf(STDERR_FILENO, "the check was ended by signal %d (%s), so the answer is no\n",
                WTERMSIG(status), sigdescr_np(WTERMSIG(status)));
    else if (WEXITSTATUS(status) > 1)
        dprintf(STDERR_FILENO, "the check ended with exit code %d, so the answer is no\n",
                WEXITSTATUS(status));
}


static int
judge(int argc, char **argv, const ApCalloutOptions *options, int input, int owner)
{
    pid_t self = getpid();
    pid_t child;
    int status;

    write_oom_score("-1000");
    child = fork();
    if (child == 0)
        _exit(become_judge(argc, argv, input, self, owner));
    status = child < 0 ? -1 : wait_for_judge(child);
    if (status == 0 && !is_mdevctl_gone(owner))
        return 0;
    /* After a no there is no post event that would give the lock back. */
    release_lock(options, owner);
    explain(status);
    return 1;
}


static int
is(const char *text, const char *a, const char *b)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0;
}


static int
is_judged(const ApCalloutOptions *options)
{
    const char *action = options->action;

    if (strcmp(options->event, "get") == 0)
        return strcmp(action, "attributes") == 0;
    if (strcmp(options->event, "live") == 0)
        return strcmp(action, "modify") == 0;
    return strcmp(options->event, "pre") == 0 &&
           (is(action, "define", "undefine") || is(action, "start", "stop") ||
            strcmp(action, "modify") == 0);
}


static int
refuse(const char *message)
{
    dprintf(STDERR_FILENO, "%s\n", message);
    return 1;
}


static int
print_capabilities(void)
{
    return write(STDOUT_FILENO, CAPABILITIES, strlen(CAPABILITIES)) != strlen(CAPABILITIES);
}


/* What is said to a call of @owner with @length bytes of input, of which @errnum says whether they
 * are there. */
static int
answer(int argc, char **argv, int owner, int input, size_t length, int errnum)
{
    const char *type = ap_callout_options_get_type(argc, argv);
    ApCalloutOptions options = { 0 };

    if (type && strcmp(type, AP_MDEV_TYPE) != 0)
        return 2;
    if (!ap_callout_options_parse(argc, argv, &options))
        return refuse("usage: libvirt-ap-callout -t TYPE -e EVENT -a ACTION -s STATE -u UUID "
                      "-p PARENT [--root DIR]");
    if (strcmp(options.event, "notify") == 0)
        return 0;
    if (strcmp(options.event, "post") == 0) {
        release_lock(&options, owner);
        return 0;
    }
    if (strcmp(options.event, "get") == 0 && strcmp(options.action, "capabilities") == 0)
        return print_capabilities();
    if (!is_judged(&options))
        return refuse("unknown event or action");
    if (errnum != 0) {
        dprintf(STDERR_FILENO, "standard input cannot be read or kept: %s\n",
                strerrordesc_np(errnum));
        return 1;
    }
    if (length > AP_CALLOUT_INPUT_MAX)
        return refuse("more than 1 MiB of JSON: no definition is as large as that");
    return judge(argc, argv, &options, input, owner);
}


int
main(int argc, char **argv)
{
    int owner = getppid(); /* before mdevctl can die */
    size_t length;
    int input;
    int errnum;

    shield_from_signals();
    if (!open_standard_files())
        return 1;
    input = memfd_create("input", MFD_CLOEXEC);
    errnum = input < 0 ? errno : 0;
    if (errnum == 0)
        errnum = ap_input_copy(input, AP_CALLOUT_INPUT_MAX, &length);
    else
        ap_input_copy(-1, 0, &length);
    return answer(argc, argv, owner, input, length, errnum);
}
