// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * lab-agent: runs commands in the lab for `lab run` on the PC, which is its only caller.
 *
 * ssh would cost a key exchange and a login shell for each command, both slow in an emulated
 * machine, and its exit code 255 has two meanings. Here argv, the three streams and the exit
 * code are frames of one TCP connection; lablib/remote.py is the other end and describes them.
 *
 *   lab-agent --serve ADDRESS PORT TOKENFILE   serve until killed
 *   lab-agent --init ADDRESS PORT TOKENFILE    the same as PID 1: also reaps orphans; SIGTERM
 *                                              ends all processes and powers off
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TOKEN_LEN 64
#define CHUNK 65536
#define WINDOW (4 * CHUNK)      /* what the PC may send of stdin before we grant more */
#define MAX_ARGS (4 << 20)
#define GRACE_SECONDS 3         /* between SIGTERM and SIGKILL */

struct buffer {
    unsigned char data[WINDOW + CHUNK + 64];
    size_t start, end;
};

struct session {
    int sock, in, out, err;     /* -1 once closed */
    pid_t child;
    int status, exited, exit_sent, stdin_ended;
    uint32_t owed;              /* stdin that the child took, not yet granted again */
    struct buffer to_child, to_peer, from_peer;
};

static size_t
buffer_used(const struct buffer *b)
{
    return b->end - b->start;
}

static size_t
buffer_room(struct buffer *b)
{
    if (b->start > 0) {
        memmove(b->data, b->data + b->start, buffer_used(b));
        b->end -= b->start;
        b->start = 0;
    }
    return sizeof(b->data) - b->end;
}

static void
frame_put(struct buffer *b, char type, const void *data, uint32_t len)
{
    uint32_t big = htonl(len);

    b->data[b->end] = (unsigned char)type;
    memcpy(b->data + b->end + 1, &big, 4);
    memcpy(b->data + b->end + 5, data, len);
    b->end += 5 + len;
}

/* Returns -1 when the descriptor is dead, else 0; a full pipe is no error. */
static int
buffer_flush(struct buffer *b, int fd)
{
    while (buffer_used(b) > 0) {
        ssize_t n = write(fd, b->data + b->start, buffer_used(b));

        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -1;
        b->start += (size_t)n;
    }
    return 0;
}

static int
read_all(int fd, void *data, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, (char *)data + done, len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

/* The header after the token: u32 size, then NUL-terminated words. */
static char **
read_argv(int sock)
{
    uint32_t size;
    size_t count = 0, at = 0;
    char *words, **argv;

    if (read_all(sock, &size, 4) < 0)
        return NULL;
    size = ntohl(size);
    if (size == 0 || size > MAX_ARGS || !(words = malloc(size)))
        return NULL;
    if (read_all(sock, words, size) < 0 || words[size - 1] != '\0')
        return NULL;
    for (size_t i = 0; i < size; i++)
        count += words[i] == '\0';
    if (!(argv = calloc(count + 1, sizeof(*argv))))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        argv[i] = words + at;
        at += strlen(words + at) + 1;
    }
    return argv;
}

static pid_t
start_command(char **argv, int in, int out, int err)
{
    pid_t pid = fork();
    sigset_t none;

    if (pid != 0)
        return pid;
    setsid();
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    execvp(argv[0], argv);
    /* A shell's codes: 127 not found, 126 cannot be run. */
    int code = errno == ENOENT ? 127 : 126;
    dprintf(2, "lab: cannot run '%s': %s\n", argv[0], strerror(errno));
    _exit(code);
}

