/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The root directory that every path is derived from. */
#include "util/ap_root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "util/ap_error.h"
#include "util/ap_unread.h"

/* As the kernel's MAXSYMLINKS. */
#define LINKS_MAX 40

/* How often one path is walked again because of somebody else's renames. */
#define RACES_MAX 1000

/* Neither a fifo nor a terminal may make us wait or become ours. */
#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* What this user may not read. */
typedef struct {
    GHashTable *paths; /* inside the root; a set */
    guint n;           /* with those that were denied again */
} Denials;

struct _ApRoot {
    char *path;
    int fd;
    Denials *denials;
    GHashTable *unread; /* of a captured host: path -> why it could not be read; NULL: none */
};

struct _ApDir {
    const ApRoot *root; /* borrowed */
    char *path;
    DIR *stream;
    GByteArray *buffer; /* what ap_dir_read() returned last */
};


void
ap_root_free(ApRoot *root)
{
    if (!root)
        return;
    close(root->fd);
    g_hash_table_unref(root->denials->paths);
    g_free(root->denials);
    g_clear_pointer(&root->unread, g_hash_table_unref);
    g_free(root->path);
    g_free(root);
}


gboolean
ap_root_is_host(const ApRoot *root)
{
    return strcmp(root->path, "/") == 0;
}


const char *
ap_root_get_path(const ApRoot *root)
{
    return root->path;
}


char *
ap_root_join(const ApRoot *root, const char *path)
{
    if (ap_root_is_host(root))
        return g_strdup(path);
    return g_strconcat(root->path, path, NULL);
}


char *
ap_root_describe(const ApRoot *root, const char *path)
{
    g_autofree char *full = ap_root_join(root, path);

    return ap_text_escape(full);
}


static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}


/* Whether a directory on the way to @path is denied itself. */
static gboolean
is_below_denied(const ApRoot *root, const char *path)
{
    g_autofree char *prefix = g_strdup(path);
    char *slash;

    while ((slash = strrchr(prefix, '/')) && slash != prefix) {
        *slash = '\0';
        if (g_hash_table_contains(root->denials->paths, prefix))
            return TRUE;
    }
    return FALSE;
}


GPtrArray *
ap_root_list_denied(const ApRoot *root)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer path;

    g_hash_table_iter_init(&iter, root->denials->paths);
    while (g_hash_table_iter_next(&iter, &path, NULL)) {
        if (!is_below_denied(root, path))
            g_ptr_array_add(paths, ap_root_describe(root, path));
    }
    g_ptr_array_sort(paths, compare_names);
    return paths;
}


guint
ap_root_count_denials(const ApRoot *root)
{
    return root->denials->n;
}


/* Of processes there are many, and all that counts is that they were hidden. */
static void
note_failure(const ApRoot *root, const char *path, int errnum)
{
    const char *pid = g_str_has_prefix(path, "/proc/") ? path + strlen("/proc/") : "";
    gsize n_digits = strspn(pid, "0123456789");

    if (ap_error_code_of(errnum) != AP_ERROR_DENIED)
        return;
    root->denials->n++;
    g_hash_table_add(root->denials->paths,
                     n_digits > 0 ? g_strconcat("/proc/*", pid + n_digits, NULL) : g_strdup(path));
    errno = errnum;
}


/* Puts the components of @path in front of those that are still to be walked; @pending is a stack,
 * the next component last. */
static void
push_components(GPtrArray *pending, const char *path)
{
    g_auto(GStrv) components = g_strsplit(path, "/", -1);

    for (guint i = g_strv_length(components); i > 0; i--) {
        if (strcmp(components[i - 1], "") != 0 && strcmp(components[i - 1], ".") != 0)
            g_ptr_array_add(pending, g_strdup(components[i - 1]));
    }
}


static void
pop_component(GString *walked)
{
    const char *slash = strrchr(walked->str, '/');

    g_string_truncate(walked, slash ? slash - walked->str : 0);
}


/* openat2(RESOLVE_IN_ROOT) by hand, for kernels before 5.6 and for qemu-user, which lack it. Not
 * safe against somebody who changes the tree meanwhile. */
