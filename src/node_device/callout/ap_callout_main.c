/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt-ap-callout: main() of the callout that mdevctl runs around every change of an mdev.
 *
 * mdevctl takes a callout that dies by a signal for a yes, and so it does if it cannot write all
 * of its JSON to the callout's standard input (callouts.rs: both only skip the script). So this
 * process reads its input to the end, lets a child judge, and waits: any end of the child but exit
 * code 0 becomes exit code 1. It is small, does without GLib, and of all signals that somebody can
 * send only SIGKILL ends it.
 *
 * Exit code 2 says "not my type" and is given before anything else is touched. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conf/ap_mdev_def.h"
#include "node_device/callout/ap_callout.h"
#include "util/ap_lock.h"

/* A definition of all 256 adapters, domains and control domains takes 60 KiB. */
#define INPUT_MAX (1024 * 1024)

/* mdevctl sends its JSON at once. */
#define INPUT_TIMEOUT_S 30

/* Longer than the judge may take, waiting for the lock included: only a process that even SIGALRM
 * cannot end takes that long. */
#define CHILD_TIMEOUT_S 700

/* Every action and event must be listed: mdevctl refuses what is not. */
#define CAPABILITIES                                                                              \
    "{\"supports\":{\"version\":2,"                                                               \
    "\"actions\":[\"start\",\"stop\",\"define\",\"undefine\",\"modify\",\"attributes\","         \
    "\"capabilities\"],"                                                                          \
    "\"events\":[\"pre\",\"post\",\"notify\",\"get\",\"live\"]}}\n"

/* The command line; every option of mdevctl's is needed, --root is ours. */
typedef struct {
    const char *type;
    const char *event;
    const char *action;
    const char *state;
    const char *uuid;
    const char *parent;
    const char *root;
} Options;

static char input[INPUT_MAX + 1];


static int
find_option(int argc, char **argv, const char *name, const char **ret_value)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], name) == 0) {
            *ret_value = argv[i + 1];
            return 1;
        }
    }
    return 0;
}


static int
parse_options(int argc, char **argv, Options *options)
{
    int n = find_option(argc, argv, "-t", &options->type) +
            find_option(argc, argv, "-e", &options->event) +
            find_option(argc, argv, "-a", &options->action) +
            find_option(argc, argv, "-s", &options->state) +
            find_option(argc, argv, "-u", &options->uuid) +
            find_option(argc, argv, "-p", &options->parent);
    int n_root = find_option(argc, argv, "--root", &options->root);

    return n == 6 && argc == 1 + 2 * (n + n_root);
}


/* mdevctl takes a callout that dies by a signal for a yes, so only SIGKILL may end this one. */
static void
shield_from_signals(void)
{
    const struct sigaction by_default = { .sa_handler = SIG_DFL };
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    /* Inherited as ignored, it would swallow the child's exit code. */
    sigaction(SIGCHLD, &by_default, NULL);
}


static time_t
now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}


/* Reads all of standard input, and returns how much of it fits: INPUT_MAX + 1 if not all, -1 if
 * it does not end. */
static ssize_t
read_input(void)
{
    time_t deadline = now_s() + INPUT_TIMEOUT_S;
    struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
    size_t length = 0;
    static char rest[65536];

    for (;;) {
        time_t left = deadline - now_s();
        size_t room = sizeof(input) - length;
        ssize_t n;

        if (left <= 0 || poll(&fd, 1, left * 1000) == 0)
            return -1;
        n = read(STDIN_FILENO, room ? input + length : rest, room ? room : sizeof(rest));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return length;
        if (room)
            length += n;
    }
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


static int
judge_in_child(const Options *options, size_t length, pid_t parent, int owner)
{
    const struct sigaction by_default = { .sa_handler = SIG_DFL };
    sigset_t none;

    const ApCalloutCall call = {
        .root = options->root,
        .event = options->event,
        .action = options->action,
        .uuid = options->uuid,
        .parent = options->parent,
        .input = input,
        .input_length = length,
        .owner = owner,
    };

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        return 1;
    write_oom_score("0");
    sigaction(SIGALRM, &by_default, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    return ap_callout_judge(&call);
}


/* Waits for the child, with a limit. Returns its status, -1 if it does not end. */
static int
wait_for_child(pid_t child)
{
    struct timespec limit = { .tv_sec = CHILD_TIMEOUT_S };
    sigset_t set;
    int status;
    pid_t ended;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    while ((ended = waitpid(child, &status, WNOHANG)) == 0) {
        if (sigtimedwait(&set, NULL, &limit) < 0 && errno == EAGAIN) {
            kill(child, SIGKILL);
            return -1;
        }
    }
    return ended == child ? status : -1;
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
release_lock(const Options *options, int owner)
{
    if (strcmp(options->root, "/") == 0)
        ap_lock_release(AP_LOCK_PATH, owner);
}


static int
judge(const Options *options, size_t length, int owner)
{
    pid_t self = getpid();
    pid_t child;
    int status;

    write_oom_score("-1000");
    child = fork();
    if (child == 0)
        exit(judge_in_child(options, length, self, owner));
    status = child < 0 ? -1 : wait_for_child(child);
    if (status == 0 && !is_mdevctl_gone(owner))
        return 0;
    /* After a no there is no post event that would give the lock back. */
    release_lock(options, owner);
    if (status == -1)
        fprintf(stderr, "the check could not be run or did not end, so the answer is no\n");
    else if (WIFSIGNALED(status))
        fprintf(stderr, "the check was ended by signal %d (%s), so the answer is no\n",
                WTERMSIG(status), strsignal(WTERMSIG(status)));
    return 1;
}


static int
is(const char *text, const char *a, const char *b)
{
    return strcmp(text, a) == 0 || strcmp(text, b) == 0;
}


static int
refuse(const char *message)
{
    fprintf(stderr, "%s\n", message);
    return 1;
}


int
main(int argc, char **argv)
{
    Options options = { .root = "/" };
    int owner = getppid();
    char root[PATH_MAX];
    ssize_t length;

    shield_from_signals();
    if (find_option(argc, argv, "-t", &options.type) && strcmp(options.type, AP_MDEV_TYPE) != 0)
        return 2;
    if (!parse_options(argc, argv, &options))
        return refuse("usage: libvirt-ap-callout -t TYPE -e EVENT -a ACTION -s STATE -u UUID "
                      "-p PARENT [--root DIR]");
    if (realpath(options.root, root))
        options.root = root;
    length = read_input();
    if (strcmp(options.event, "notify") == 0)
        return 0;
    if (strcmp(options.event, "post") == 0) {
        release_lock(&options, owner);
        return 0;
    }
    if (length < 0 || length > INPUT_MAX)
        return refuse(length < 0 ? "standard input does not end: wanted mdevctl's JSON"
                                 : "more than 1 MiB of JSON: no definition is as large as that");
    if (strcmp(options.event, "get") == 0 && strcmp(options.action, "capabilities") == 0)
        return fputs(CAPABILITIES, stdout) < 0 || fflush(stdout) != 0;
    if (strcmp(options.event, "get") == 0 && strcmp(options.action, "attributes") == 0)
        return judge(&options, length, owner);
    if (strcmp(options.event, "live") == 0 && strcmp(options.action, "modify") == 0)
        return judge(&options, length, owner);
    if (strcmp(options.event, "pre") == 0 &&
        (is(options.action, "define", "undefine") || is(options.action, "start", "stop") ||
         strcmp(options.action, "modify") == 0))
        return judge(&options, length, owner);
    return refuse("unknown event or action");
}
