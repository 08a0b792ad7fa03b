/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The root directory that every path is derived from: "/" on a host, a copied tree for a captured
 * one. Links are resolved inside the root, and only regular files are read. */
#pragma once

#include <glib.h>
#include <sys/stat.h>

/* Limits for ap_root_read(), in bytes. */
#define AP_ROOT_ATTRIBUTE_MAX 4096                /* a sysfs attribute: one page */
#define AP_ROOT_DEFINITION_MAX (256 * 1024)       /* all ids there are take 60 KiB */
#define AP_ROOT_SMALL_MAX (1024 * 1024)           /* rules, configuration */
#define AP_ROOT_XML_MAX (8 * 1024 * 1024)         /* libvirt's: it takes 4 MiB, REMOTE_STRING_MAX */
#define AP_ROOT_LARGE_MAX (64 * 1024 * 1024)      /* journal; a program that is only searched */

typedef struct _ApRoot ApRoot;
typedef struct _ApDir ApDir;

/**
 * ap_root_new:
 * @path: a directory
 * @error: return location
 *
 * What a captured host says that it could not read (util/ap_unread.h) cannot be read here either.
 *
 * Errors: AP_ERROR_IO, AP_ERROR_DENIED.
 *
 * Returns: (nullable): the root; the caller frees it with ap_root_free().
 */
ApRoot *
ap_root_new(const char *path, GError **error);

/**
 * ap_root_free:
 * @root: (nullable): a root
 */
void
ap_root_free(ApRoot *root);

/**
 * ap_root_is_host:
 * @root: a root
 *
 * Returns: whether @root is "/", this very host. On no other root is anything written.
 */
gboolean
ap_root_is_host(const ApRoot *root);

/**
 * ap_root_get_path:
 * @root: a root
 *
 * Returns: the directory as it was given; borrowed from @root.
 */
const char *
ap_root_get_path(const ApRoot *root);

/**
 * ap_root_describe:
 * @root: a root
 * @path: a path inside the root, absolute
 *
 * Returns: the path for messages, the root's own in front of it unless that is "/", as
 *   ap_text_escape() leaves it; the caller frees it.
 */
char *
ap_root_describe(const ApRoot *root, const char *path);

/**
 * ap_root_join:
 * @root: a root
 * @path: a path inside the root, absolute
 *
 * For what is to be written: who reads takes ap_root_read(), which resolves links inside the root.
 *
 * Returns: the path with the root's own in front of it; the caller frees it.
 */
char *
ap_root_join(const ApRoot *root, const char *path);

/**
 * ap_root_read:
 * @root: a root
 * @path: a path inside the root, absolute
 * @max: how many bytes the file may have
 * @ret_length: (out) (optional): how many it has; NULL if it is to be text, without a NUL byte
 * @error: return location
 *
 * Errors: AP_ERROR_NOT_FOUND if it is not there; AP_ERROR_DENIED if this user may not read it;
 *   AP_ERROR_IO if it cannot be read, is no regular file, no text or larger than @max, or if a link
 *   on the way leads nowhere inside the root.
 *
 * Returns: (nullable): the content, with a NUL behind it; the caller frees it.
 */
char *
ap_root_read(const ApRoot *root, const char *path, gsize max, gsize *ret_length, GError **error);

/**
 * ap_root_read_line:
 * @root: a root
 * @path: a sysfs attribute inside the root, absolute
 *
 * For attributes that may be missing.
 *
 * Returns: (nullable): the content without the newline at its end, NULL if it cannot be read; the
 *   caller frees it.
 */
char *
ap_root_read_line(const ApRoot *root, const char *path);

/**
 * ap_root_read_target:
 * @root: a root
 * @path: a link inside the root, absolute
 *
 * Returns: (nullable): what the link says, NULL if it is no link; the caller frees it.
 */
char *
ap_root_read_target(const ApRoot *root, const char *path);

