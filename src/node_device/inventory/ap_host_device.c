/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of cards and queues. */
#include <string.h>

#include "node_device/inventory/ap_host_priv.h"

#define DEVICES "/sys/devices/ap"

/* From the last letter of a card's type, and from the first 32 bits of TAPQ's GR2
 * (drivers/s390/crypto/ap_bus.h). */
static const struct {
    char letter;
    guint64 function;
    const char *mode;
} modes[] = {
    { 'C', 0x10000000, "cca" },
    { 'A', 0x08000000, "accel" },
    { 'P', 0x04000000, "ep11" },
};


char *
ap_host_queue_dir(ApApqn apqn)
{
    return g_strdup_printf(DEVICES "/card%02x/%02x.%04x", apqn.adapter, apqn.adapter, apqn.domain);
}


/* Reads an attribute that is 0 or 1; -1 where it cannot be read. */
static int
read_flag(const ApRoot *root, const char *dir, const char *attr)
{
    g_autofree char *path = g_strconcat(dir, "/", attr, NULL);
    g_autofree char *text = ap_root_read_line(root, path);

    if (g_strcmp0(text, "0") == 0)
        return 0;
    return g_strcmp0(text, "1") == 0 ? 1 : -1;
}


static char *
read_text(const ApRoot *root, const char *dir, const char *attr)
{
    g_autofree char *path = g_strconcat(dir, "/", attr, NULL);
    g_autofree char *text = ap_root_read_line(root, path);

    if (!text || text[0] == '\0')
        return NULL;
    return g_steal_pointer(&text);
}


static const char *
find_mode(const ApRoot *root, const char *dir, const char *type)
{
    g_autofree char *functions = NULL;
    guint64 bits;

    for (guint i = 0; type && i < G_N_ELEMENTS(modes); i++) {
        if (type[strlen(type) - 1] == modes[i].letter)
            return modes[i].mode;
    }
    functions = read_text(root, dir, "ap_functions");
    if (!functions || !ap_attr_parse(functions, &bits, NULL))
        return NULL;
    for (guint i = 0; i < G_N_ELEMENTS(modes); i++) {
        if (bits & modes[i].function)
            return modes[i].mode;
    }
    return NULL;
}


/* A type is "CEX8C", and 14 is its hwtype (ap_bus.h: 10 is CEX4). */
static int
find_generation(const ApRoot *root, const char *dir, const char *type)
{
    g_autofree char *text = read_text(root, dir, "hwtype");
    int by_type = type && g_str_has_prefix(type, "CEX") ? g_ascii_digit_value(type[3]) : -1;
    guint64 hwtype;

    if (!text || !ap_attr_parse(text, &hwtype, NULL) || hwtype < 3 || hwtype > G_MAXINT16)
        return by_type;
    return by_type < 0 ? (int)hwtype - 6 : MIN(by_type, (int)hwtype - 6);
}


gboolean
ap_card_is_too_old(const ApCard *card)
{
    return card->generation >= 0 && card->generation < 4;
}


void
ap_card_free(ApCard *card)
{
    if (!card)
        return;
    g_free(card->type);
    g_free(card);
}


ApCard *
ap_host_read_card(const ApHost *host, guint adapter)
{
    g_autofree char *dir = g_strdup_printf(DEVICES "/card%02x", adapter);
    ApCard *card;

    if (!ap_root_exists(host->root, dir))
        return NULL;
    card = g_new0(ApCard, 1);
    card->adapter = adapter;
    card->type = read_text(host->root, dir, "type");
    card->mode = find_mode(host->root, dir, card->type);
    card->generation = find_generation(host->root, dir, card->type);
    card->online = read_flag(host->root, dir, "online");
    card->configured = read_flag(host->root, dir, "config");
    card->checkstopped = read_flag(host->root, dir, "chkstop");
    return card;
}


const ApCard *
ap_host_get_card(ApHost *host, guint adapter)
{
    gpointer key = GUINT_TO_POINTER(adapter);
    gpointer known;
    ApCard *card;

    if (g_hash_table_lookup_extended(host->cards, key, NULL, &known))
        return known;
    card = ap_host_read_card(host, adapter);
    g_hash_table_insert(host->cards, key, card);
    return card;
}


