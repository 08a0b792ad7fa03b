/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reader of libvirt's domain XML, persistent and status. */
#include <string.h>

#include "conf/ap_domain_xml.h"
#include "node_device/inventory/ap_claim.h"
#include "node_device/inventory/ap_guests.h"
#include "node_device/inventory/ap_problem.h"
#include "util/ap_error.h"

#define STATUS_DIR "/run/libvirt/qemu"
#define SHUT_OFF "shut off"
#define UNKNOWN "unknown"

/* What is collected. */
typedef struct {
    const ApRoot *root;
    GPtrArray *guests;
    GHashTable *by_uuid; /* ApGuests, borrowed */
    GHashTable *by_name; /* the same, of one name the first */
    GHashTable *running; /* ApGuests with a status file, borrowed */
    GHashTable *unread;  /* names of guests whose status file cannot be read; a set */
    gboolean status_hidden; /* nobody knows which status files there are */
    GPtrArray *problems;
} Loader;

/* A directory of domain XML. */
typedef struct {
    const char *path;
    void (*add)(Loader *loader, const ApDomainDef *def);
    ApProblemHides hides; /* what one of its files can hide */
} DomainDir;


static void
add_problem(Loader *loader, GError *error, ApProblemHides hides)
{
    /* A guest that is undefined or ends while we look is no problem. */
    if (g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
        g_error_free(error);
    else
        ap_problem_add_hidden(loader->problems, error, hides);
}


/* Two guests can have had one name; where a UUID is not known the name has to do. */
static ApGuest *
find_guest(Loader *loader, const char *name, const char *uuid)
{
    ApGuest *guest = uuid ? g_hash_table_lookup(loader->by_uuid, uuid) : NULL;

    if (guest)
        return guest;
    guest = g_hash_table_lookup(loader->by_name, name);
    return guest && (!guest->uuid || !uuid) ? guest : NULL;
}


static ApGuest *
get_guest(Loader *loader, const char *name, const char *uuid, const char *state)
{
    ApGuest *guest = find_guest(loader, name, uuid);

    if (guest)
        return guest;
    guest = ap_guest_new(name, uuid, state);
    g_ptr_array_add(loader->guests, guest);
    if (uuid)
        g_hash_table_insert(loader->by_uuid, guest->uuid, guest);
    if (!g_hash_table_contains(loader->by_name, name))
        g_hash_table_insert(loader->by_name, guest->name, guest);
    return guest;
}


gboolean
ap_guests_is_alive(const ApRoot *root, int pid, const char *uuid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", pid);
    g_autofree char *text = NULL;
    gsize length;

    if (pid <= 0 || !ap_root_exists(root, "/proc/self"))
        return TRUE;
    /* /proc may be mounted so that it hides other users' processes (hidepid). */
    if (ap_root_is_host(root) && !ap_root_exists(root, "/proc/1"))
        return TRUE;
    text = ap_root_read(root, path, AP_ROOT_SMALL_MAX, &length, NULL);
    if (!text)
        return !ap_root_is_missing(root, path);
    return !uuid || memmem(text, length, uuid, strlen(uuid));
}


static void
add_persistent(Loader *loader, const ApDomainDef *def)
{
    ApGuest *guest = get_guest(loader, def->name, def->uuid, def->state);

    for (guint i = 0; i < def->mdevs->len; i++)
        ap_guest_add_mdev(guest, def->mdevs->pdata[i], FALSE);
    guest->persistent = TRUE;
    guest->view = ap_domain_def_get_view(def);
    guest->has_matrix = ap_domain_def_has_matrix(def);
    guest->asks_pool = def->pool.name != NULL;
    guest->matrix = def->matrix;
}


/* A host device whose UUID we cannot read may be any mdev. */
static void
check_hostdevs(Loader *loader, const ApDomainDef *def)
{
    const ApDomainHostdev *hostdev;

    for (guint n = 0; (hostdev = ap_domain_def_find_ap(def, n)); n++) {
        if (!hostdev->uuid)
            add_problem(loader,
                        g_error_new(AP_ERROR, AP_ERROR_XML,
                                    "%s/%s.xml: line %ld: the vfio-ap <hostdev> of the running "
                                    "guest has no UUID that can be read",
                                    STATUS_DIR, def->name, hostdev->line),
                        AP_PROBLEM_HIDES_HOLDER);
    }
}


static void
add_status(Loader *loader, const ApDomainDef *def)
{
    ApGuest *guest;

    if (!ap_guests_is_alive(loader->root, def->pid, def->uuid))
        return;
    check_hostdevs(loader, def);
    guest = get_guest(loader, def->name, def->uuid, def->state);
    g_hash_table_add(loader->running, guest);
    g_free(guest->state);
    guest->state = g_strdup(def->state);
    guest->view = ap_domain_def_get_view(def);
    for (guint i = 0; i < def->mdevs->len; i++)
        ap_guest_add_mdev(guest, def->mdevs->pdata[i], TRUE);
}


/* libvirt's status file says more of a guest that runs; before and after, the claim tells. */
static void
add_claim(Loader *loader, const ApClaim *claim)
{
    ApGuest *guest;

    if (claim->ended || !ap_claim_is_alive(claim, loader->root))
        return;
    guest = get_guest(loader, claim->guest, claim->guest_uuid, SHUT_OFF);
    if (g_hash_table_contains(loader->running, guest))
        return;
    g_free(guest->state);
    guest->state = g_strdup(claim->running ? "in shutdown" : "starting");
    ap_guest_add_mdev(guest, claim->mdev, TRUE);
}


static void
read_claims(Loader *loader)
{
    g_autoptr(GPtrArray) claims = ap_claims_load(loader->root, loader->problems);

    for (guint i = 0; i < claims->len; i++)
        add_claim(loader, claims->pdata[i]);
}


/* Reads one file; NULL, and a problem noted, if it cannot be understood. */
static ApDomainDef *
read_domain(Loader *loader, ApDir *dir, const DomainDir *domains, const char *name)
{
    g_autoptr(GError) error = NULL;
    ApDomainDef *def = NULL;
    const char *text;
    gsize length;

    text = ap_dir_read(dir, name, AP_ROOT_XML_MAX, &length, &error);
    if (text) {
        def = ap_domain_xml_parse(text, length, &error);
        if (!def) {
            g_autofree char *path = g_build_filename(domains->path, name, NULL);
            g_autofree char *full = ap_root_describe(loader->root, path);

            g_prefix_error(&error, "%s: ", full);
        }
    }
    if (def)
        return def;
    if (domains->add == add_status && !g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
        g_hash_table_add(loader->unread, g_strndup(name, strlen(name) - strlen(".xml")));
    add_problem(loader, g_steal_pointer(&error), domains->hides);
    return NULL;
}


static void
hide_dir(Loader *loader, const DomainDir *domains, GError *error)
{
    if (domains->add == add_status && !g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND))
        loader->status_hidden = TRUE;
    add_problem(loader, error, AP_PROBLEM_HIDES_HOLDER);
}


/* Nobody knows what a directory holds that cannot be read. */
static void
read_dir(Loader *loader, const DomainDir *domains)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ApDir) dir = ap_dir_open(loader->root, domains->path, &error);
    const char *name;

    if (!dir) {
        hide_dir(loader, domains, g_steal_pointer(&error));
        return;
    }
    while ((name = ap_dir_next(dir, &error))) {
        g_autoptr(ApDomainDef) def = NULL;

        if (!g_str_has_suffix(name, ".xml"))
            continue;
        def = read_domain(loader, dir, domains, name);
        if (def)
            domains->add(loader, def);
    }
    if (error)
        hide_dir(loader, domains, g_steal_pointer(&error));
}


