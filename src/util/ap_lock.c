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
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/ap_error.h"
#include "util/ap_id.h"

/* Between two tries. There is no event to wait for: the protocol is a file that vanishes. */
#define RETRY_MS 30

/* A lock without a process id in it is a very new one, or one whose writer died: util_lockfile.c
 * allows two minutes. */
#define EMPTY_STALE_S 120

typedef enum {
    LOCK_FREE,
    LOCK_STALE,
    LOCK_HELD,
} LockState;


/* Reads a small file; "" if it cannot be read. */
static void
read_small(const char *path, char *buffer, gsize size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    ssize_t n = fd >= 0 ? read(fd, buffer, size - 1) : -1;

    buffer[MAX(n, 0)] = '\0';
    if (fd >= 0)
        close(fd);
}


/* The owner's process id, 0 where there is none. */
static int
read_owner(const char *path)
{
    char text[40];
    int pid = 0;

    read_small(path, text, sizeof(text));
    ap_pid_parse(text, &pid);
    return pid;
}


static LockState
get_state(const char *path, int *ret_owner)
{
    int owner = read_owner(path);
    struct stat st;

    *ret_owner = owner;
    if (owner > 0)
        return kill(owner, 0) < 0 && errno == ESRCH ? LOCK_STALE : LOCK_HELD;
    if (lstat(path, &st) < 0)
        return LOCK_FREE;
    return time(NULL) > st.st_mtime + EMPTY_STALE_S ? LOCK_STALE : LOCK_HELD;
}


/* Takes a stale lock out of the way. Between our look and our rename somebody else may have
 * replaced it: what was renamed is read again, and put back if it lives. */
static gboolean
remove_stale(const char *path, GError **error)
{
    char aside[PATH_MAX];
    int owner;

    snprintf(aside, sizeof(aside), "%s.stale.%d", path, getpid());
    if (rename(path, aside) < 0) {
        if (errno == ENOENT)
            return TRUE;
        g_set_error(error, AP_ERROR, AP_ERROR_IO, "cannot remove the stale lock %s: %s", path,
                    strerror(errno));
        return FALSE;
    }
    if (get_state(aside, &owner) == LOCK_HELD && link(aside, path) < 0)
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
    ok = write(fd, text, length) == length;
    return close(fd) == 0 && ok;
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

    snprintf(comm_path, sizeof(comm_path), "/proc/%d/comm", owner);
    read_small(comm_path, comm, sizeof(comm));
    comm[strcspn(comm, "\n")] = '\0';
    g_set_error(error, AP_ERROR, AP_ERROR_LOCKED,
                "the AP configuration is locked by process %d (%s), see %s\n"
                "wait until it is done, then try again",
                owner, comm[0] ? comm : "unknown", path);
}


/* Links the ready-made @mine to @path as soon as nobody else has it. */
static gboolean
link_when_free(const char *path, const char *mine, int owner, guint timeout_ms, GError **error)
{
    gint64 deadline = now_ms() + timeout_ms;
    struct timespec pause = { .tv_nsec = RETRY_MS * 1000000L };

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
        if (state == LOCK_STALE && !remove_stale(path, error))
            return FALSE;
        if (state != LOCK_HELD)
            continue;
        if (now_ms() >= deadline) {
            set_held_error(error, path, holder);
            return FALSE;
        }
        nanosleep(&pause, NULL);
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
    snprintf(mine, sizeof(mine), "%s.%d", path, getpid());
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
    if (ap_lock_is_held_by(path, owner))
        unlink(path);
}


gboolean
ap_lock_is_held_by(const char *path, int owner)
{
    return owner > 0 && read_owner(path) == owner;
}
