/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A schema against the parser of the same XML: one verdict, over generated and mutated documents.
 * AP_TEST_SEED=N chooses other documents. */
#pragma once

#include <libxml/relaxng.h>
#include <libxml/tree.h>

#include <glib.h>

typedef struct SchemaFixture SchemaFixture;

/* What is compared. */
typedef struct {
    const char *file;         /* of the schema, in src/conf/schemas */
    const char *const *words; /* names and values that mutations use; NULL at the end */
    gboolean (*parser_accepts)(const char *text, gsize length);
    gboolean (*only_parser_knows)(xmlNode *root); /* or NULL: what no schema can say */
    void (*load)(SchemaFixture *fixture); /* fills documents */
} SchemaKind;

struct SchemaFixture {
    const SchemaKind *kind;
    xmlRelaxNG *schema;
    GRand *rand;
    GPtrArray *documents; /* GBytes: the valid ones that mutations start from */
    guint accepted;
    guint refused;
    guint different;
};

/* Adds a test. */
void
schema_add(const char *path, const SchemaKind *kind,
           void (*test)(SchemaFixture *fixture, gconstpointer data));

/* Compares the verdicts on one document; returns the parser's. */
gboolean
schema_compare(SchemaFixture *fixture, const char *what, const char *text, gsize length);

/* The same, and says which verdict is wanted. */
void
schema_expect(SchemaFixture *fixture, const char *what, gboolean accepted, const char *text,
              gsize length);

/* Takes over a valid document. */
void
schema_take_document(SchemaFixture *fixture, const char *name, char *text);

/* A random number below @n. */
guint
schema_below(SchemaFixture *fixture, guint n);

/* Appends @parts in any order, with what may stand between elements. */
void
schema_append_parts(SchemaFixture *fixture, GString *text, GPtrArray *parts);

/* Tests that start from the documents. */
void
schema_test_cut(SchemaFixture *fixture, gconstpointer data);

void
schema_test_flipped(SchemaFixture *fixture, gconstpointer data);

void
schema_test_mutated(SchemaFixture *fixture, gconstpointer data);

void
schema_test_blanks(SchemaFixture *fixture, gconstpointer data);
