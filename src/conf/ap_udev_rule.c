/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* udev's rules, as far as they set attributes of a device. */
#include "conf/ap_udev_rule.h"

#include <fnmatch.h>
#include <string.h>

/* Whether something happens. */
typedef enum {
    NEVER,
    PERHAPS,
    SURELY,
} Truth;

/* One KEY{name}=VALUE of a rule. */
typedef struct {
    char *key;
    char *name; /* NULL if there is none */
    char *operator;
    char *value;
    gboolean is_plain; /* the value is text, not i"..." or e"..." */
} Term;

/* A file of rules while an event goes through it. */
typedef struct {
    const ApUdevEvent *event;
    ApUdevSetFunc func;
    gpointer data;
    GPtrArray *lines;      /* of GPtrArray of Term; NULL: a line that is no rule */
    GPtrArray *perhaps_to; /* labels to which it has perhaps gone already */
} Run;


static void
term_free(gpointer data)
{
    Term *term = data;

    g_free(term->key);
    g_free(term->name);
    g_free(term->operator);
    g_free(term->value);
    g_free(term);
}


static void
skip(const char **p, const char *set)
{
    *p += strspn(*p, set);
}


static char *
take(const char **p, gsize length)
{
    char *text = g_strndup(*p, length);

    *p += length;
    return text;
}


/* Reads the term at *@p; NULL where it is none. */
static Term *
read_term(const char **p)
{
    Term *term = g_new0(Term, 1);
    const char *end;

    term->key = take(p, strspn(*p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"));
    if (**p == '{' && (end = strchr(*p, '}'))) {
        (*p)++;
        term->name = take(p, end - *p);
        (*p)++;
    }
    skip(p, " \t");
    term->operator = take(p, strspn(*p, "=!+-:"));
    skip(p, " \t");
    term->is_plain = **p == '"';
    if (**p == 'e' || **p == 'i')
        (*p)++;
    end = **p == '"' ? strchr(*p + 1, '"') : NULL;
    if (!end || term->key[0] == '\0' || term->operator[0] == '\0') {
        term_free(term);
        return NULL;
    }
    (*p)++;
    term->value = take(p, end - *p);
    (*p)++;
    return term;
}


/* The terms of a line; NULL if it is none that udev would take. */
static GPtrArray *
read_line(const char *line)
{
    g_autoptr(GPtrArray) terms = g_ptr_array_new_with_free_func(term_free);
    const char *p = line;

    skip(&p, " \t");
    while (*p != '\0' && *p != '#') {
        Term *term = read_term(&p);

        if (!term)
            return NULL;
        g_ptr_array_add(terms, term);
        skip(&p, ", \t\r");
    }
    return g_steal_pointer(&terms);
}


static void
free_line(gpointer data)
{
    g_clear_pointer((GPtrArray **)&data, g_ptr_array_unref);
}


/* A comment between the parts of a line that goes on is left out of it. */
static GPtrArray *
read_lines(const char *text)
{
    g_auto(GStrv) rows = g_strsplit(text, "\n", -1);
    GPtrArray *lines = g_ptr_array_new_with_free_func(free_line);
    g_autoptr(GString) joined = g_string_new(NULL);

    for (char **row = rows; *row; row++) {
        gsize length = strlen(*row);

        if ((*row)[strspn(*row, " \t")] == '#')
            continue;
        g_string_append(joined, *row);
        if (length > 0 && (*row)[length - 1] == '\\') {
            g_string_truncate(joined, joined->len - 1);
            continue;
        }
        g_ptr_array_add(lines, read_line(joined->str));
        g_string_truncate(joined, 0);
    }
    return lines;
}


/* Looks @name up in a list of ApUdevEvent. Returns FALSE if nothing is known of it; *@ret_value is
 * NULL if it is known not to be there. */
static gboolean
look_up(const char *const *list, const char *name, const char **ret_value)
{
    gsize length = strlen(name);

    for (; *list; list++) {
        if (strncmp(*list, name, length) != 0 || !strchr("=", (*list)[length]))
            continue;
        *ret_value = (*list)[length] == '=' ? *list + length + 1 : NULL;
        return TRUE;
    }
    return FALSE;
}


static gboolean
matches(const char *pattern, const char *value)
{
    g_auto(GStrv) alternatives = g_strsplit(pattern, "|", -1);

    if (pattern[0] == '\0')
        return value[0] == '\0';
    for (char **alternative = alternatives; *alternative; alternative++) {
        if (fnmatch(*alternative, value, 0) == 0)
            return TRUE;
    }
    return FALSE;
}


static Truth
compare(const Term *term, const char *value)
{
    gboolean equal = matches(term->value, value);

    if (!term->is_plain)
        return PERHAPS;
    return equal == (term->operator[0] == '=') ? SURELY : NEVER;
}


static gboolean
is_comparison(const Term *term)
{
    return strcmp(term->operator, "==") == 0 || strcmp(term->operator, "!=") == 0;
}


/* Whether the event meets a condition. */
static Truth
judge_condition(const ApUdevEvent *event, const Term *term)
{
    const struct {
        const char *key;
        const char *value;
    } words[] = {
        { "ACTION", event->action },
        { "SUBSYSTEM", event->subsystem },
        { "KERNEL", event->kernel },
        { "DEVPATH", event->devpath },
    };
    const char *value;

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcmp(term->key, words[i].key) == 0)
            return compare(term, words[i].value);
    }
    if (strcmp(term->key, "ENV") == 0 && term->name &&
        look_up(event->properties, term->name, &value))
        return compare(term, value ? value : "");
    /* An attribute that is not there meets no condition, token_match_attr() in udev-rules.c. */
    if (strcmp(term->key, "ATTR") == 0 && term->name &&
        look_up(event->attributes, term->name, &value))
        return value ? compare(term, value) : NEVER;
    return PERHAPS;
}