/**
 * ap_root_read_link:
 * @root: a root
 * @path: a link inside the root, absolute
 *
 * The link itself is not followed, so that a captured "driver" link needs no driver.
 *
 * Returns: (nullable): the last component of what the link says, NULL if it is no link; the
 *   caller frees it.
 */
char *
ap_root_read_link(const ApRoot *root, const char *path);

/**
 * ap_root_exists:
 * @root: a root
 * @path: a path inside the root, absolute
 *
 * Returns: whether there is something that @path leads to, and it can be looked at.
 */
gboolean
ap_root_exists(const ApRoot *root, const char *path);

/**
 * ap_root_stat:
 * @root: a root
 * @path: a path inside the root, absolute
 * @follow: whether a link at its end is followed
 * @ret_stat: (out): what fstat(2) says of it; untouched on failure
 *
 * Returns: whether it is there.
 */
gboolean
ap_root_stat(const ApRoot *root, const char *path, gboolean follow, struct stat *ret_stat);

/**
 * ap_root_is_missing:
 * @root: a root
 * @path: a path inside the root, absolute
 *
 * Not the opposite of ap_root_exists(): what cannot be looked at is neither.
 *
 * Returns: whether there is certainly nothing: a link that leads nowhere is something.
 */
gboolean
ap_root_is_missing(const ApRoot *root, const char *path);

/**
 * ap_root_list_denied:
 * @root: a root
 *
 * What the functions here could not read so far. Of a directory that is denied nothing below it is
 * listed; "*" below /proc stands for a process.
 *
 * Returns: (element-type utf8): the paths that this user may not read, sorted, as
 *   ap_root_describe() leaves them; the caller unrefs it.
 */
GPtrArray *
ap_root_list_denied(const ApRoot *root);

/**
 * ap_root_count_denials:
 * @root: a root
 *
 * Returns: how often this user was denied something so far: who counts before and after knows
 *   whether what he did in between saw everything.
 */
guint
ap_root_count_denials(const ApRoot *root);

/**
 * ap_root_list:
 * @root: a root
 * @path: a directory inside the root, absolute
 * @error: return location
 *
 * Errors: AP_ERROR_NOT_FOUND, AP_ERROR_DENIED, AP_ERROR_IO.
 *
 * Returns: (nullable) (element-type utf8): the names in it, sorted, without dot files; the caller
 *   unrefs it.
 */
GPtrArray *
ap_root_list(const ApRoot *root, const char *path, GError **error);

/**
 * ap_dir_open:
 * @root: a root; must live as long as the directory
 * @path: a directory inside the root, absolute
 * @error: return location
 *
 * For directories of which many files are read: saves resolving the path each time.
 *
 * Errors: AP_ERROR_NOT_FOUND, AP_ERROR_DENIED, AP_ERROR_IO.
 *
 * Returns: (nullable): the directory; the caller frees it with ap_dir_free().
 */
ApDir *
ap_dir_open(const ApRoot *root, const char *path, GError **error);

/**
 * ap_dir_free:
 * @dir: (nullable): a directory
 */
void
ap_dir_free(ApDir *dir);

/**
 * ap_dir_next:
 * @dir: a directory
 * @error: return location
 *
 * Errors: AP_ERROR_IO.
 *
 * Returns: (nullable): the next name in the directory's own order, without dot files; NULL at the
 *   end and on failure; valid until the next call.
 */
const char *
ap_dir_next(ApDir *dir, GError **error);

/**
 * ap_dir_read:
 * @dir: a directory
 * @name: a name in it, or a path below it without ".."
 * @max: how many bytes the file may have
 * @ret_length: (out): how many it has
 * @error: return location
 *
 * Errors: as ap_root_read().
 *
 * Returns: (nullable): the content, with a NUL behind it; valid until the next call.
 */
const char *
ap_dir_read(ApDir *dir, const char *name, gsize max, gsize *ret_length, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApRoot, ap_root_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApDir, ap_dir_free)
