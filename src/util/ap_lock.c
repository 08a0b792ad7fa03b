/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lock on the host's AP configuration, by s390-tools' protocol.
 *
 * No GLib functions that allocate here: the callout's parent process uses it after its child was
 * killed for want of memory. */
#include "util/ap_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/ap_error.h"
#include "util/ap_id.h"

/* Between two tries. There is no event to wait for: the protocol is a file that vanishes. */
#define RETRY_MS 30

/* The same, while another one of us removes a stale lock. */
#define GUARD_RETRY_MS 1

/* How long that may take; nobody needs more than a moment for it. */
#define GUARD_MAX_MS 5000

/* A lock without a process id in it is a very new one, or one whose writer died: util_lockfile.c
 * allows two minutes. */
#define EMPTY_STALE_S 120

typedef enum {
    LOCK_FREE,
    LOCK_STALE,
    LOCK_HELD,
} LockState;


/* Reads a small file: "" if it cannot be read. Returns FALSE if there may be one nevertheless. */
static gboolean
read_small(const char *path, char *buffer, gsize size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    ssize_t n = fd >= 0 ? read(fd, buffer, size - 1) : -1;
    int errnum = n < 0 ? errno : 0;

    buffer[MAX(n, 0)] = '\0';
    if (fd >= 0)
        close(fd);
    return errnum == 0 || errnum == ENOENT || errnum == ELOOP || errnum == EISDIR;
}


/* The owner's process id, 0 where there is none; FALSE if that cannot be found out. */
static gboolean
read_owner(const char *path, int *ret_owner)
{
    char text[40];

    *ret_owner = 0;
    if (!read_small(path, text, sizeof(text)))
        return FALSE;
    ap_pid_parse(text, ret_owner);
    return TRUE;
}


/* A zombie does nothing any more, but kill(2) finds it until its parent asks for it. */
static gboolean
is_gone(int pid)
{
    char path[64];
    char text[4096];

    if (kill(pid, 0) < 0 && errno == ESRCH)
        return TRUE;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    read_small(path, text, sizeof(text));
    return strstr(text, "\nState:\tZ") && strstr(text, "\nThreads:\t1\n");
}


static LockState
get_state(const char *path, int *ret_owner)
{
    struct stat st;
    int owner;
    gboolean known = read_owner(path, &owner);

    *ret_owner = owner;
    if (!known)
        return LOCK_HELD;
    if (owner > 0)
        return is_gone(owner) ? LOCK_STALE : LOCK_HELD;
    if (lstat(path, &st) < 0)
        return LOCK_FREE;
    return time(NULL) > st.st_mtime + EMPTY_STALE_S ? LOCK_STALE : LOCK_HELD;
}


/* Names of our own beside the lock. They go by the owner, so that who gives the lock back can
 * remove what a killed process of the same owner left. */
static void
format_mine(char *buffer, const char *path, int owner)
{
    snprintf(buffer, PATH_MAX, "%s.%d", path, owner);
}


static void
format_aside(char *buffer, const char *path, int owner)
{
    snprintf(buffer, PATH_MAX, "%s.stale.%d", path, owner);
}


/* Only one of us at a time may remove a stale lock: a second one could rename away the lock that
 * the first has taken by then, and a third one take it meanwhile. Returns -1 while somebody else
 * has the guard. */
static int
take_guard(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int fd;

    snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}


/* Takes a stale lock out of the way, under the guard. s390-tools knows no guard, so what was
 * renamed is read again, and put back if it lives. */
static gboolean
remove_if_stale(const char *path, int owner, GError **error)
{
    char aside[PATH_MAX];
    int holder;

    if (get_state(path, &holder) != LOCK_STALE)
        return TRUE;
    format_aside(aside, path, owner);
    if (rename(path, aside) < 0) {
        if (errno == ENOENT)
            return TRUE;
        g_set_error(error, AP_ERROR, AP_ERROR_IO, "cannot remove the stale lock %s: %s", path,
                    strerror(errno));
        return FALSE;
    }
    if (get_state(aside, &holder) == LOCK_HELD && link(aside, path) < 0)
        return TRUE; /* a third has it already: leave the file as evidence */
    unlink(aside);
    return TRUE;
}