/* Whether a driver of the host's own has a queue of the card. */
static gboolean
has_host_queue(ApHost *host, guint adapter)
{
    const ApMask *domains = &host->domains;

    for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
        const char *driver = ap_host_get_driver(host, (ApApqn){ adapter, d });

        if (driver && driver[0] != '\0' && strcmp(driver, "vfio_ap") != 0)
            return TRUE;
    }
    return FALSE;
}


char *
ap_host_read_serial(ApHost *host, guint adapter)
{
    g_autofree char *dir = g_strdup_printf(DEVICES "/card%02x", adapter);

    /* What was captured only needs to be read. */
    if (ap_root_is_host(host->root) && !has_host_queue(host, adapter))
        return NULL;
    return read_text(host->root, dir, "serialnr");
}


/* Why a card or a queue is of no use now; NULL if it is. */
static const char *
why_unusable(int configured, int checkstopped)
{
    if (checkstopped == 1)
        return "checkstopped";
    return configured == 0 ? "deconfigured" : NULL;
}


const char *
ap_host_why_unusable(ApHost *host, ApApqn apqn)
{
    gpointer key = GUINT_TO_POINTER(apqn.adapter << 8 | apqn.domain);
    const ApCard *card = ap_host_get_card(host, apqn.adapter);
    g_autofree char *dir = NULL;
    const char *why;
    gpointer known;

    if (g_hash_table_lookup_extended(host->unusable, key, NULL, &known))
        return known;
    why = card ? why_unusable(card->configured, card->checkstopped) : NULL;
    if (!why) {
        dir = ap_host_queue_dir(apqn);
        why = why_unusable(read_flag(host->root, dir, "config"),
                           read_flag(host->root, dir, "chkstop"));
    }
    g_hash_table_insert(host->unusable, key, (gpointer)why);
    return why;
}


GPtrArray *
ap_host_list_cards(const ApHost *host)
{
    g_autoptr(GPtrArray) names = ap_root_list(host->root, DEVICES, NULL);
    GPtrArray *cards = g_ptr_array_new_with_free_func((GDestroyNotify)ap_card_free);

    for (guint i = 0; names && i < names->len; i++) {
        guint adapter;
        ApCard *card;

        if (!ap_card_parse(names->pdata[i], &adapter))
            continue;
        card = ap_host_read_card(host, adapter);
        if (card)
            g_ptr_array_add(cards, card);
    }
    return cards;
}


void
ap_queue_free(ApQueue *queue)
{
    if (!queue)
        return;
    g_free(queue->driver);
    g_free(queue->status);
    g_free(queue);
}


/* The words of lszcrypt's STATUS column. */
static char *
find_status(const ApRoot *root, const char *dir, const ApQueue *queue)
{
    int online;

    if (!queue->driver)
        return NULL;
    if (strcmp(queue->driver, "vfio_ap") == 0)
        return read_text(root, dir, "status");
    if (queue->checkstopped == 1)
        return g_strdup("chkstop");
    if (queue->configured == 0)
        return g_strdup("deconfig");
    online = read_flag(root, dir, "online");
    return online < 0 ? NULL : g_strdup(online ? "online" : "offline");
}


ApQueue *
ap_host_read_queue(const ApHost *host, ApApqn apqn)
{
    g_autofree char *dir = ap_host_queue_dir(apqn);
    g_autofree char *link = g_strconcat(dir, "/driver", NULL);
    ApQueue *queue;

    if (!ap_root_exists(host->root, dir))
        return NULL;
    queue = g_new0(ApQueue, 1);
    queue->apqn = apqn;
    queue->driver = ap_root_read_link(host->root, link);
    queue->configured = read_flag(host->root, dir, "config");
    queue->checkstopped = read_flag(host->root, dir, "chkstop");
    queue->status = find_status(host->root, dir, queue);
    return queue;
}


static void
list_card_queues(const ApHost *host, const char *card, GPtrArray *queues)
{
    g_autofree char *dir = g_strconcat(DEVICES "/", card, NULL);
    g_autoptr(GPtrArray) names = ap_root_list(host->root, dir, NULL);

    for (guint i = 0; names && i < names->len; i++) {
        ApApqn apqn;
        ApQueue *queue;

        if (!ap_apqn_parse(names->pdata[i], &apqn))
            continue;
        queue = ap_host_read_queue(host, apqn);
        if (queue)
            g_ptr_array_add(queues, queue);
    }
}