static int
walk_in_root(const ApRoot *root, const char *path, int flags)
{
    g_autoptr(GPtrArray) pending = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) walked = g_string_new(NULL);
    guint n_links = 0;

    push_components(pending, path);
    while (pending->len > 0) {
        g_autofree char *name = g_ptr_array_steal_index(pending, pending->len - 1);
        gboolean keep = (flags & O_NOFOLLOW) && pending->len == 0;
        char target[4096];
        ssize_t length;

        if (strcmp(name, "..") == 0) {
            pop_component(walked);
            continue;
        }
        g_string_append_printf(walked, "%s%s", walked->len ? "/" : "", name);
        length = keep ? -1 : readlinkat(root->fd, walked->str, target, sizeof(target) - 1);
        if (length < 0)
            continue;
        if (++n_links > LINKS_MAX) {
            errno = ELOOP;
            return -1;
        }
        target[length] = '\0';
        pop_component(walked);
        if (target[0] == '/')
            g_string_truncate(walked, 0);
        push_components(pending, target);
    }
    return openat(root->fd, walked->len ? walked->str : ".", flags | O_NOFOLLOW);
}


static int
try_open(const ApRoot *root, const char *path, int flags)
{
    struct open_how how = { .flags = flags, .resolve = RESOLVE_IN_ROOT };
    int fd = -1;

    /* EAGAIN: something was renamed or mounted, anywhere, while a ".." was walked. */
    errno = EAGAIN;
    for (guint i = 0; fd < 0 && errno == EAGAIN && i < RACES_MAX; i++)
        fd = syscall(SYS_openat2, root->fd, path, &how, sizeof(how));
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM && errno != EAGAIN))
        return fd;
    return walk_in_root(root, path, flags);
}


/* Returns -1 with errno, as open(2) does. */
static int
open_in_root(const ApRoot *root, const char *path, int flags)
{
    int fd = try_open(root, path, flags);

    if (fd < 0)
        note_failure(root, path, errno);
    return fd;
}


/* Whether a path that could not be opened is not there; a link that leads nowhere inside the root
 * is there, and so is what hides behind it. */
static gboolean
is_missing(const ApRoot *root, const char *path, int errnum)
{
    g_autofree char *prefix = g_strdup(path);
    struct stat st;
    char *slash;

    if (errnum != ENOENT && errnum != ENOTDIR)
        return FALSE;
    if (ap_root_stat(root, path, FALSE, &st))
        return errnum == ENOENT && !S_ISLNK(st.st_mode);
    while ((slash = strrchr(prefix, '/')) && slash != prefix) {
        *slash = '\0';
        if (ap_root_stat(root, prefix, FALSE, &st))
            return !S_ISLNK(st.st_mode) || ap_root_exists(root, prefix);
    }
    return TRUE;
}


static void
set_read_error(GError **error, const ApRoot *root, const char *path, int errnum)
{
    g_autofree char *full = NULL;
    gboolean missing;

    /* Many attributes may be absent, and nobody asks why. */
    if (!error)
        return;
    full = ap_root_describe(root, path);
    missing = is_missing(root, path, errnum);
    g_set_error(error, AP_ERROR,
                missing ? AP_ERROR_NOT_FOUND : ap_error_code_of(errnum),
                "cannot read %s: %s", full,
                missing || errnum != ENOENT ? strerror(errnum) : "a link leads nowhere");
}


/* Reads all of @fd into @buffer, a NUL behind it. The error does not name the file. */
static gboolean
read_fd(int fd, gsize max, GByteArray *buffer, GError **error)
{
    struct stat st = { 0 };
    gsize length = 0;

    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
        g_set_error(error, AP_ERROR, AP_ERROR_IO, "not a regular file");
        return FALSE;
    }
    for (;;) {
        ssize_t n;

        g_byte_array_set_size(buffer, length + AP_ROOT_ATTRIBUTE_MAX + 1);
        n = read(fd, buffer->data + length, buffer->len - length - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            g_set_error(error, AP_ERROR, ap_error_code_of(errno), "%s", strerror(errno));
            return FALSE;
        }
        if (n == 0)
            break;
        length += n;
        if (length > max) {
            g_set_error(error, AP_ERROR, AP_ERROR_IO, "larger than %" G_GSIZE_FORMAT " bytes",
                        max);
            return FALSE;
        }
        /* That saves a call for each file. sysfs says a page, and gives an attribute whole; procfs
         * says 0. */
        if (length == (gsize)st.st_size || st.st_size == AP_ROOT_ATTRIBUTE_MAX)
            break;
    }
    buffer->data[length] = '\0';
    g_byte_array_set_size(buffer, length);
    return TRUE;
}