static void
hide_autostart(Loader *loader, const GError *error)
{
    for (guint i = 0; i < loader->guests->len; i++) {
        ApGuest *guest = loader->guests->pdata[i];

        guest->autostart_hidden = !g_error_matches(error, AP_ERROR, AP_ERROR_NOT_FOUND);
    }
}


/* Read before the guests that run: a file there is a persistent guest's. "NAME.xml", and since
 * libvirt 11.2 "NAME.xml.once". */
static void
read_autostart(Loader *loader)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) names = ap_root_list(loader->root, AP_GUESTS_AUTOSTART_DIR, &error);

    if (!names) {
        hide_autostart(loader, error);
        add_problem(loader, g_steal_pointer(&error), AP_PROBLEM_HIDES_HOLDER);
    }
    for (guint i = 0; names && i < names->len; i++) {
        char *name = names->pdata[i];
        ApGuest *guest;

        if (g_str_has_suffix(name, ".once"))
            name[strlen(name) - strlen(".once")] = '\0';
        if (!g_str_has_suffix(name, ".xml"))
            continue;
        name[strlen(name) - strlen(".xml")] = '\0';
        guest = g_hash_table_lookup(loader->by_name, name);
        if (guest)
            guest->autostart = TRUE;
    }
}


/* Of whom no status was read, who may have one, nobody knows whether he runs. */
static void
hide_states(Loader *loader)
{
    for (guint i = 0; i < loader->guests->len; i++) {
        ApGuest *guest = loader->guests->pdata[i];
        gboolean hidden =
            loader->status_hidden || g_hash_table_contains(loader->unread, guest->name);

        if (!hidden || strcmp(guest->state, SHUT_OFF) != 0)
            continue;
        g_free(guest->state);
        guest->state = g_strdup(UNKNOWN);
    }
}


static int
compare_guests(gconstpointer a, gconstpointer b)
{
    const ApGuest *const *first = a;
    const ApGuest *const *second = b;

    int order = strcmp((*first)->name, (*second)->name);

    return order != 0 ? order : g_strcmp0((*first)->uuid, (*second)->uuid);
}


GPtrArray *
ap_guests_load(const ApRoot *root, GPtrArray *problems)
{
    static const DomainDir defined = { AP_GUESTS_DIR, add_persistent, AP_PROBLEM_HIDES_NAMER };
    static const DomainDir live = { STATUS_DIR, add_status, AP_PROBLEM_HIDES_HOLDER };
    g_autoptr(GHashTable) by_uuid = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) by_name = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) running = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) unread = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GPtrArray *guests = g_ptr_array_new_with_free_func((GDestroyNotify)ap_guest_free);
    Loader loader = {
        .root = root,
        .guests = guests,
        .by_uuid = by_uuid,
        .by_name = by_name,
        .running = running,
        .unread = unread,
        .problems = problems,
    };

    read_dir(&loader, &defined);
    read_autostart(&loader);
    read_dir(&loader, &live);
    read_claims(&loader);
    hide_states(&loader);
    g_ptr_array_sort(guests, compare_guests);
    return guests;
}