GPtrArray *
ap_host_list_queues(const ApHost *host)
{
    g_autoptr(GPtrArray) names = ap_root_list(host->root, DEVICES, NULL);
    GPtrArray *queues = g_ptr_array_new_with_free_func((GDestroyNotify)ap_queue_free);
    guint adapter;

    for (guint i = 0; names && i < names->len; i++) {
        if (ap_card_parse(names->pdata[i], &adapter))
            list_card_queues(host, names->pdata[i], queues);
    }
    return queues;
}


const char *
ap_host_get_driver(ApHost *host, ApApqn apqn)
{
    gpointer key = GUINT_TO_POINTER(apqn.adapter << 8 | apqn.domain);
    g_autofree char *dir = NULL;
    g_autofree char *link = NULL;
    char *driver;
    gpointer known;

    if (g_hash_table_lookup_extended(host->drivers, key, NULL, &known))
        return known;
    dir = ap_host_queue_dir(apqn);
    link = g_strconcat(dir, "/driver", NULL);
    driver = ap_root_read_link(host->root, link);
    if (!driver && ap_root_exists(host->root, dir))
        driver = g_strdup("");
    g_hash_table_insert(host->drivers, key, driver);
    return driver;
}


char *
ap_host_load_override(const ApRoot *root, ApApqn apqn, GError **error)
{
    g_autofree char *dir = ap_host_queue_dir(apqn);
    g_autofree char *path = g_strconcat(dir, "/driver_override", NULL);
    char *name = ap_root_read(root, path, AP_ROOT_ATTRIBUTE_MAX, NULL, error);

    if (!name)
        return NULL;
    g_strchomp(name);
    if (strcmp(name, "(null)") == 0)
        name[0] = '\0';
    return name;
}


char *
ap_host_read_override(const ApHost *host, ApApqn apqn)
{
    g_autofree char *name = ap_host_load_override(host->root, apqn, NULL);

    return name && name[0] != '\0' ? g_steal_pointer(&name) : NULL;
}


gboolean
ap_host_has_overrides(ApHost *host)
{
    g_autoptr(GPtrArray) names = NULL;

    /* driver_override_store() refuses then, ap_queue.c; listing thousands of queues takes longer
     * than all else that a start waits for. */
    if (!ap_host_masks_are_full(host))
        return FALSE;
    names = ap_root_list(host->root, "/sys/bus/ap/devices", NULL);
    for (guint i = 0; names && i < names->len; i++) {
        ApApqn apqn;
        g_autofree char *override = NULL;

        if (!ap_apqn_parse(names->pdata[i], &apqn))
            continue;
        override = ap_host_load_override(host->root, apqn, NULL);
        if (override && override[0] != '\0')
            return TRUE;
        /* The attribute is there for all queues or for none: kernels before 7 have none. */
        if (!override)
            return FALSE;
    }
    return FALSE;
}


/* Whether a queue tells how old the kernel is: vfio_ap's have `status` since 6.0. */
static gboolean
tells_age(ApHost *host, ApApqn apqn, gboolean *ret_old)
{
    g_autofree char *dir = ap_host_queue_dir(apqn);
    g_autofree char *status = g_strconcat(dir, "/status", NULL);

    if (g_strcmp0(ap_host_get_driver(host, apqn), "vfio_ap") != 0)
        return FALSE;
    *ret_old = ap_root_is_missing(host->root, status);
    return TRUE;
}


gboolean
ap_host_needs_binding(ApHost *host, const ApMatrix *matrix)
{
    const ApMask *adapters = &matrix->adapters;
    const ApMask *domains = &matrix->domains;
    g_autoptr(GPtrArray) names = NULL;
    gboolean is_old = FALSE;

    if (!host->has_vfio_ap || host->has_ap_config)
        return FALSE;
    for (int a = ap_mask_next(adapters, 0); a >= 0; a = ap_mask_next(adapters, a + 1)) {
        for (int d = ap_mask_next(domains, 0); d >= 0; d = ap_mask_next(domains, d + 1)) {
            if (tells_age(host, (ApApqn){ a, d }, &is_old))
                return is_old;
        }
    }
    names = ap_root_list(host->root, "/sys/bus/ap/devices", NULL);
    for (guint i = 0; names && i < names->len; i++) {
        ApApqn apqn;

        if (ap_apqn_parse(names->pdata[i], &apqn) && tells_age(host, apqn, &is_old))
            return is_old;
    }
    return FALSE;
}
