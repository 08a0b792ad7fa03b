/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lock, by s390-tools' protocol. */
#include "util/ap_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

#include <glib/gstdio.h>

#include "util/ap_error.h"

#define NOBODY 65534

#define HAMMERS 8
#define HAMMER_ROUNDS 150

/* A directory of its own for each test. */
typedef struct {
    char *dir;
    char *lock;
} Fixture;


static void
set_up(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    fixture->dir = g_dir_make_tmp("ap-lock-XXXXXX", NULL);
    g_assert_nonnull(fixture->dir);
    fixture->lock = g_build_filename(fixture->dir, "s390apconfig.lock", NULL);
}


/* Whatever a test leaves beside the lock fails it here. */
static void
tear_down(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_remove(fixture->lock);
    g_assert_cmpint(g_rmdir(fixture->dir), ==, 0);
    g_free(fixture->lock);
    g_free(fixture->dir);
}


static void
write_lock(const Fixture *fixture, const char *text)
{
    g_assert_true(g_file_set_contents(fixture->lock, text, -1, NULL));
}


static void
write_pid(const Fixture *fixture, pid_t pid)
{
    g_autofree char *text = g_strdup_printf("%d\n", pid);

    write_lock(fixture, text);
}


static void
assert_holds(const Fixture *fixture, const char *wanted)
{
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(fixture->lock, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, wanted);
}


/* The process id of a child that is gone. */
static pid_t
get_dead_pid(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    return pid;
}


/* A child that waits to be killed. */
static pid_t
start_child(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        pause();
        _exit(0);
    }
    g_assert_cmpint(pid, >, 0);
    return pid;
}


static void
end_child(pid_t pid)
{
    kill(pid, SIGKILL);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
}


/* Removes a directory with one in it. */
static void
remove_full(const Fixture *fixture, const char *name)
{
    g_autofree char *path = g_build_filename(fixture->dir, name, NULL);
    g_autofree char *inner = g_build_filename(path, "x", NULL);

    g_assert_cmpint(g_rmdir(inner), ==, 0);
    g_assert_cmpint(g_rmdir(path), ==, 0);
}


static void
assert_taken(const Fixture *fixture)
{
    g_autofree char *wanted = g_strdup_printf("%d\n", getpid());
    g_autoptr(GError) error = NULL;

    ap_lock_take(fixture->lock, getpid(), 5000, &error);
    g_assert_no_error(error);
    assert_holds(fixture, wanted);
    g_assert_true(ap_lock_is_held_by(fixture->lock, getpid()));
    ap_lock_release(fixture->lock, getpid());
    g_assert_false(g_file_test(fixture->lock, G_FILE_TEST_EXISTS));
}


static void
assert_held(const Fixture *fixture, const char *told)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(ap_lock_take(fixture->lock, getpid(), 0, &error));
    g_assert_error(error, AP_ERROR, AP_ERROR_LOCKED);
    g_assert_nonnull(strstr(error->message, told));
}


static void
test_free(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    struct stat st;

    assert_taken(fixture);
    g_assert_true(ap_lock_take(fixture->lock, getpid(), 0, NULL));
    g_assert_cmpint(stat(fixture->lock, &st), ==, 0);
    g_assert_cmpint(st.st_mode & 0777, ==, 0644);
    g_assert_true(ap_lock_take(fixture->lock, getpid(), 0, NULL)); /* ours already */
    ap_lock_release(fixture->lock, getpid());
}


static void
test_foreign(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    pid_t child = start_child();
    g_autofree char *text = g_strdup_printf("%d\n", child);
    g_autofree char *comm = NULL;
    g_autofree char *told = NULL;

    /* Not our own name under qemu-user. */
    g_assert_true(g_file_get_contents("/proc/self/comm", &comm, NULL, NULL));
    told = g_strdup_printf("by process %d (%s)", child, g_strchomp(comm));
    write_pid(fixture, child);
    assert_held(fixture, told);
    ap_lock_release(fixture->lock, getpid());
    assert_holds(fixture, text);
    end_child(child);
    assert_taken(fixture);
}


static void
test_stale(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    pid_t zombie = fork();
    siginfo_t info;

    if (zombie == 0)
        _exit(0);
    write_pid(fixture, get_dead_pid());
    assert_taken(fixture);
    g_assert_cmpint(waitid(P_PID, zombie, &info, WEXITED | WNOWAIT), ==, 0);
    write_pid(fixture, zombie);
    assert_taken(fixture);
    g_assert_cmpint(waitpid(zombie, NULL, 0), ==, zombie);
}


static void
test_no_pid(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const struct utimbuf old = { 1, 1 };
    const char *texts[] = { "", "\n", "0\n", "-1\n", "garbage", "12 monkeys", "99999999999999\n",
                            "1.5", "0x10\n", " 7\n" };

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        write_lock(fixture, texts[i]);
        assert_held(fixture, "holds no process id");
        g_assert_cmpint(utime(fixture->lock, &old), ==, 0);
        assert_taken(fixture);
    }
}


