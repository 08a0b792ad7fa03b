/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mdevctl's JSON in its plain form: the keys in mdevctl's order, strings of printable ASCII without
 * escapes, any white space between. The callout reads thousands of such files, and json-c takes
 * longer for them than the kernel (./dev bench). A subset of JSON: what is accepted here json-c
 * accepts with the same result, all else is left to it. */
#include "conf/ap_mdevctl_plain.h"

#include <string.h>

/* Longer strings are left to json-c; ap_config's three masks take 200. */
#define STRING_MAX 255

typedef struct {
    const char *next;
    const char *end;
} Scan;


static gboolean
is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}


static gboolean
take(Scan *scan, char wanted)
{
    while (scan->next < scan->end && is_space(*scan->next))
        scan->next++;
    if (scan->next == scan->end || *scan->next != wanted)
        return FALSE;
    scan->next++;
    return TRUE;
}


static gboolean
take_string(Scan *scan, char *ret_string)
{
    gsize length = 0;

    if (!take(scan, '"'))
        return FALSE;
    for (; scan->next < scan->end && *scan->next != '"'; scan->next++) {
        if (!g_ascii_isprint(*scan->next) || *scan->next == '\\' || length == STRING_MAX)
            return FALSE;
        ret_string[length++] = *scan->next;
    }
    ret_string[length] = '\0';
    return take(scan, '"');
}


static gboolean
take_key(Scan *scan, const char *wanted)
{
    char key[STRING_MAX + 1];

    return take_string(scan, key) && strcmp(key, wanted) == 0 && take(scan, ':');
}


static gboolean
take_attrs(Scan *scan, ApMdevDef *def)
{
    char name[STRING_MAX + 1];
    char value[STRING_MAX + 1];

    if (!take(scan, '['))
        return FALSE;
    if (take(scan, ']'))
        return TRUE;
    do {
        if (!take(scan, '{') || !take_string(scan, name) || !take(scan, ':') ||
            !take_string(scan, value) || !take(scan, '}'))
            return FALSE;
        ap_mdev_def_add_attr(def, name, value);
    } while (take(scan, ','));
    return take(scan, ']');
}


ApMdevDef *
ap_mdevctl_plain_parse(const char *text, gsize length)
{
    Scan scan = { text, text + length };
    g_autoptr(ApMdevDef) def = NULL;
    char type[STRING_MAX + 1];
    char start[STRING_MAX + 1];

    if (!take(&scan, '{') || !take_key(&scan, "mdev_type") || !take_string(&scan, type) ||
        !take(&scan, ',') || !take_key(&scan, "start") || !take_string(&scan, start) ||
        !take(&scan, ',') || !take_key(&scan, "attrs"))
        return NULL;
    def = ap_mdev_def_new(type);
    def->autostart = strcmp(start, "auto") == 0;
    if (!take_attrs(&scan, def) || !take(&scan, '}'))
        return NULL;
    /* What follows, if only white space, is json-c's as well: mdevctl writes nothing there. */
    return scan.next == scan.end ? g_steal_pointer(&def) : NULL;
}