/* Whether the host that was captured could not read it; sets the error. */
static gboolean
was_unread(const ApRoot *root, const char *path, GError **error)
{
    const char *reason = root->unread ? g_hash_table_lookup(root->unread, path) : NULL;
    gboolean denied = g_strcmp0(reason, g_strerror(EACCES)) == 0;
    g_autofree char *full = reason ? ap_root_describe(root, path) : NULL;

    if (!reason)
        return FALSE;
    if (denied)
        note_failure(root, path, EACCES);
    g_set_error(error, AP_ERROR, denied ? AP_ERROR_DENIED : AP_ERROR_IO, "cannot read %s: %s",
                full, reason);
    return TRUE;
}


/* As read_fd(), of the file @name in @dir; closes @fd. The error names the file. Only a failure
 * makes a path of both, since thousands of files are read. */
static gboolean
read_file(const ApRoot *root, const char *dir, const char *name, int fd, gsize max,
          GByteArray *buffer, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autofree char *path = NULL;
    g_autofree char *full = NULL;
    gboolean ok = read_fd(fd, max, buffer, &local);

    close(fd);
    if (ok && !root->unread)
        return TRUE;
    path = g_build_filename(dir, name, NULL);
    if (was_unread(root, path, error))
        return FALSE;
    if (ok)
        return TRUE;
    if (g_error_matches(local, AP_ERROR, AP_ERROR_DENIED))
        note_failure(root, path, EACCES);
    full = ap_root_describe(root, path);
    g_propagate_prefixed_error(error, g_steal_pointer(&local), "cannot read %s: ", full);
    return FALSE;
}


char *
ap_root_read(const ApRoot *root, const char *path, gsize max, gsize *ret_length, GError **error)
{
    g_autoptr(GByteArray) buffer = g_byte_array_new();
    int fd = open_in_root(root, path, READ_FLAGS);

    if (fd < 0) {
        set_read_error(error, root, path, errno);
        return NULL;
    }
    if (!read_file(root, "/", path, fd, max, buffer, error))
        return NULL;
    if (!ret_length && memchr(buffer->data, '\0', buffer->len)) {
        g_autofree char *full = ap_root_describe(root, path);

        g_set_error(error, AP_ERROR, AP_ERROR_IO, "cannot read %s: not text", full);
        return NULL;
    }
    if (ret_length)
        *ret_length = buffer->len;
    return (char *)g_byte_array_free(g_steal_pointer(&buffer), FALSE);
}


/* Reads what a captured host says of itself. */
static gboolean
load_unread(ApRoot *root, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autofree char *text =
        ap_root_read(root, "/" AP_UNREAD_FILE, AP_ROOT_LARGE_MAX, NULL, &local);

    if (text)
        root->unread = ap_unread_parse(text);
    if (text || g_error_matches(local, AP_ERROR, AP_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&local));
    return FALSE;
}


ApRoot *
ap_root_new(const char *path, GError **error)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    ApRoot *root;

    if (fd < 0) {
        int errnum = errno;
        g_autofree char *escaped = ap_text_escape(path);

        g_set_error(error, AP_ERROR, AP_ERROR_IO, "cannot use '%s' as root: %s", escaped,
                    strerror(errnum));
        return NULL;
    }
    root = g_new0(ApRoot, 1);
    root->path = g_canonicalize_filename(path, NULL);
    root->fd = fd;
    root->denials = g_new0(Denials, 1);
    root->denials->paths = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!ap_root_is_host(root) && !load_unread(root, error)) {
        ap_root_free(root);
        return NULL;
    }
    return root;
}


char *
ap_root_read_line(const ApRoot *root, const char *path)
{
    char *text = ap_root_read(root, path, AP_ROOT_ATTRIBUTE_MAX, NULL, NULL);

    if (text && g_str_has_suffix(text, "\n"))
        text[strlen(text) - 1] = '\0';
    return text;
}


