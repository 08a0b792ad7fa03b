/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of a <hostdev> libvirt or QEMU would refuse. Host devices that are not of model vfio-ap
 * are looked at only as far as a misspelt one could be meant to be. */
#include <string.h>

#include "qemu/qemu_ap_validate_priv.h"
#include "util/ap_error.h"

static const char *const on_off[] = { "on", "off", NULL };


static void
validate_kind(const ApDomainHostdev *hostdev, GPtrArray *faults)
{
    static const char *const modes[] = { "subsystem", "capabilities", NULL };
    static const char *const models[] = { "vfio-pci", "vfio-ccw", "vfio-ap", NULL };
    gboolean is_mdev = g_strcmp0(hostdev->type, "mdev") == 0;
    gboolean means_ap = g_strcmp0(hostdev->model, "vfio-ap") == 0;
    const char *hint = "write <hostdev mode='subsystem' type='mdev' model='vfio-ap'>";

    if (hostdev->mode && !qemu_ap_one_of(hostdev->mode, modes))
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, hostdev->line, hint,
                      "the <hostdev> has an unknown mode");
    else if (is_mdev && g_strcmp0(hostdev->mode, "capabilities") == 0)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, hostdev->line, hint,
                      "a <hostdev> of type mdev cannot have mode='capabilities'");
    if (!hostdev->type)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, hostdev->line, hint,
                      "the <hostdev> lacks the attribute 'type'");
    else if (means_ap && !is_mdev)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, hostdev->line, hint,
                      "a <hostdev> of model vfio-ap must be of type mdev");
    if (is_mdev && !hostdev->model)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, hostdev->line, hint,
                      "the <hostdev> of type mdev lacks the attribute 'model'");
    else if (is_mdev && !qemu_ap_one_of(hostdev->model, models))
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, hostdev->line, hint,
                      "the <hostdev> is of an unknown model: wanted vfio-ap, vfio-ccw or vfio-pci");
}


/* libvirt passes both on, whatever the model; only vfio-pci has such properties. */
static void
validate_display(const ApDomainHostdev *hostdev, GPtrArray *faults)
{
    if ((hostdev->display && !qemu_ap_one_of(hostdev->display, on_off)) ||
        (hostdev->ramfb && !qemu_ap_one_of(hostdev->ramfb, on_off)))
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, hostdev->line,
                      "remove display and ramfb",
                      "display or ramfb is neither 'on' nor 'off'");
    else if (hostdev->display || g_strcmp0(hostdev->ramfb, "on") == 0)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_QEMU, hostdev->line,
                      "remove display and ramfb",
                      "a vfio-ap <hostdev> has no display: QEMU refuses the property");
}


static void
validate_address(const ApDomainHostdev *hostdev, GPtrArray *faults)
{
    /* virDomainDeviceAddress in domain_conf.c; "none" cannot be written. */
    static const char *const types[] = { "pci",         "drive",      "virtio-serial", "ccid",
                                         "usb",         "spapr-vio",  "virtio-s390",   "ccw",
                                         "virtio-mmio", "isa",        "dimm",          "unassigned",
                                         NULL };
    gboolean known = hostdev->address_type && qemu_ap_one_of(hostdev->address_type, types);

    if (!hostdev->has_guest_address)
        return;
    qemu_ap_fault(faults, AP_CODE_BAD_XML, known ? QEMU_AP_BY_NOBODY : QEMU_AP_BY_LIBVIRT,
                  hostdev->line, "remove the <address> that is not inside <source>",
                  known ? "the <address> in the guest has no effect: AP has no addresses there"
                        : "the <address> in the guest has no type that libvirt knows");
}


static void
validate_source(const ApDomainHostdev *hostdev, GPtrArray *faults)
{
    g_autofree char *printable =
        hostdev->uuid_text ? ap_text_printable(hostdev->uuid_text) : NULL;
    const char *hint = "write <source><address uuid='...'/></source>, with the UUID of an mdev: "
                       "`virt-ap list` prints them";

    if (hostdev->uuid)
        return;
    if (printable)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, hostdev->line, hint,
                      "the vfio-ap <hostdev> names '%s', which is no UUID", printable);
    else
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, hostdev->line, hint,
                      "the vfio-ap <hostdev> lacks %s",
                      !hostdev->has_source    ? "a <source>"
                      : !hostdev->has_address ? "an <address> in its <source>"
                                              : "the attribute 'uuid' in its <address>");
}


static void
validate_managed(const ApDomainHostdev *hostdev, GPtrArray *faults)
{
    static const char *const values[] = { "yes", "no", NULL };

    if (!hostdev->managed || strcmp(hostdev->managed, "no") == 0)
        return;
    qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_NOBODY, hostdev->line,
                  "remove it; libvirt's hook of libvirt-ap starts a defined mdev, or "
                  "virsh nodedev-autostart does at boot",
                  qemu_ap_one_of(hostdev->managed, values)
                      ? "managed='yes' has no effect on an mdev: libvirt does not start it"
                      : "managed is neither 'yes' nor 'no': libvirt takes it for 'no'");
}


static void
validate_ap(const ApDomainDef *def, const ApDomainHostdev *hostdev, GPtrArray *faults)
{
    validate_source(hostdev, faults);
    validate_display(hostdev, faults);
    if (hostdev->has_boot)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, hostdev->line,
                      "remove <boot>",
                      def->os && def->os->has_boot
                          ? "a <boot> both in <os> and in the vfio-ap <hostdev>, from which "
                            "nothing can boot"
                          : "nothing can boot from a vfio-ap <hostdev>");
    if (hostdev->has_teaming)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, hostdev->line,
                      "remove <teaming>", "a vfio-ap <hostdev> cannot be teamed");
    validate_address(hostdev, faults);
    validate_managed(hostdev, faults);
}


void
qemu_ap_validate_hostdevs(const ApDomainDef *def, GPtrArray *faults)
{
    guint n = 0;

    for (guint i = 0; i < def->hostdevs->len; i++) {
        const ApDomainHostdev *hostdev = def->hostdevs->pdata[i];

        if (hostdev->is_interface)
            continue;
        validate_kind(hostdev, faults);
        if (!ap_domain_hostdev_is_ap(hostdev))
            continue;
        validate_ap(def, hostdev, faults);
        if (++n == 2) {
            g_autofree char *name = ap_text_printable(def->name);

            qemu_ap_fault(faults, AP_CODE_TOO_MANY, QEMU_AP_BY_LIBVIRT, hostdev->line,
                          "put all its queues into one matrix",
                          "a second vfio-ap <hostdev>; guest '%s' can have one", name);
        }
    }
}
