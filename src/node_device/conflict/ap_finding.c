/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the conflict rules find. */
#include "node_device/conflict/ap_finding.h"

#include <string.h>


void
ap_finding_free(ApFinding *finding)
{
    if (!finding)
        return;
    g_free(finding->rectangles);
    g_free(finding->mdev);
    g_free(finding->guest);
    g_free(finding->guest_state);
    g_free(finding->other_mdev);
    g_free(finding->other_guest);
    g_free(finding->other_guest_state);
    g_free(finding->message);
    g_free(finding->hint);
    g_free(finding);
}


GPtrArray *
ap_finding_list_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)ap_finding_free);
}


/* Adds the adapter to the rectangle with these domains; FALSE if there is none. */
static gboolean
widen(GArray *rectangles, guint adapter, const ApMask *domains)
{
    for (guint i = rectangles->len; i > 0; i--) {
        ApRectangle *rectangle = &g_array_index(rectangles, ApRectangle, i - 1);

        if (!ap_mask_equal(&rectangle->domains, domains))
            continue;
        ap_mask_set(&rectangle->adapters, adapter);
        return TRUE;
    }
    return FALSE;
}


void
ap_finding_set_apqns(ApFinding *finding, const ApApqnSet *set)
{
    g_autoptr(GArray) rectangles = g_array_new(FALSE, TRUE, sizeof(ApRectangle));

    for (guint a = 0; a <= AP_ID_MAX; a++) {
        ApRectangle rectangle = { .domains = set->domains[a] };

        if (ap_mask_is_empty(&rectangle.domains) || widen(rectangles, a, &rectangle.domains))
            continue;
        ap_mask_set(&rectangle.adapters, a);
        g_array_append_val(rectangles, rectangle);
    }
    g_free(finding->rectangles);
    finding->n_rectangles = rectangles->len;
    finding->rectangles = g_memdup2(rectangles->data, rectangles->len * sizeof(ApRectangle));
}


void
ap_finding_get_apqns(const ApFinding *finding, ApApqnSet *ret_set)
{
    memset(ret_set, 0, sizeof(*ret_set));
    for (guint i = 0; i < finding->n_rectangles; i++)
        ap_apqn_set_add(ret_set, &finding->rectangles[i].adapters,
                        &finding->rectangles[i].domains);
}


static gboolean
is_sharing(ApCode code)
{
    return code <= AP_CODE_GUEST_SHARED_MDEV;
}


/* What there may be several of, each with a message of its own. */
static gboolean
has_own_message(ApCode code)
{
    return code == AP_CODE_UNREADABLE || code == AP_CODE_BAD_STEP || code == AP_CODE_BAD_XML ||
           code == AP_CODE_METADATA_MISMATCH || code == AP_CODE_UUID_TAKEN ||
           code == AP_CODE_HOST_NEEDS;
}


/* Whether a finding is about its guest more than about its mdev. */
static gboolean
is_about_guest(const ApFinding *finding)
{
    return finding->code == AP_CODE_EMPTY || finding->code == AP_CODE_TOO_MANY ||
           finding->code == AP_CODE_PREVIOUS_OWNER;
}


/* Whether only one of the two is to be said. Two mdevs are one pair, whoever names them; two guests
 * on one mdev are two owners. */
static gboolean
is_same_subject(const ApFinding *a, const ApFinding *b)
{
    if (a->code != b->code && !(is_sharing(a->code) && is_sharing(b->code)))
        return FALSE;
    if (g_strcmp0(a->mdev, b->mdev) != 0 || g_strcmp0(a->other_mdev, b->other_mdev) != 0)
        return FALSE;
    if (has_own_message(a->code))
        return strcmp(a->message, b->message) == 0;
    if (!is_about_guest(a) && g_strcmp0(a->mdev, a->other_mdev) != 0)
        return TRUE;
    return g_strcmp0(a->guest, b->guest) == 0 && g_strcmp0(a->other_guest, b->other_guest) == 0;
}


/* Of equally severe findings the first stays, but guest-overlap tells more than
 * defined-elsewhere, and in-use more than either. */
static gboolean
is_stronger(const ApFinding *a, const ApFinding *b)
{
    if (a->severity != b->severity)
        return a->severity > b->severity;
    if (a->code == b->code || b->code == AP_CODE_IN_USE)
        return FALSE;
    return a->code == AP_CODE_IN_USE ||
           (a->code == AP_CODE_GUEST_OVERLAP && b->code == AP_CODE_DEFINED_ELSEWHERE);
}


