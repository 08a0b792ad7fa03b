/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ap_ops on a simulated kernel: ap_ops_sim DIR < OPERATIONS. */
#include "ap_ops.h"

#include <stdio.h>
#include <string.h>

#include "node_device/sim/ap_sim.h"

static ApKernel *kernel;


int
ap_ops_run(const char *op, const char *where, const char *attr, const char *value)
{
    if (strcmp(op, "bind") == 0)
        return kernel->ops->bind(kernel, where, value);
    if (strcmp(op, "create") == 0)
        return kernel->ops->create(kernel, value);
    if (strcmp(op, "remove") == 0)
        return kernel->ops->remove(kernel, where);
    return kernel->ops->write_attr(kernel, where, attr, value);
}


int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ApRoot) root = argc == 2 ? ap_root_new(argv[1], &error) : NULL;
    int result;

    if (root)
        kernel = ap_sim_open(root, &error);
    if (!kernel) {
        fprintf(stderr, "ap_ops_sim: %s\n", error ? error->message : "usage: ap_ops_sim DIR");
        return 2;
    }
    result = ap_ops_main(argv[1]);
    ap_kernel_free(kernel);
    return result;
}
