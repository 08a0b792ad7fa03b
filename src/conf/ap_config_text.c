/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What GKeyFile silently accepts in the configuration file, and a policy must not. */
#include "conf/ap_config_text.h"

#include <string.h>

#include "util/ap_error.h"

/* The file while its lines are looked at. */
typedef struct {
    const char *path;
    GHashTable *groups; /* name -> line */
    GHashTable *keys;   /* keys of the current group -> line */
    char *group;
    guint line;
} Scan;


static void
scan_clear(Scan *scan)
{
    g_hash_table_unref(scan->groups);
    g_hash_table_unref(scan->keys);
    g_free(scan->group);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Scan, scan_clear)


/* Notes where @name stands. Returns the line where it stood before, 0 if it did not. */
static guint
note(GHashTable *table, const char *name, guint line)
{
    guint before = GPOINTER_TO_UINT(g_hash_table_lookup(table, name));

    if (before == 0)
        g_hash_table_insert(table, g_strdup(name), GUINT_TO_POINTER(line));
    return before;
}


static gboolean
check_group(Scan *scan, char *name, GError **error)
{
    guint before = note(scan->groups, name, scan->line);

    if (before > 0) {
        g_set_error(error, AP_ERROR, AP_ERROR_CONFIG,
                    "%s: [%s]: stands in line %u and in line %u\n"
                    "put both together, or give one of them another name",
                    scan->path, name, before, scan->line);
        return FALSE;
    }
    g_free(scan->group);
    scan->group = g_strdup(name);
    g_hash_table_remove_all(scan->keys);
    return TRUE;
}


static gboolean
check_key(Scan *scan, const char *key, GError **error)
{
    guint before = note(scan->keys, key, scan->line);

    if (strchr(key, '[')) {
        g_set_error(error, AP_ERROR, AP_ERROR_CONFIG, "%s: [%s] %s: unknown key", scan->path,
                    scan->group, key);
        return FALSE;
    }
    if (before == 0)
        return TRUE;
    g_set_error(error, AP_ERROR, AP_ERROR_CONFIG,
                "%s: [%s] %s: stands in line %u and in line %u, and only one can count\n"
                "keep one of them",
                scan->path, scan->group, key, before, scan->line);
    return FALSE;
}


/* One line, as g_key_file_parse_line() understands it. */
static gboolean
check_line(Scan *scan, char *line, GError **error)
{
    char *equals;

    g_strstrip(line);
    if (line[0] == '\0' || line[0] == '#')
        return TRUE;
    if (line[0] == '[') {
        line[1 + strcspn(line + 1, "]")] = '\0';
        return check_group(scan, line + 1, error);
    }
    equals = strchr(line, '=');
    if (!equals || !scan->group)
        return TRUE;
    *equals = '\0';
    return check_key(scan, g_strchomp(line), error);
}


gboolean
ap_config_text_check(const char *text, gsize length, const char *path, GError **error)
{
    g_autofree char *copy = g_strndup(text, length);
    g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
    g_auto(Scan) scan = {
        .path = path,
        .groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };

    for (char **line = lines; *line; line++) {
        scan.line++;
        if (!check_line(&scan, *line, error))
            return FALSE;
    }
    return TRUE;
}


static gboolean
set_mark_error(GError **error, const char *value, char mark)
{
    const char *meant = mark == ','   ? "names are separated by semicolons, such as a; b"
                        : mark == '#' ? "a comment has a line of its own"
                        : mark == '\\' ? "a backslash stands before ; , # \" ' or \\"
                                       : "names stand there without quotes";

    g_set_error(error, AP_ERROR, AP_ERROR_CONFIG,
                "'%s': %s\na name that has this character itself: write \\%c", value, meant, mark);
    return FALSE;
}


/* Takes one name from *@text on, with its semicolon if there is one. */
static gboolean
take_name(const char *value, const char **text, GPtrArray *names, GError **error)
{
    g_autoptr(GString) name = g_string_new(NULL);
    gsize kept = 0; /* its length without blanks at the end */

    for (; **text && **text != ';'; (*text)++) {
        gboolean escaped = **text == '\\';

        *text += escaped;
        if (escaped ? !**text || !strchr(";,#\"'\\", **text) : !!strchr(",#\"'", **text))
            return set_mark_error(error, value, escaped ? '\\' : **text);
        if (name->len > 0 || !g_ascii_isspace(**text))
            g_string_append_c(name, **text);
        if (!g_ascii_isspace(**text))
            kept = name->len;
    }
    *text += **text == ';';
    g_string_truncate(name, kept);
    if (name->len > 0)
        g_ptr_array_add(names, g_string_free(g_steal_pointer(&name), FALSE));
    return TRUE;
}


char **
ap_config_text_split_names(const char *value, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *text = value;

    while (*text) {
        if (!take_name(value, &text, names, error))
            return NULL;
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}
