/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The objects that virt-ap prints, as JSON; the text of list and show is made from them. */
#pragma once

#include <stdio.h>

#include "cmd.h"
#include "util/ap_apqn_set.h"

/**
 * out_new:
 *
 * Returns: an object with the version of the output; the caller releases it.
 */
JsonObject *
out_new(void);

/**
 * out_finish:
 * @object: an object; released
 * @root: the root that was looked at
 * @inventory: (nullable): what was read
 *
 * Adds the key "incomplete", an array of sentences, one for each thing that could not be read while
 * @object was made, and prints it as out_print() does.
 */
void
out_finish(JsonObject *object, const ApRoot *root, ApInventory *inventory);

/**
 * out_print:
 * @object: an object; released
 *
 * Prints it and a newline.
 */
void
out_print(JsonObject *object);

/**
 * out_end:
 * @result: an exit code
 * @error: return location
 *
 * What a command that prints ends with.
 *
 * Errors: AP_ERROR_IO if standard output did not take everything.
 *
 * Returns: @result, or CMD_FAILED.
 */
int
out_end(int result, GError **error);

/**
 * out_string:
 * @string: (nullable): a string
 *
 * Returns: it, or null.
 */
JsonObject *
out_string(const char *string);

/**
 * out_unknown:
 *
 * Returns: what is null as JSON, and "unknown" as text; for what may be there and cannot be read.
 */
JsonObject *
out_unknown(void);

/**
 * out_print_incomplete:
 * @root: the root that was looked at
 *
 * Says on standard error what this user may not read, and what to do about it; nothing if he may
 * read all that was looked at. It is the last thing that a command says.
 */
void
out_print_incomplete(const ApRoot *root);

/**
 * out_apqns:
 * @set: APQNs
 *
 * Returns: an array of them; the caller releases it.
 */
JsonObject *
out_apqns(const ApApqnSet *set);

/**
 * out_masks:
 * @object: where to add the keys "adapters", "domains" and "control_domains"
 * @matrix: a matrix
 */
void
out_masks(JsonObject *object, const ApMatrix *matrix);

/**
 * out_card:
 * @object: where to add the card's keys
 * @host: the host
 * @card: one of its cards
 */
void
out_card(JsonObject *object, ApHost *host, const ApCard *card);

/**
 * out_queue:
 * @object: where to add the queue's keys
 * @inventory: what there is
 * @queue: a queue
 */
void
out_queue(JsonObject *object, ApInventory *inventory, const ApQueue *queue);

/**
 * out_matrix:
 * @object: where to add the matrix' keys
 * @inventory: what there is
 * @mdev: an mdev
 */
void
out_matrix(JsonObject *object, ApInventory *inventory, const ApMdev *mdev);

/**
 * out_definition:
 * @object: where to add the key "definition"
 * @mdev: a matrix
 *
 * Its value is what the matrix is defined for; null if it is not defined, or cannot start.
 */
void
out_definition(JsonObject *object, const ApMdev *mdev);

/**
 * out_crycb:
 * @object: where to add the keys of the predicted CRYCB
 * @inventory: what there is
 * @mdev: an mdev
 *
 * Predicts what KVM puts into the guest's CRYCB from the definition, the LPAR's masks, the host's
 * masks and the queues' drivers alone; for an mdev without a definition its live matrix stands in
 * for that.
 */
void
out_crycb(JsonObject *object, ApInventory *inventory, const ApMdev *mdev);

/**
 * out_guest:
 * @object: where to add the guest's keys
 * @guest: a guest
 */
void
out_guest(JsonObject *object, const ApGuest *guest);

/**
 * out_finding:
 * @object: where to add the finding's keys
 * @finding: a finding
 */
void
out_finding(JsonObject *object, const ApFinding *finding);

/**
 * out_findings:
 * @findings: (element-type ApFinding): findings
 *
 * Returns: an array of them; the caller releases it.
 */
JsonObject *
out_findings(const GPtrArray *findings);

/**
 * out_print_findings:
 * @stream: where to
 * @findings: (element-type ApFinding): findings
 *
 * Prints them as text.
 */
void
out_print_findings(FILE *stream, const GPtrArray *findings);

/**
 * out_get:
 * @object: an object of the above
 * @key: one of its keys
 *
 * Returns: the value as text for people: "-" for null, "yes" and "no", lists joined by ", ";
 *   the caller frees it.
 */
char *
out_get(JsonObject *object, const char *key);

/**
 * out_print_table:
 * @array: an array of objects
 * @keys: (array zero-terminated=1): what to print of each, in columns
 *
 * Prints a table with a heading.
 */
void
out_print_table(JsonObject *array, const char *const *keys);

/**
 * out_print_keys:
 * @object: an object
 *
 * Prints all its keys, a line each.
 */
void
out_print_keys(JsonObject *object);
