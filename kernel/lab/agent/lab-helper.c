// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * lab-helper: two things that no packaged program in the lab does.
 *
 *   lab-helper --start COMMAND [ARG ...]       start a daemon, return when it says that it is ready
 *                                              (sd_notify): what systemd does for Type=notify.
 *                                              Called by the minimal init.
 *   lab-helper --hold-kvm PID COMMAND [ARG ...] run a command while the KVM guest of QEMU process
 *                                              PID is kept from vanishing: KVM's trace of a guest
 *                                              (s390dbf/kvm-PID) goes with it, and CLR CRYCB is
 *                                              its last line. For tests and the demo.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int
start_daemon(char **argv)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), sigfd;
    char text[4096];
    sigset_t chld;
    pid_t pid;

    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    sigfd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
    snprintf(address.sun_path, sizeof(address.sun_path), "/run/lab-notify.%d", (int)getpid());
    if (notify < 0 || sigfd < 0 || bind(notify, (struct sockaddr *)&address, sizeof(address)) < 0)
        return 1;
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_UNBLOCK, &chld, NULL);
        setsid();
        execvp(argv[0], argv);
        _exit(127);
    }
    for (;;) {
        struct pollfd fds[] = { { notify, POLLIN, 0 }, { sigfd, POLLIN, 0 } };
        ssize_t n;

        poll(fds, 2, -1);
        n = fds[0].revents ? recv(notify, text, sizeof(text) - 1, 0) : 0;
        text[n > 0 ? n : 0] = '\0';
        if (strstr(text, "READY=1"))
            break;
        if (waitpid(pid, NULL, WNOHANG) == pid) {
            dprintf(2, "lab-helper: %s ended before it was ready\n", argv[0]);
            unlink(address.sun_path);
            return 1;
        }
    }
    unlink(address.sun_path);
    return 0;
}

static int
hold_kvm(const char *pid_text, char **argv)
{
    char path[300], target[64];
    int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)strtol(pid_text, NULL, 10), 0), held = -1;
    struct dirent *entry;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%s/fd", pid_text);
    dir = opendir(path);
    while (pidfd >= 0 && dir && held < 0 && (entry = readdir(dir))) {
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid_text, entry->d_name);
        n = readlink(path, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        if (strcmp(target, "anon_inode:kvm-vm") == 0)
            held = (int)syscall(SYS_pidfd_getfd, pidfd, atoi(entry->d_name), 0);
    }
    if (held < 0) {
        dprintf(2, "lab-helper: process %s has no KVM guest\n", pid_text);
        return 1;
    }
    fcntl(held, F_SETFD, 0);
    execvp(argv[0], argv);
    dprintf(2, "lab-helper: cannot run '%s': %s\n", argv[0], strerror(errno));
    return 127;
}

int
main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--start") == 0)
        return start_daemon(argv + 2);
    if (argc > 3 && strcmp(argv[1], "--hold-kvm") == 0)
        return hold_kvm(argv[2], argv + 3);
    dprintf(2, "usage: lab-helper --start COMMAND [ARG ...]\n"
               "       lab-helper --hold-kvm PID COMMAND [ARG ...]\n");
    return 2;
}