static gboolean
write_pid_file(const char *path, int owner)
{
    char text[16];
    int length = snprintf(text, sizeof(text), "%d\n", owner);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    gboolean ok;

    if (fd < 0)
        return FALSE;
    errno = ENOSPC; /* what a short write means */
    ok = write(fd, text, length) == length;
    return (close(fd) == 0) && ok;
}


static gint64
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}


static void
set_held_error(GError **error, const char *path, int owner)
{
    char comm_path[64];
    char comm[64];

    if (owner == 0) {
        g_set_error(error, AP_ERROR, AP_ERROR_LOCKED,
                    "the AP configuration is locked: %s holds no process id\n"
                    "two minutes after it was made it counts as left behind; then try again",
                    path);
        return;
    }
    snprintf(comm_path, sizeof(comm_path), "/proc/%d/comm", owner);
    read_small(comm_path, comm, sizeof(comm));
    comm[strcspn(comm, "\n")] = '\0';
    g_set_error(error, AP_ERROR, AP_ERROR_LOCKED,
                "the AP configuration is locked by process %d (%s), see %s\n"
                "wait until it is done, then try again",
                owner, comm[0] ? comm : "unknown", path);
}


/* Waits a moment for a lock that is held, removes a stale one. */
static gboolean
handle_holder(const char *path, int owner, LockState state, GError **error)
{
    long ms = state == LOCK_STALE ? GUARD_RETRY_MS : RETRY_MS;
    const struct timespec pause = { .tv_nsec = ms * 1000000 };
    int guard = state == LOCK_STALE ? take_guard(path) : -1;
    gboolean ok;

    if (guard < 0) {
        if (state != LOCK_FREE)
            nanosleep(&pause, NULL);
        return TRUE;
    }
    ok = remove_if_stale(path, owner, error);
    close(guard);
    return ok;
}


/* Any user may lock a directory that everybody can read. */
static gboolean
set_guarded_error(GError **error, const char *path)
{
    g_set_error(error, AP_ERROR, AP_ERROR_LOCKED,
                "the stale lock %s cannot be removed: somebody keeps its directory locked\n"
                "lslocks tells who; end that process, then try again",
                path);
    return FALSE;
}


/* Links the ready-made @mine to @path as soon as nobody else has it. */
static gboolean
link_when_free(const char *path, const char *mine, int owner, guint timeout_ms, GError **error)
{
    gint64 start = now_ms();
    gint64 deadline = start + timeout_ms;

    while (link(mine, path) < 0) {
        int holder;
        LockState state;

        if (errno != EEXIST) {
            g_set_error(error, AP_ERROR, AP_ERROR_IO, "cannot create the lock %s: %s", path,
                        strerror(errno));
            return FALSE;
        }
        state = get_state(path, &holder);
        if (holder == owner)
            return TRUE;
        if (state == LOCK_HELD && now_ms() >= deadline) {
            set_held_error(error, path, holder);
            return FALSE;
        }
        if (state == LOCK_STALE && now_ms() >= MAX(deadline, start + GUARD_MAX_MS))
            return set_guarded_error(error, path);
        if (!handle_holder(path, owner, state, error))
            return FALSE;
    }
    return TRUE;
}


gboolean
ap_lock_take(const char *path, int owner, guint timeout_ms, GError **error)
{
    char mine[PATH_MAX];
    gboolean ok;

    if (owner <= 1) {
        g_set_error(error, AP_ERROR, AP_ERROR_IO,
                    "cannot lock the AP configuration for process %d: such a lock would never end",
                    owner);
        return FALSE;
    }
    format_mine(mine, path, owner);
    unlink(mine);
    if (!write_pid_file(mine, owner)) {
        g_set_error(error, AP_ERROR, AP_ERROR_IO, "cannot write the lock file %s: %s", mine,
                    strerror(errno));
        unlink(mine);
        return FALSE;
    }
    ok = link_when_free(path, mine, owner, timeout_ms, error);
    unlink(mine);
    return ok;
}


void
ap_lock_release(const char *path, int owner)
{
    char left[PATH_MAX];

    if (ap_lock_is_held_by(path, owner))
        unlink(path);
    format_mine(left, path, owner);
    unlink(left);
    format_aside(left, path, owner);
    unlink(left);
}


gboolean
ap_lock_is_held_by(const char *path, int owner)
{
    int holder;

    return owner > 0 && read_owner(path, &holder) && holder == owner;
}
