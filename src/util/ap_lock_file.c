/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file that is the lock on the host's AP configuration, as it is found. */
#include "util/ap_lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/ap_pid.h"

/* A lock without a process id in it is a very new one, or one whose writer died: util_lockfile.c
 * allows two minutes. */
#define EMPTY_STALE_S 120

/* How often a lock is given back when that fails. */
#define RELEASE_TRIES 3


/* In a world-writable directory only a regular file of root's says anything: any user can make
 * another one, and write a process id into it. Not root ourselves, as in a test, we are no better
 * than who we are. */
static int
is_trusted(const struct stat *st)
{
    return S_ISREG(st->st_mode) && (st->st_uid == 0 || st->st_uid == geteuid());
}


/* What stands where nothing could be opened. */
static ApLockState
look_at_unopened(const char *path, int errnum)
{
    struct stat st;

    if (errnum == ENOENT)
        return AP_LOCK_FREE;
    if (lstat(path, &st) < 0)
        return errno == ENOENT ? AP_LOCK_FREE : AP_LOCK_HELD;
    return is_trusted(&st) ? AP_LOCK_HELD : AP_LOCK_FOREIGN;
}


/* Reads from @fd, at most @size - 1 bytes; 0 if that fails. */
static int
read_text(int fd, char *buffer, size_t size)
{
    ssize_t n;

    do
        n = read(fd, buffer, size - 1);
    while (n < 0 && errno == EINTR);
    buffer[n > 0 ? n : 0] = '\0';
    return n >= 0;
}


int
ap_lock_parse_owner(const char *text, unsigned mode)
{
    int owner = 0;

    if (!(mode & (S_IWGRP | S_IWOTH)))
        ap_pid_parse(text, &owner);
    return owner;
}


int
ap_lock_is_stale(int owner, const char *stat, long long age_s)
{
    return owner == 0 ? age_s > EMPTY_STALE_S : ap_pid_is_gone(stat);
}


/* The content of /proc/PID/stat, NULL if there is no such process; "" if it cannot be looked at. */
static const char *
read_stat(int pid, char *buffer, size_t size)
{
    char path[64];
    int fd;

    if (pid > 0 && kill(pid, 0) < 0 && errno == ESRCH)
        return NULL;
    buffer[0] = '\0';
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return buffer;
    read_text(fd, buffer, size);
    close(fd);
    return buffer;
}


static ApLockState
look_at_open(int fd, int *ret_owner)
{
    struct stat st;
    char text[40];
    char stat[4096];

    if (fstat(fd, &st) < 0)
        return AP_LOCK_HELD;
    if (!is_trusted(&st))
        return AP_LOCK_FOREIGN;
    if (!read_text(fd, text, sizeof(text)))
        return AP_LOCK_HELD;
    *ret_owner = ap_lock_parse_owner(text, st.st_mode);
    return ap_lock_is_stale(*ret_owner, read_stat(*ret_owner, stat, sizeof(stat)),
                            (long long)time(NULL) - st.st_mtime)
               ? AP_LOCK_STALE
               : AP_LOCK_HELD;
}


ApLockState
ap_lock_get_state(const char *path, int *ret_owner)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY);
    ApLockState state;

    *ret_owner = 0;
    if (fd < 0)
        return look_at_unopened(path, errno);
    state = look_at_open(fd, ret_owner);
    close(fd);
    return state;
}


int
ap_lock_is_held_by(const char *path, int owner)
{
    int holder;

    ap_lock_get_state(path, &holder);
    return owner > 0 && holder == owner;
}


void
ap_lock_format_mine(char *buffer, const char *path, int owner)
{
    snprintf(buffer, PATH_MAX, "%s.%d", path, owner);
}


void
ap_lock_format_aside(char *buffer, const char *path, int owner)
{
    snprintf(buffer, PATH_MAX, "%s.stale.%d", path, owner);
}


/* Whether the lock is certainly not @owner's any more. */
static int
give_back(const char *path, int owner)
{
    int holder;
    ApLockState state = ap_lock_get_state(path, &holder);

    if (holder == owner)
        return unlink(path) == 0;
    return holder != 0 || state != AP_LOCK_HELD;
}


void
ap_lock_release(const char *path, int owner)
{
    char left[PATH_MAX];

    /* One that stays hinders everybody else for as long as its owner lives. */
    for (int i = 0; owner > 0 && i < RELEASE_TRIES && !give_back(path, owner); i++)
        continue;
    ap_lock_format_mine(left, path, owner);
    unlink(left);
    ap_lock_format_aside(left, path, owner);
    unlink(left);
}