static int
compare_findings(gconstpointer a, gconstpointer b)
{
    const ApFinding *first = *(const ApFinding *const *)a;
    const ApFinding *second = *(const ApFinding *const *)b;
    int order = (int)second->severity - (int)first->severity;

    if (order == 0)
        order = strcmp(ap_code_to_string(first->code), ap_code_to_string(second->code));
    /* What an audit does not list comes behind what it lists. */
    if (order == 0 && is_sharing(first->code))
        order = !first->other_mdev - !second->other_mdev;
    if (order == 0)
        order = g_strcmp0(first->other_mdev, second->other_mdev);
    if (order == 0)
        order = g_strcmp0(first->mdev, second->mdev);
    if (order == 0)
        order = g_strcmp0(first->guest, second->guest);
    if (order == 0)
        order = g_strcmp0(first->other_guest, second->other_guest);
    if (order == 0)
        order = strcmp(first->message, second->message);
    return order;
}


void
ap_finding_list_sort(GPtrArray *findings)
{
    g_ptr_array_sort(findings, compare_findings);
}


/* Findings about one subject have one key: hashing keeps a large audit from comparing all pairs. */
static char *
subject_key(const ApFinding *finding)
{
    return g_strdup_printf("%d %s %s %s", is_sharing(finding->code) ? 0 : finding->code,
                           finding->mdev ? finding->mdev : "-",
                           finding->other_mdev ? finding->other_mdev : "-",
                           has_own_message(finding->code) ? finding->message : "");
}


void
ap_finding_list_settle(GPtrArray *findings)
{
    g_autoptr(GHashTable) by_key = NULL;
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                   (GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < findings->len; i++)
        g_ptr_array_add(all, findings->pdata[i]);
    g_free(g_ptr_array_steal(findings, NULL));
    for (guint i = 0; i < all->len; i++) {
        ApFinding *finding = all->pdata[i];
        char *key = subject_key(finding);
        GPtrArray *rivals = g_hash_table_lookup(by_key, key);
        gboolean merged = FALSE;

        for (guint k = 0; rivals && k < rivals->len && !merged; k++) {
            ApFinding *rival = rivals->pdata[k];

            if (!is_same_subject(finding, rival))
                continue;
            if (is_stronger(finding, rival)) {
                ApFinding swap = *rival;

                *rival = *finding;
                *finding = swap;
            }
            ap_finding_free(finding);
            merged = TRUE;
        }
        if (merged) {
            g_free(key);
            continue;
        }
        if (!rivals) {
            rivals = g_ptr_array_new();
            g_hash_table_insert(by_key, g_strdup(key), rivals);
        }
        g_ptr_array_add(rivals, finding);
        g_ptr_array_add(findings, finding);
        g_free(key);
    }
    ap_finding_list_sort(findings);
}


ApSeverity
ap_finding_list_severity(const GPtrArray *findings)
{
    ApSeverity severity = AP_SEVERITY_ALLOW;

    for (guint i = 0; i < findings->len; i++) {
        const ApFinding *finding = findings->pdata[i];

        severity = MAX(severity, finding->severity);
    }
    return severity;
}


/* Whether a finding says in its APQNs or ids what it is about. */
static gboolean
has_extent(const ApFinding *finding)
{
    const ApMatrix none = { 0 };

    return !has_own_message(finding->code) &&
           (finding->n_rectangles > 0 || !ap_matrix_equal(&finding->ids, &none));
}


/* Whether @old says all that @finding, with @apqns, says. */
static gboolean
covers(const ApFinding *old, const ApFinding *finding, const ApApqnSet *apqns)
{
    ApApqnSet old_apqns;

    if (old->code != finding->code || old->severity < finding->severity ||
        g_strcmp0(old->other_mdev, finding->other_mdev) != 0 ||
        g_strcmp0(old->other_guest, finding->other_guest) != 0)
        return FALSE;
    if (finding->at_boot && !old->at_boot)
        return FALSE;
    if (!has_extent(finding))
        return strcmp(old->message, finding->message) == 0;
    ap_finding_get_apqns(old, &old_apqns);
    return ap_apqn_set_is_subset(apqns, &old_apqns) &&
           ap_matrix_is_subset(&finding->ids, &old->ids);
}


gboolean
ap_finding_is_known(const ApFinding *finding, const GPtrArray *before)
{
    ApApqnSet apqns;

    ap_finding_get_apqns(finding, &apqns);
    for (guint i = 0; i < before->len; i++) {
        if (covers(before->pdata[i], finding, &apqns))
            return TRUE;
    }
    return FALSE;
}


char *
ap_finding_to_text(const ApFinding *finding)
{
    g_auto(GStrv) lines = NULL;
    g_autofree char *indented = NULL;

    if (finding->hint[0] == '\0')
        return g_strdup(finding->message);
    lines = g_strsplit(finding->hint, "\n", -1);
    indented = g_strjoinv("\n  ", lines);
    return g_strconcat(finding->message, "\n  ", indented, NULL);
}
