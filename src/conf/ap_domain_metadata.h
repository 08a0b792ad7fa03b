/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our metadata element in domain XML: the matrix that a guest brings with it. */
#pragma once

#include <libxml/tree.h>

#include "conf/ap_domain_namespace.h"
#include "util/ap_matrix.h"

/**
 * ApDomainPool:
 * @name: (nullable): the pool that is to give the guest its queues; NULL: it names them itself
 * @n_queues: how many, 1 to 65536
 * @spread: whether the loss of one card is to leave at least half of them
 */
typedef struct {
    char *name;
    guint n_queues;
    gboolean spread;
} ApDomainPool;

/**
 * ap_domain_metadata_find:
 * @domain: a <domain> element
 *
 * Returns: (nullable): the first element of our namespace in its <metadata>, borrowed.
 */
xmlNode *
ap_domain_metadata_find(xmlNode *domain);

/**
 * ap_domain_metadata_find_stray:
 * @domain: a <domain> element
 *
 * Of a document without our metadata element: one that was meant to be it, but stands elsewhere,
 * or in <metadata> in another namespace or in none.
 *
 * Returns: (nullable): that element, borrowed from the document.
 */
const xmlNode *
ap_domain_metadata_find_stray(xmlNode *domain);

/**
 * ap_domain_metadata_name:
 * @node: an element
 *
 * Returns: its name as the document has it, with the prefix; the caller frees it.
 */
char *
ap_domain_metadata_name(const xmlNode *node);

/**
 * ap_domain_metadata_parse:
 * @node: an element of our namespace
 * @ret_matrix: (out): the matrix, empty if a pool is to give it; untouched on failure
 * @ret_pool: (out): what it asks a pool for; the caller frees its name; untouched on failure
 * @error: return location
 *
 * docs/formatdomain-ap.rst describes the element, schemas/domain-ap.rng is its grammar.
 *
 * Errors: AP_ERROR_XML, and the message gives the line.
 *
 * Returns: whether @node is a matrix.
 */
gboolean
ap_domain_metadata_parse(xmlNode *node, ApMatrix *ret_matrix, ApDomainPool *ret_pool,
                         GError **error);
