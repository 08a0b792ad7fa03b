/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What QEMU would take that libvirt does not know of, and so nobody can judge. */
#include <string.h>

#include "qemu/qemu_ap_command.h"
#include "qemu/qemu_ap_validate_priv.h"
#include "util/ap_error.h"


/* The host device of that alias; NULL if there is none. */
static const ApDomainHostdev *
find_hostdev(const ApDomainDef *def, const char *alias)
{
    for (guint i = 0; i < def->hostdevs->len; i++) {
        const ApDomainHostdev *hostdev = def->hostdevs->pdata[i];
        g_autofree char *name = qemu_ap_command_alias(def, hostdev);

        if (strcmp(name, alias) == 0)
            return hostdev;
    }
    return NULL;
}


/* Another host device may open what it likes: QEMU's other drivers refuse a matrix. But the driver
 * can be changed as well. */
static gboolean
can_take_a_matrix(const ApDomainDef *def, const ApDomainBypass *bypass)
{
    const ApDomainHostdev *hostdev;

    if (!bypass->alias || strcmp(bypass->what, "driver") == 0)
        return TRUE;
    hostdev = find_hostdev(def, bypass->alias);
    return hostdev ? ap_domain_hostdev_is_ap(hostdev) : strcmp(bypass->what, "fd") != 0;
}


void
qemu_ap_validate_bypasses(const ApDomainDef *def, GPtrArray *faults)
{
    for (guint i = 0; i < def->bypasses->len; i++) {
        const ApDomainBypass *bypass = def->bypasses->pdata[i];
        g_autofree char *what = ap_text_printable(bypass->what);
        g_autofree char *alias = bypass->alias ? ap_text_printable(bypass->alias) : NULL;

        if (!can_take_a_matrix(def, bypass))
            continue;
        if (alias)
            qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_US, bypass->line,
                          "remove it, and name the mdev in the <hostdev>",
                          "<qemu:override> changes '%s' of device '%s': nobody can tell which "
                          "matrix it takes then",
                          what, alias);
        else
            qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_US, bypass->line,
                          "remove it, and add <hostdev mode='subsystem' type='mdev' "
                          "model='vfio-ap'> with the UUID of the mdev",
                          "<qemu:commandline> gives QEMU '%s': nobody can tell which matrix it "
                          "takes",
                          what);
    }
}
