/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt-ap-guests: prints the guests with vfio-ap hostdevs, for the callout, which does not link
 * libxml2. It takes no lock. */
#include <stdio.h>
#include <string.h>

#include "node_device/inventory/ap_guests.h"
#include "node_device/inventory/ap_problem.h"
#include "util/ap_print.h"


int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) problems = ap_problem_list_new();
    g_autoptr(GPtrArray) guests = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(ApRoot) root = NULL;
    g_autofree char *text = NULL;

    if (argc != 3 || strcmp(argv[1], "--root") != 0) {
        ap_print_error("usage: libvirt-ap-guests --root DIR\n");
        return 2;
    }
    root = ap_root_new(argv[2], &error);
    if (!root) {
        ap_print_error("%s\n", error->message);
        return 4;
    }
    guests = ap_guests_load(root, problems);
    text = ap_guests_to_json(guests, problems);
    ap_print_json(text);
    return fflush(stdout) == 0 ? 0 : 4;
}
