/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record of what could not be read: a line for each path, then a tab and the reason. */
#include "util/ap_unread.h"

#include <string.h>


GHashTable *
ap_unread_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}


GHashTable *
ap_unread_parse(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    GHashTable *unread = ap_unread_new();

    for (char **line = lines; *line; line++) {
        char *tab = strchr(*line, '\t');

        if (!tab)
            continue;
        *tab = '\0';
        g_hash_table_insert(unread, g_strcompress(*line), g_strcompress(tab + 1));
    }
    return unread;
}


static int
compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}


char *
ap_unread_format(GHashTable *unread)
{
    g_autoptr(GList) paths =
        g_list_sort(g_hash_table_get_keys(unread), (GCompareFunc)compare_paths);
    GString *text = g_string_new(NULL);

    for (GList *item = paths; item; item = item->next) {
        g_autofree char *path = g_strescape(item->data, NULL);
        g_autofree char *reason = g_strescape(g_hash_table_lookup(unread, item->data), NULL);

        g_string_append_printf(text, "%s\t%s\n", path, reason);
    }
    return g_string_free(text, FALSE);
}