/* What is no regular file is nobody's lock. */
static void
test_no_file(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *inner = g_build_filename(fixture->lock, "x", NULL);
    g_autoptr(GDir) dir = NULL;
    const char *name;

    g_assert_cmpint(mkfifo(fixture->lock, 0644), ==, 0);
    assert_taken(fixture);
    g_assert_cmpint(symlink("/nowhere/at/all", fixture->lock), ==, 0);
    assert_taken(fixture);
    g_assert_cmpint(mkdir(fixture->lock, 0755), ==, 0);
    assert_taken(fixture);
    g_assert_cmpint(mkdir(fixture->lock, 0755), ==, 0);
    g_assert_cmpint(mkdir(inner, 0755), ==, 0);
    assert_taken(fixture);
    /* A full directory is only out of the way. */
    dir = g_dir_open(fixture->dir, 0, NULL);
    name = g_dir_read_name(dir);
    g_assert_true(g_str_has_prefix(name, "s390apconfig.lock.stale."));
    g_assert_null(g_dir_read_name(dir));
    remove_full(fixture, name);
}


/* Makes the lock as somebody else who may write to the directory. */
static void
write_as_nobody(const Fixture *fixture, pid_t pid)
{
    write_pid(fixture, pid);
    g_assert_cmpint(chown(fixture->lock, NOBODY, NOBODY), ==, 0);
}


static gboolean
must_skip(void)
{
    if (getuid() == 0)
        return FALSE;
    g_test_skip("only root can be somebody else");
    return TRUE;
}


/* Every user can make a file in /run/lock, and rewrite it afterwards. */
static void
test_not_roots(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const pid_t pids[] = { getpid(), getppid(), 1, get_dead_pid() };

    if (must_skip())
        return;
    for (guint i = 0; i < G_N_ELEMENTS(pids); i++) {
        struct stat st;

        write_as_nobody(fixture, pids[i]);
        g_assert_false(ap_lock_is_held_by(fixture->lock, pids[i]));
        ap_lock_release(fixture->lock, pids[i]);
        g_assert_true(g_file_test(fixture->lock, G_FILE_TEST_EXISTS));
        g_assert_true(ap_lock_take(fixture->lock, getpid(), 0, NULL));
        g_assert_cmpint(lstat(fixture->lock, &st), ==, 0);
        g_assert_cmpint(st.st_uid, ==, 0);
        ap_lock_release(fixture->lock, getpid());
    }
}


/* A lock of root's that others may write to is somebody's, but nobody knows whose. */
static void
test_writable(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    write_pid(fixture, getpid());
    g_assert_cmpint(chmod(fixture->lock, 0666), ==, 0);
    g_assert_false(ap_lock_is_held_by(fixture->lock, getpid()));
    assert_held(fixture, "holds no process id");
}


/* Somebody knows the names that we use beside the lock. */
static void
test_names_taken(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *mine = g_strdup_printf("%s.%d", fixture->lock, getpid());
    g_autofree char *aside = g_strdup_printf("%s.stale.%d", fixture->lock, getpid());
    const char *names[] = { mine, aside };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *inner = g_build_filename(names[i], "x", NULL);
        g_autoptr(GDir) dir = NULL;

        g_assert_cmpint(mkdir(names[i], 0755), ==, 0);
        g_assert_cmpint(mkdir(inner, 0755), ==, 0);
        write_pid(fixture, get_dead_pid());
        assert_taken(fixture);
        dir = g_dir_open(fixture->dir, 0, NULL);
        remove_full(fixture, g_dir_read_name(dir));
    }
}


static void
test_refused(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const int owners[] = { 1, 0, -1 };
    g_autofree char *nowhere = g_build_filename(fixture->dir, "no", "lock", NULL);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(owners); i++) {
        g_autoptr(GError) local = NULL;

        g_assert_false(ap_lock_take(fixture->lock, owners[i], 0, &local));
        g_assert_error(local, AP_ERROR, AP_ERROR_IO);
        g_assert_false(g_file_test(fixture->lock, G_FILE_TEST_EXISTS));
    }
    g_assert_false(ap_lock_take(nowhere, getpid(), 0, &error));
    g_assert_error(error, AP_ERROR, AP_ERROR_IO);
    g_assert_nonnull(strstr(error->message, "No such file"));
}


static void
test_timeout(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    gint64 start = g_get_monotonic_time();

    write_pid(fixture, getppid());
    g_assert_false(ap_lock_take(fixture->lock, getpid(), 300, NULL));
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 300 * 1000);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 5 * G_USEC_PER_SEC);
}


