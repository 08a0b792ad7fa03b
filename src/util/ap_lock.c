/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lock on the host's AP configuration, by s390-tools' protocol. */
#include "util/ap_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "util/ap_error.h"

/* Between two tries. There is no event to wait for: the protocol is a file that vanishes. */
#define RETRY_MS 30

/* The same, while another one of us removes a stale lock. */
#define GUARD_RETRY_MS 1

/* How long that may take; nobody needs more than a moment for it. */
#define GUARD_MAX_MS 5000

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


/* Makes room for a name of ours. A directory that somebody filled cannot be removed without
 * following what is in it, so it gets out of the way. */
static void
clear_name(const char *path)
{
    char away[PATH_MAX];
    struct timespec now;

    if (unlink(path) == 0 || errno == ENOENT || rmdir(path) == 0)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    /* If even that fails, so does what follows, and says why. */
    if (snprintf(away, sizeof(away), "%s.%lld%09ld", path, (long long)now.tv_sec, now.tv_nsec) <
        (int)sizeof(away))
        rename(path, away);
}


static gboolean
counts(ApLockState state)
{
    return state != AP_LOCK_STALE && state != AP_LOCK_FOREIGN;
}


/* Takes what does not count out of the way, under the guard. s390-tools knows no guard, so what was
 * renamed is read again, and put back if it lives. */
static gboolean
remove_if_void(const char *path, int owner, GError **error)
{
    char aside[PATH_MAX];
    int holder;

    if (counts(ap_lock_get_state(path, &holder)))
        return TRUE;
    ap_lock_format_aside(aside, path, owner);
    clear_name(aside);
    if (rename(path, aside) < 0) {
        if (errno == ENOENT)
            return TRUE;
        g_set_error(error, AP_ERROR, ap_error_code_of(errno), "cannot remove the stale lock %s: %s",
                    path, strerror(errno));
        return FALSE;
    }
    if (ap_lock_get_state(aside, &holder) == AP_LOCK_HELD && link(aside, path) < 0)
        return TRUE; /* a third has it already: leave the file as evidence */
    clear_name(aside);
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
    g_autofree char *comm_path = g_strdup_printf("/proc/%d/comm", owner);
    g_autofree char *comm = NULL;

    if (owner == 0) {
        g_set_error(error, AP_ERROR, AP_ERROR_LOCKED,
                    "the AP configuration is locked: %s holds no process id\n"
                    "two minutes after it was made it counts as left behind; then try again",
                    path);
        return;
    }
    g_set_error(error, AP_ERROR, AP_ERROR_LOCKED,
                "the AP configuration is locked by process %d (%s), see %s\n"
                "wait until it is done, then try again",
                owner,
                g_file_get_contents(comm_path, &comm, NULL, NULL) ? g_strchomp(comm) : "unknown",
                path);
}


/* Waits a moment for a lock that is held, removes what does not count. */
static gboolean
handle_holder(const char *path, int owner, ApLockState state, GError **error)
{
    long ms = counts(state) ? RETRY_MS : GUARD_RETRY_MS;
    const struct timespec pause = { .tv_nsec = ms * 1000000 };
    int guard = counts(state) ? -1 : take_guard(path);
    gboolean ok;

    if (guard < 0) {
        if (state != AP_LOCK_FREE)
            nanosleep(&pause, NULL);
        return TRUE;
    }
    ok = remove_if_void(path, owner, error);
    close(guard);
    return ok;
}


/* Any user may lock a directory that everybody can read. */
static gboolean
set_guarded_error(GError **error, const char *path, ApLockState state)
{
    g_set_error(error, AP_ERROR, AP_ERROR_LOCKED,
                "%s %s cannot be removed: somebody keeps its directory locked%s\n"
                "lslocks tells who; end that process, then try again",
                state == AP_LOCK_STALE ? "the stale lock" : "another user's file", path,
                state == AP_LOCK_STALE ? "" : ", or makes it again each time");
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
        ApLockState state;

        if (errno != EEXIST) {
            g_set_error(error, AP_ERROR, ap_error_code_of(errno), "cannot create the lock %s: %s",
                        path, strerror(errno));
            return FALSE;
        }
        state = ap_lock_get_state(path, &holder);
        if (holder == owner)
            return TRUE;
        if (state == AP_LOCK_HELD && now_ms() >= deadline) {
            set_held_error(error, path, holder);
            return FALSE;
        }
        if (!counts(state) && now_ms() >= MAX(deadline, start + GUARD_MAX_MS))
            return set_guarded_error(error, path, state);
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
    ap_lock_format_mine(mine, path, owner);
    clear_name(mine);
    if (!write_pid_file(mine, owner)) {
        g_set_error(error, AP_ERROR, ap_error_code_of(errno), "cannot write the lock file %s: %s",
                    mine, strerror(errno));
        unlink(mine);
        return FALSE;
    }
    ok = link_when_free(path, mine, owner, timeout_ms, error);
    unlink(mine);
    return ok;
}