char *
ap_root_read_target(const ApRoot *root, const char *path)
{
    int fd = open_in_root(root, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char target[4096];
    ssize_t length;

    if (fd < 0)
        return NULL;
    length = readlinkat(fd, "", target, sizeof(target) - 1);
    if (length < 0)
        note_failure(root, path, errno);
    close(fd);
    if (length < 0)
        return NULL;
    target[length] = '\0';
    return g_strdup(target);
}


char *
ap_root_read_link(const ApRoot *root, const char *path)
{
    g_autofree char *target = ap_root_read_target(root, path);

    return target ? g_path_get_basename(target) : NULL;
}


gboolean
ap_root_stat(const ApRoot *root, const char *path, gboolean follow, struct stat *ret_stat)
{
    int fd = open_in_root(root, path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    struct stat st;
    gboolean ok;

    if (fd < 0)
        return FALSE;
    ok = fstat(fd, &st) == 0;
    close(fd);
    if (ok)
        *ret_stat = st;
    return ok;
}


gboolean
ap_root_exists(const ApRoot *root, const char *path)
{
    int fd = open_in_root(root, path, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return FALSE;
    close(fd);
    return TRUE;
}


gboolean
ap_root_is_missing(const ApRoot *root, const char *path)
{
    int fd = open_in_root(root, path, O_PATH | O_CLOEXEC);

    if (fd < 0)
        return is_missing(root, path, errno);
    close(fd);
    return FALSE;
}


GPtrArray *
ap_root_list(const ApRoot *root, const char *path, GError **error)
{
    g_autoptr(ApDir) dir = ap_dir_open(root, path, error);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) local = NULL;
    const char *name;

    if (!dir)
        return NULL;
    while ((name = ap_dir_next(dir, &local)))
        g_ptr_array_add(names, g_strdup(name));
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return NULL;
    }
    g_ptr_array_sort(names, compare_names);
    return g_steal_pointer(&names);
}


ApDir *
ap_dir_open(const ApRoot *root, const char *path, GError **error)
{
    int fd = open_in_root(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    ApDir *dir;

    if (stream && was_unread(root, path, error)) {
        closedir(stream);
        return NULL;
    }
    if (!stream) {
        set_read_error(error, root, path, errno);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    dir = g_new0(ApDir, 1);
    dir->root = root;
    dir->path = g_strdup(path);
    dir->stream = stream;
    dir->buffer = g_byte_array_new();
    return dir;
}


void
ap_dir_free(ApDir *dir)
{
    if (!dir)
        return;
    closedir(dir->stream);
    g_byte_array_unref(dir->buffer);
    g_free(dir->path);
    g_free(dir);
}


const char *
ap_dir_next(ApDir *dir, GError **error)
{
    struct dirent *entry;

    errno = 0;
    while ((entry = readdir(dir->stream))) {
        if (entry->d_name[0] != '.')
            return entry->d_name;
    }
    if (errno != 0)
        set_read_error(error, dir->root, dir->path, errno);
    return NULL;
}


/* Mostly there is no link on the way: only that pays for being resolved inside the root. */
static int
open_entry(ApDir *dir, const char *name)
{
    struct open_how how = { .flags = READ_FLAGS, .resolve = RESOLVE_NO_SYMLINKS };
    int fd = syscall(SYS_openat2, dirfd(dir->stream), name, &how, sizeof(how));

    if (fd < 0 && errno != ENOENT) {
        g_autofree char *path = g_build_filename(dir->path, name, NULL);

        return open_in_root(dir->root, path, READ_FLAGS);
    }
    return fd;
}


const char *
ap_dir_read(ApDir *dir, const char *name, gsize max, gsize *ret_length, GError **error)
{
    int fd = open_entry(dir, name);

    if (fd < 0) {
        int errnum = errno;
        g_autofree char *path = g_build_filename(dir->path, name, NULL);

        set_read_error(error, dir->root, path, errnum);
        return NULL;
    }
    if (!read_file(dir->root, dir->path, name, fd, max, dir->buffer, error))
        return NULL;
    *ret_length = dir->buffer->len;
    return (const char *)dir->buffer->data;
}
