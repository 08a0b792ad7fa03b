/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the inventory share. */
#pragma once

#include "node_device/inventory/ap_inventory.h"
#include "util/ap_apqn_set.h"

/* What a search looks at first, packed so that tens of thousands fit in the cache: the smallest
 * rectangle around the live and the defined matrix. */
typedef struct {
    ApMask adapters;
    ApMask domains;
} Bounds;

struct _ApInventory {
    ApHost *host;
    GPtrArray *definitions;
    GPtrArray *problems;
    ApConfig *config;
    ApGuestsFunc guests_func;
    gpointer guests_data;
    GPtrArray *guests;
    gboolean guests_loaded;
    gboolean joined;
    gboolean brings_nothing;  /* no guest did when it was looked */
    GPtrArray *brought;       /* definitions that guests bring in their metadata */
    GPtrArray *mdevs;
    GHashTable *by_uuid;      /* uuid -> ApMdev, borrowed */
    Bounds *queues;           /* adapters and usage domains; parallel to mdevs */
    Bounds *control;          /* adapters and control domains; parallel to mdevs */
    GHashTable *guests_of;    /* uuid -> GPtrArray of ApGuest, borrowed */
    GHashTable *users;        /* uuid -> who has it open, "" for nobody; made on demand */
    GHashTable *last_guests;  /* loaded on demand */
    ApNextBoot *next_boot;    /* computed on demand */
    GPtrArray *needs;         /* loaded on demand */
    GHashTable *other_parents; /* uuid -> parent; loaded on demand */
    const ApMdev **by_apqn;   /* made on demand */
    ApApqnSet *used;          /* made on demand */
    ApHeld *held;             /* made on demand */
};

/* Reads the active matrices, unless that was done. */
void
ap_inventory_join(ApInventory *inventory);

/* Joins everything that may hold a queue. The guests are read only if one of them brings a matrix
 * of its own, since reading them costs the callout more than all else that it does. */
void
ap_inventory_complete(ApInventory *inventory);
