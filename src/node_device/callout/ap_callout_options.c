/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of the callout. */
#include "node_device/callout/ap_callout_options.h"

#include <stdlib.h>
#include <string.h>


static int
find_option(int argc, char **argv, const char *name, const char **ret_value)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], name) == 0) {
            *ret_value = argv[i + 1];
            return 1;
        }
    }
    return 0;
}


const char *
ap_callout_options_get_type(int argc, char **argv)
{
    const char *type = NULL;

    find_option(argc, argv, "-t", &type);
    return type;
}


int
ap_callout_options_parse(int argc, char **argv, ApCalloutOptions *ret_options)
{
    int n = find_option(argc, argv, "-t", &ret_options->type) +
            find_option(argc, argv, "-e", &ret_options->event) +
            find_option(argc, argv, "-a", &ret_options->action) +
            find_option(argc, argv, "-s", &ret_options->state) +
            find_option(argc, argv, "-u", &ret_options->uuid) +
            find_option(argc, argv, "-p", &ret_options->parent);
    int n_root = find_option(argc, argv, "--root", &ret_options->root);

    if (n_root == 0)
        ret_options->root = "/";
    else if (realpath(ret_options->root, ret_options->real_root))
        ret_options->root = ret_options->real_root;
    return n == 6 && argc == 1 + 2 * (n + n_root);
}