/* Programs that a rule asks are conditions, whatever their operator. */
static gboolean
is_question(const Term *term)
{
    return strcmp(term->key, "PROGRAM") == 0 || strcmp(term->key, "IMPORT") == 0;
}


static const char *
find_value(const GPtrArray *line, const char *key)
{
    for (guint i = 0; i < line->len; i++) {
        const Term *term = line->pdata[i];

        if (strcmp(term->key, key) == 0 && !is_comparison(term))
            return term->value;
    }
    return NULL;
}


/* The index of the line after @from that has the label; 0 if there is none: udev then does not
 * go anywhere. */
static guint
find_label(const GPtrArray *lines, guint from, const char *label)
{
    for (guint i = from + 1; i < lines->len; i++) {
        const GPtrArray *line = lines->pdata[i];

        if (line && g_strcmp0(find_value(line, "LABEL"), label) == 0)
            return i;
    }
    return 0;
}


static void
apply_term(Run *run, const Term *term, Truth truth)
{
    gboolean sets = strcmp(term->operator, "=") == 0 || strcmp(term->operator, ":=") == 0;

    if (strcmp(term->key, "ATTR") == 0 && term->name && sets)
        run->func(term->name, term->value, truth == SURELY, run->data);
    else if (is_question(term) || (strcmp(term->key, "RUN") == 0 && !is_comparison(term)))
        run->func(NULL, term->value, truth == SURELY, run->data);
}


static Truth
judge_line(const Run *run, const GPtrArray *line)
{
    Truth truth = run->perhaps_to->len > 0 ? PERHAPS : SURELY;

    for (guint i = 0; i < line->len && truth != NEVER; i++) {
        const Term *term = line->pdata[i];

        if (is_comparison(term))
            truth = MIN(truth, judge_condition(run->event, term));
        else if (is_question(term))
            truth = MIN(truth, PERHAPS);
    }
    return truth;
}


static void
arrive(Run *run, const char *label)
{
    for (guint i = run->perhaps_to->len; label && i > 0; i--) {
        if (strcmp(run->perhaps_to->pdata[i - 1], label) == 0)
            g_ptr_array_remove_index(run->perhaps_to, i - 1);
    }
}


/* Does what line @i says; returns the index of the next one. */
static guint
run_line(Run *run, guint i)
{
    const GPtrArray *line = run->lines->pdata[i];
    const char *label;
    guint target;
    Truth truth;

    if (!line)
        return i + 1;
    arrive(run, find_value(line, "LABEL"));
    truth = judge_line(run, line);
    if (truth == NEVER)
        return i + 1;
    for (guint k = 0; k < line->len; k++)
        apply_term(run, line->pdata[k], truth);
    label = find_value(line, "GOTO");
    target = label ? find_label(run->lines, i, label) : 0;
    if (target && truth == SURELY)
        return target;
    if (target)
        g_ptr_array_add(run->perhaps_to, (gpointer)label);
    return i + 1;
}


void
ap_udev_rule_run(const char *text, const ApUdevEvent *event, ApUdevSetFunc func, gpointer data)
{
    g_autoptr(GPtrArray) lines = read_lines(text);
    g_autoptr(GPtrArray) perhaps_to = g_ptr_array_new();
    Run run = { event, func, data, lines, perhaps_to };
    guint i = 0;

    while (i < lines->len)
        i = run_line(&run, i);
}