static void
close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Move what the command wrote into frames; closes at its end. Returns whether there was any. */
static int
take_output(struct session *s, int *fd, char type)
{
    static unsigned char data[CHUNK];
    ssize_t n;

    if (*fd < 0 || buffer_room(&s->to_peer) < CHUNK + 64)
        return 0;
    n = read(*fd, data, sizeof(data));
    if (n > 0)
        frame_put(&s->to_peer, type, data, (uint32_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        close_fd(fd);
    return n > 0;
}

static int
handle_frames(struct session *s)
{
    struct buffer *b = &s->from_peer;

    while (buffer_used(b) >= 5) {
        unsigned char *at = b->data + b->start;
        uint32_t len;

        memcpy(&len, at + 1, 4);
        len = ntohl(len);
        if (len > CHUNK)
            return -1;
        if (buffer_used(b) < 5 + len)
            return 0;
        if (at[0] == 'i') {
            if (s->in >= 0 && !s->stdin_ended) {
                if (buffer_room(&s->to_child) < len)
                    return -1;  /* more than we granted */
                memcpy(s->to_child.data + s->to_child.end, at + 5, len);
                s->to_child.end += len;
            }
        } else if (at[0] == 'e') {
            s->stdin_ended = 1;
        } else if (at[0] == 's' && len == 1) {
            kill(-s->child, at[5]);
        } else {
            return -1;
        }
        b->start += 5 + len;
    }
    return 0;
}

static int
take_frames(struct session *s)
{
    struct buffer *b = &s->from_peer;
    size_t room = buffer_room(b);
    ssize_t n = read(s->sock, b->data + b->end, room);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (n == 0)
        return -1;
    b->end += (size_t)n;
    return handle_frames(s);
}

static void
feed_child(struct session *s)
{
    size_t before = buffer_used(&s->to_child);

    if (s->in >= 0 && buffer_flush(&s->to_child, s->in) < 0) {
        s->to_child.start = s->to_child.end = 0;
        close_fd(&s->in);
    }
    s->owed += (uint32_t)(before - buffer_used(&s->to_child));
    if (s->owed > 0 && buffer_room(&s->to_peer) > 64) {
        uint32_t granted = htonl(s->owed);

        frame_put(&s->to_peer, 'c', &granted, 4);
        s->owed = 0;
    }
    if (s->stdin_ended && buffer_used(&s->to_child) == 0)
        close_fd(&s->in);
}

static void
reap_child(struct session *s)
{
    unsigned char code[2];

    if (!s->exited && waitpid(s->child, &s->status, WNOHANG) == s->child)
        s->exited = 1;
    if (!s->exited || s->exit_sent)
        return;
    /* What it wrote before it ended is still in the pipes; a daemon that it left may hold them
     * open for ever, so take what is there and do not wait for their end. */
    while (take_output(s, &s->out, 'o') | take_output(s, &s->err, 'r')) {
    }
    if (buffer_room(&s->to_peer) < CHUNK + 64)
        return;                 /* again when the PC has read some */
    code[0] = WIFSIGNALED(s->status) ? 1 : 0;
    code[1] = (unsigned char)(WIFSIGNALED(s->status) ? WTERMSIG(s->status)
                                                     : WEXITSTATUS(s->status));
    frame_put(&s->to_peer, 'x', code, 2);
    s->exit_sent = 1;
}

/* Whoever asked is gone: end what runs for him. */
static void
end_child(struct session *s)
{
    struct timespec pause = { GRACE_SECONDS, 0 };
    sigset_t chld;

    if (s->exited)
        return;
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    kill(-s->child, SIGTERM);
    if (waitpid(s->child, &s->status, WNOHANG) != s->child)
        sigtimedwait(&chld, NULL, &pause);
    kill(-s->child, SIGKILL);
}

/* Closing with stdin unread would reset the connection, and the PC might lose the exit code that is
 * still on its way: read until the PC, having it, closes. */
static void
wait_for_close(int sock)
{
    struct pollfd fd = { sock, POLLIN, 0 };
    char rest[4096];

    shutdown(sock, SHUT_WR);
    while (poll(&fd, 1, GRACE_SECONDS * 1000) > 0) {
        ssize_t n = read(sock, rest, sizeof(rest));

        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            break;
    }
}

static void
serve_session(struct session *s, int sigfd)
{
    while (!(s->exit_sent && buffer_used(&s->to_peer) == 0)) {
        int room = buffer_room(&s->to_peer) >= CHUNK + 64;
        struct pollfd fds[] = {
            { s->sock, POLLIN | (buffer_used(&s->to_peer) ? POLLOUT : 0), 0 },
            { sigfd, POLLIN, 0 },
            { buffer_used(&s->to_child) ? s->in : -1, POLLOUT, 0 },
            { room ? s->out : -1, POLLIN, 0 },
            { room ? s->err : -1, POLLIN, 0 },
        };
        struct signalfd_siginfo info;

        if (poll(fds, 5, -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents && read(sigfd, &info, sizeof(info)) < 0 && errno != EAGAIN)
            break;
        if (fds[0].revents & (POLLIN | POLLHUP | POLLERR) && take_frames(s) < 0)
            break;
        feed_child(s);
        if (fds[3].revents)
            take_output(s, &s->out, 'o');
        if (fds[4].revents)
            take_output(s, &s->err, 'r');
        reap_child(s);
        if (buffer_flush(&s->to_peer, s->sock) < 0)
            break;
    }
    end_child(s);
    if (s->exit_sent)
        wait_for_close(s->sock);
}

static void
run_session(int sock, const char *token)
{
    static struct session s;
    int in[2], out[2], err[2], sigfd, one = 1;
    char given[TOKEN_LEN], **argv;
    unsigned char differs = 0;
    sigset_t chld;

    if (read_all(sock, given, TOKEN_LEN) < 0)
        _exit(1);
    for (int i = 0; i < TOKEN_LEN; i++)
        differs |= (unsigned char)(given[i] ^ token[i]);
    if (differs || !(argv = read_argv(sock)))
        _exit(1);
    setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    sigemptyset(&chld);
    sigaddset(&chld, SIGCHLD);
    sigprocmask(SIG_BLOCK, &chld, NULL);
    sigfd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
    if (sigfd < 0 || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
        _exit(1);
    s.sock = sock;
    s.in = in[1];
    s.out = out[0];
    s.err = err[0];
    s.child = start_command(argv, in[0], out[1], err[1]);
    if (s.child < 0)
        _exit(1);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    fcntl(sock, F_SETFL, O_NONBLOCK);
    fcntl(s.in, F_SETFL, O_NONBLOCK);
    fcntl(s.out, F_SETFL, O_NONBLOCK);
    fcntl(s.err, F_SETFL, O_NONBLOCK);
    serve_session(&s, sigfd);
    _exit(0);
}

/* PID 1 only: end everything, make the disk clean, power off. */
static void
power_off(void)
{
    time_t deadline = time(NULL) + 10;

    kill(-1, SIGTERM);
    kill(-1, SIGCONT);
    while (time(NULL) < deadline && (waitpid(-1, NULL, WNOHANG) >= 0)) {
        struct timespec pause = { 1, 0 };
        sigset_t chld;

        sigemptyset(&chld);
        sigaddset(&chld, SIGCHLD);
        sigtimedwait(&chld, NULL, &pause);
    }
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0) {
    }
    sync();
    mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
    sync();
    reboot(RB_POWER_OFF);
    _exit(0);
}

int
main(int argc, char **argv)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int init, listener, sigfd, token_fd, one = 1;
    char token[TOKEN_LEN];
    sigset_t watched;

    if (argc != 5 || (strcmp(argv[1], "--serve") && strcmp(argv[1], "--init"))) {
        dprintf(2, "usage: lab-agent --serve|--init ADDRESS PORT TOKENFILE\n");
        return 2;
    }
    init = strcmp(argv[1], "--init") == 0;
    token_fd = open(argv[4], O_RDONLY | O_CLOEXEC);
    if (token_fd < 0 || read_all(token_fd, token, TOKEN_LEN) < 0) {
        dprintf(2, "lab-agent: cannot read the token from %s\n", argv[4]);
        return 1;
    }
    close(token_fd);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    if (init)
        sigaddset(&watched, SIGTERM);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    sigfd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    address.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
    if (sigfd < 0 || listener < 0 || inet_pton(AF_INET, argv[2], &address.sin_addr) != 1
        || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0
        || listen(listener, 64) < 0) {
        dprintf(2, "lab-agent: cannot listen on %s port %s: %s\n", argv[2], argv[3],
                strerror(errno));
        return 1;
    }
    for (;;) {
        struct pollfd fds[] = { { listener, POLLIN, 0 }, { sigfd, POLLIN, 0 } };
        struct signalfd_siginfo info;
        int sock;

        poll(fds, 2, -1);
        while (read(sigfd, &info, sizeof(info)) == sizeof(info)) {
            if (info.ssi_signo == SIGTERM)
                power_off();
        }
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (sock < 0)
            continue;
        if (fork() == 0) {
            close(listener);
            close(sigfd);
            run_session(sock, token);
        }
        close(sock);
    }
}
