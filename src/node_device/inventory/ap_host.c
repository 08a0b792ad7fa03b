/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of what is live: the AP bus and who owns a queue. Active matrices are in ap_host_mdev.c,
 * cards and queues in ap_host_device.c. */
#include "node_device/inventory/ap_host.h"

#include <string.h>

#include "node_device/inventory/ap_host_priv.h"
#include "util/ap_error.h"

#define BUS "/sys/bus/ap"

/* Without APXA, AP extended addressing, ids have 6 and 4 bits. */
#define NO_APXA_MAX_ADAPTER 63
#define NO_APXA_MAX_DOMAIN 15

/* Message-security-assist extension 3; without it KVM uses CRYCB format 0. */
#define FACILITY_MSAX3 "76"


/* Whether vfio_ap says that its mdevs have a feature, from 6.10 on. */
static gboolean
has_feature(const ApRoot *root, const char *feature)
{
    g_autofree char *text = ap_root_read_line(root, AP_HOST_MATRIX_DIR "/features");
    g_auto(GStrv) words = text ? g_strsplit(text, " ", -1) : NULL;

    return words && g_strv_contains((const char *const *)words, feature);
}


/* Reads a number of the bus, or returns -1. */
static int
read_number(const ApRoot *root, const char *path)
{
    g_autofree char *text = ap_root_read_line(root, path);
    guint64 value;

    if (!text || !ap_attr_parse(text, &value, NULL) || value > AP_ID_MAX)
        return -1;
    return value;
}


/* Reads one of the three QCI masks; FALSE where the machine or the kernel has none. */
static gboolean
read_qci_mask(ApHost *host, const char *path, ApMask *ret_mask)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text =
        ap_root_read(host->root, path, AP_ROOT_ATTRIBUTE_MAX, NULL, &error);

    if (!text) {
        if (!g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
            ap_problem_add(host->problems, g_steal_pointer(&error), NULL, FALSE);
        return FALSE;
    }
    if (strcmp(text, "not supported") == 0 || strcmp(text, "not supported\n") == 0)
        return FALSE;
    if (ap_mask_parse_sysfs(text, ret_mask, &error))
        return TRUE;
    ap_host_add_problem(host, AP_PROBLEM_HIDES_NOTHING, path, g_steal_pointer(&error));
    return FALSE;
}


/* Without QCI, what the LPAR has is what there are devices of. */
static void
read_masks_from_devices(ApHost *host)
{
    g_autoptr(GPtrArray) names = ap_root_list(host->root, BUS "/devices", NULL);

    host->control_domains = ap_mask_range(0, AP_ID_MAX);
    for (guint i = 0; names && i < names->len; i++) {
        ApApqn apqn;
        guint adapter;

        if (ap_card_parse(names->pdata[i], &adapter))
            ap_mask_set(&host->adapters, adapter);
        if (ap_apqn_parse(names->pdata[i], &apqn))
            ap_mask_set(&host->domains, apqn.domain);
    }
}


static void
read_lpar_masks(ApHost *host)
{
    ApMask adapters;
    ApMask domains;
    ApMask control_domains;

    host->has_qci = read_qci_mask(host, BUS "/ap_adapter_mask", &adapters) &&
                    read_qci_mask(host, BUS "/ap_usage_domain_mask", &domains) &&
                    read_qci_mask(host, BUS "/ap_control_domain_mask", &control_domains);
    if (!host->has_qci) {
        read_masks_from_devices(host);
        return;
    }
    host->adapters = adapters;
    host->domains = domains;
    host->control_domains = control_domains;
}


static gboolean
read_host_mask(ApHost *host, const char *path, ApMask *ret_mask)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text =
        ap_root_read(host->root, path, AP_ROOT_ATTRIBUTE_MAX, NULL, &error);

    if (text && ap_mask_parse_sysfs(text, ret_mask, &error))
        return TRUE;
    if (text)
        ap_host_add_problem(host, AP_PROBLEM_HIDES_MASKS, path, g_steal_pointer(&error));
    else
        ap_problem_add_hidden(host->problems, g_steal_pointer(&error), AP_PROBLEM_HIDES_MASKS);
    return FALSE;
}


/* @id, but no more than @max; @max where it is unknown. */
static int
limit(int id, int max)
{
    return id < 0 ? max : MIN(id, max);
}


static void
read_limits(ApHost *host)
{
    g_autofree char *features = ap_root_read_line(host->root, BUS "/features");

    host->max_adapter = read_number(host->root, BUS "/ap_max_adapter_id");
    host->max_domain = read_number(host->root, BUS "/ap_max_domain_id");
    host->apxa = -1;
    if (features && features[0] != '\0') {
        g_auto(GStrv) words = g_strsplit(features, " ", -1);

        host->apxa = g_strv_contains((const char *const *)words, "APXA");
    } else if (host->max_adapter >= 0 && host->max_domain >= 0) {
        /* Kernels before 6.12 do not say: above 63 or 15 it must be there. */
        host->apxa = host->max_adapter > NO_APXA_MAX_ADAPTER ||
                     host->max_domain > NO_APXA_MAX_DOMAIN;
    }
    if (host->apxa == 0) {
        host->max_adapter = limit(host->max_adapter, NO_APXA_MAX_ADAPTER);
        host->max_domain = limit(host->max_domain, NO_APXA_MAX_DOMAIN);
    }
}


static void
read_facilities(ApHost *host)
{
    g_autofree char *text =
        ap_root_read(host->root, "/proc/cpuinfo", AP_ROOT_SMALL_MAX, NULL, NULL);
    const char *line = text ? strstr(text, "\nfacilities") : NULL;
    g_autofree char *list = NULL;
    g_auto(GStrv) numbers = NULL;

    host->msax3 = TRUE;
    if (!line || !strchr(line, ':'))
        return;
    line = strchr(line, ':') + 1;
    list = g_strndup(line, strcspn(line, "\n"));
    numbers = g_strsplit(list, " ", -1);
    host->msax3 = g_strv_contains((const char *const *)numbers, FACILITY_MSAX3);
}