/* However old it is: it may be somebody's. */
static void
test_unreadable(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    const struct utimbuf old = { 1, 1 };
    int status;
    pid_t child;

    if (must_skip())
        return;
    write_pid(fixture, getpid());
    g_assert_cmpint(chmod(fixture->lock, 0), ==, 0);
    g_assert_cmpint(chmod(fixture->dir, 0777), ==, 0);
    g_assert_cmpint(utime(fixture->lock, &old), ==, 0);
    child = fork();
    if (child == 0) {
        g_autoptr(GError) error = NULL;

        if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
            _exit(2);
        ap_lock_take(fixture->lock, getpid(), 0, &error);
        _exit(!g_error_matches(error, AP_ERROR, AP_ERROR_LOCKED));
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
    g_assert_true(ap_lock_is_held_by(fixture->lock, getpid()));
}


/* Any user can lock /run/lock and keep it. */
static void
test_guarded(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    int fd = open(fixture->dir, O_RDONLY | O_DIRECTORY);

    write_pid(fixture, get_dead_pid());
    g_assert_cmpint(flock(fd, LOCK_EX), ==, 0);
    assert_held(fixture, "somebody keeps its directory locked");
    close(fd);
    assert_taken(fixture);
}


/* Leaves the lock as a process does that was killed while it held it: in one rename, so that it
 * never looks free. */
static void
make_stale(const Fixture *fixture, pid_t dead)
{
    g_autofree char *mine = g_strdup_printf("%s/dead.%d", fixture->dir, getpid());
    g_autofree char *text = g_strdup_printf("%d\n", dead);

    if (!g_file_set_contents_full(mine, text, -1, G_FILE_SET_CONTENTS_NONE, 0644, NULL) ||
        rename(mine, fixture->lock) < 0)
        _exit(3);
}


/* What the processes that hammer share. */
typedef struct {
    pthread_barrier_t barrier;
    int owners;
    int failed_rounds;
} Shared;

int
__real_rename(const char *from, const char *to);

int
__wrap_rename(const char *from, const char *to);


/* Linked in rename()'s place: between the look at a stale lock and its removal the others get
 * their turn, as on a busy machine. */
int
__wrap_rename(const char *from, const char *to)
{
    g_usleep(g_random_int_range(0, 300));
    return __real_rename(from, to);
}


/* Round for round all of them find a stale lock at once. */
static void
hammer(const Fixture *fixture, Shared *shared, pid_t dead)
{
    for (guint i = 0; i < HAMMER_ROUNDS; i++) {
        if (pthread_barrier_wait(&shared->barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
            make_stale(fixture, dead);
            g_atomic_int_set(&shared->owners, 0);
        }
        pthread_barrier_wait(&shared->barrier);
        if (ap_lock_take(fixture->lock, getpid(), 0, NULL))
            g_atomic_int_inc(&shared->owners);
        pthread_barrier_wait(&shared->barrier);
        if (g_atomic_int_get(&shared->owners) != 1)
            g_atomic_int_inc(&shared->failed_rounds);
    }
    _exit(0);
}


static Shared *
share(void)
{
    Shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_barrierattr_t attr;

    g_assert_true(shared != MAP_FAILED);
    pthread_barrierattr_init(&attr);
    pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    g_assert_cmpint(pthread_barrier_init(&shared->barrier, &attr, HAMMERS), ==, 0);
    return shared;
}


static void
test_hammered(Fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    Shared *shared = share();
    pid_t dead = get_dead_pid();
    pid_t children[HAMMERS];

    for (guint i = 0; i < HAMMERS; i++) {
        children[i] = fork();
        if (children[i] == 0)
            hammer(fixture, shared, dead);
    }
    for (guint i = 0; i < HAMMERS; i++) {
        int status;

        g_assert_cmpint(waitpid(children[i], &status, 0), ==, children[i]);
        g_assert_true(WIFEXITED(status));
        g_assert_cmpint(WEXITSTATUS(status), ==, 0);
    }
    g_assert_cmpint(shared->failed_rounds, ==, 0);
    munmap(shared, sizeof(*shared));
}


static void
add(const char *name, void (*func)(Fixture *, gconstpointer))
{
    g_autofree char *path = g_strconcat("/ap_lock/", name, NULL);

    g_test_add(path, Fixture, NULL, set_up, func, tear_down);
}


int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("a free lock is taken, and given back", test_free);
    add("a live owner is named, and keeps it", test_foreign);
    add("what a dead process or a zombie left is replaced", test_stale);
    add("without a process id it is stale after two minutes", test_no_pid);
    add("a fifo, a link or a directory in its place is no lock", test_no_file);
    add("what another user made is no lock, whatever it holds", test_not_roots);
    add("what others may write to is not ours", test_writable);
    add("a directory that has a name of ours gets out of the way", test_names_taken);
    add("init is no owner, and a missing directory is told", test_refused);
    add("it waits as long as it was told", test_timeout);
    add("a lock that cannot be read is somebody's", test_unreadable);
    add("a directory that somebody keeps locked is told", test_guarded);
    add("of eight that find it stale one gets it", test_hammered);
    return g_test_run();
}