void
ap_host_add_problem(ApHost *host, ApProblemHides hides, const char *path, GError *error)
{
    g_autofree char *full = ap_root_describe(host->root, path);

    g_prefix_error(&error, "%s: ", full);
    ap_problem_add_hidden(host->problems, error, hides);
}


ApHost *
ap_host_load_without_mdevs(const ApRoot *root)
{
    ApHost *host = g_new0(ApHost, 1);

    host->root = root;
    host->problems = ap_problem_list_new();
    host->going = g_ptr_array_new_with_free_func(g_free);
    host->drivers = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    host->cards = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)ap_card_free);
    host->unusable = g_hash_table_new(NULL, NULL);
    host->max_adapter = host->max_domain = host->apxa = -1;
    host->has_bus = ap_root_exists(root, BUS);
    host->has_vfio_ap = ap_root_exists(root, AP_HOST_MATRIX_DIR);
    host->has_ap_config = has_feature(root, "ap_config");
    if (host->has_bus) {
        read_limits(host);
        read_lpar_masks(host);
        host->masks_known = read_host_mask(host, BUS "/apmask", &host->apmask) &
                            read_host_mask(host, BUS "/aqmask", &host->aqmask);
    }
    read_facilities(host);
    return host;
}


ApHost *
ap_host_load(const ApRoot *root)
{
    ApHost *host = ap_host_load_without_mdevs(root);

    ap_host_load_mdevs(host);
    return host;
}


void
ap_host_free(ApHost *host)
{
    if (!host)
        return;
    g_ptr_array_unref(host->problems);
    g_clear_pointer(&host->mdevs, g_ptr_array_unref);
    g_ptr_array_unref(host->going);
    g_hash_table_unref(host->drivers);
    g_hash_table_unref(host->cards);
    g_hash_table_unref(host->unusable);
    g_clear_pointer(&host->openers, g_hash_table_unref);
    g_free(host);
}


char *
ap_host_describe_bare(const ApHost *host)
{
    gboolean no_adapter = ap_mask_is_empty(&host->adapters);
    gboolean no_domain = ap_mask_is_empty(&host->domains);
    g_autofree char *ids = NULL;

    if (!host->has_qci || (!no_adapter && !no_domain))
        return NULL;
    if (no_adapter && no_domain)
        return g_strdup("this LPAR has no adapter and no usage domain, so no queue: give it both");
    ids = ap_mask_describe(no_adapter ? &host->domains : &host->adapters);
    if (no_adapter)
        return g_strdup_printf("this LPAR has usage domain %s and no adapter, so no queue: give it "
                               "an adapter",
                               ids);
    return g_strdup_printf("this LPAR has adapter %s and no usage domain, so no queue, and Linux "
                           "shows no card: give it a usage domain",
                           ids);
}


gboolean
ap_host_masks_are_full(const ApHost *host)
{
    ApMask full = ap_mask_range(0, AP_ID_MAX);

    return ap_mask_equal(&host->apmask, &full) && ap_mask_equal(&host->aqmask, &full);
}


gboolean
ap_host_owns(ApHost *host, ApApqn apqn)
{
    if (!host->masks_known)
        return FALSE;
    if (ap_host_masks_are_full(host))
        return g_strcmp0(ap_host_get_driver(host, apqn), "vfio_ap") != 0;
    return ap_mask_has(&host->apmask, apqn.adapter) && ap_mask_has(&host->aqmask, apqn.domain);
}


gboolean
ap_host_owns_any(ApHost *host, const ApMatrix *matrix, ApApqnSet *ret_owned)
{
    ApMask adapters = ap_mask_and(&matrix->adapters, &host->apmask);
    ApMask domains = ap_mask_and(&matrix->domains, &host->aqmask);
    gboolean any = FALSE;

    if (ret_owned)
        memset(ret_owned, 0, sizeof(*ret_owned));
    if (!host->masks_known || ap_mask_is_empty(&adapters) || ap_mask_is_empty(&domains))
        return FALSE;
    if (!ap_host_masks_are_full(host)) {
        if (ret_owned)
            ap_apqn_set_add(ret_owned, &adapters, &domains);
        return TRUE;
    }
    for (int a = ap_mask_next(&adapters, 0); a >= 0; a = ap_mask_next(&adapters, a + 1)) {
        for (int d = ap_mask_next(&domains, 0); d >= 0; d = ap_mask_next(&domains, d + 1)) {
            if (!ap_host_owns(host, (ApApqn){ a, d }))
                continue;
            any = TRUE;
            if (ret_owned)
                ap_mask_set(&ret_owned->domains[a], d);
        }
    }
    return any;
}


gboolean
ap_host_read_default_domain(const ApHost *host, guint *ret_domain)
{
    g_autofree char *text = ap_root_read_line(host->root, AP_HOST_DEFAULT_DOMAIN);
    guint64 domain;

    if (!text || !ap_attr_parse(text, &domain, NULL) || domain > AP_ID_MAX)
        return FALSE;
    *ret_domain = domain;
    return TRUE;
}


const ApActiveMdev *
ap_host_find_mdev(ApHost *host, const char *uuid)
{
    guint from = 0;
    guint to;

    ap_host_load_mdevs(host);
    to = host->mdevs->len;
    while (from < to) {
        guint middle = (from + to) / 2;
        const ApActiveMdev *mdev = host->mdevs->pdata[middle];
        int order = strcmp(uuid, mdev->uuid);

        if (order == 0)
            return mdev;
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}
