/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The doctor's look at who else has to do with mdevs on this host. */
#include <string.h>

#include "conf/ap_mdev_def.h"
#include "node_device/doctor/ap_doctor_priv.h"


/* Where nova-compute is, and where it is configured; the last ones in a container of Kolla's. */
const char *const ap_doctor_nova_programs[] = {
    "/usr/bin/nova-compute", "/usr/local/bin/nova-compute", "/etc/kolla/nova-compute", NULL,
};
const char *const ap_doctor_nova_files[] = {
    "/etc/nova/nova.conf", "/etc/nova/nova-compute.conf", "/etc/kolla/nova-compute/nova.conf",
    NULL,
};


/* KubeVirt's virt-handler makes a directory in /run, and the sockets of its device plugins. */
static gboolean
has_kubevirt(const ApDoctor *doctor)
{
    g_autoptr(GPtrArray) names = ap_root_list(doctor->root, AP_DOCTOR_PLUGINS, NULL);

    for (guint i = 0; names && i < names->len; i++) {
        if (g_str_has_prefix(names->pdata[i], AP_DOCTOR_PLUGIN))
            return TRUE;
    }
    return ap_root_exists(doctor->root, AP_DOCTOR_KUBEVIRT);
}


void
ap_doctor_check_kubevirt(ApDoctor *doctor)
{
    if (has_kubevirt(doctor))
        ap_doctor_add(doctor, AP_DOCTOR_WARN,
                      "say so in its configuration: permittedHostDevices.mediatedDevices with\n"
                      "  mdevNameSelector: \"VFIO AP Passthrough Device\"\n"
                      "  externalResourceProvider: true\n"
                      "or mediatedDevicesConfiguration.enabled: false",
                      "KubeVirt is on this host: its virt-handler removes matrices that its "
                      "configuration does not name, also those in use");
    else if (ap_doctor_need(doctor, "/usr/bin"))
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "KubeVirt is not on this host");
}


/* Whether [devices] names our type among those that nova may hand out. oslo.config's files are no
 * GKeyFile: a value goes on in lines that begin with a blank. */
gboolean
ap_doctor_nova_enables_ap(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    gboolean in_devices = FALSE;
    gboolean in_value = FALSE;

    for (char **line = lines; *line; line++) {
        if (**line == '[') {
            in_devices = g_str_has_prefix(*line, "[devices]");
            in_value = FALSE;
        } else if (!g_ascii_isspace(**line)) {
            in_value = g_str_has_prefix(*line, "enabled_mdev_types") ||
                       g_str_has_prefix(*line, "enabled_vgpu_types");
        }
        if (in_devices && in_value && strstr(*line, AP_MDEV_TYPE))
            return TRUE;
    }
    return FALSE;
}


/* The file that makes nova hand out AP matrices, NULL if none does; static. */
static const char *
find_nova_file(const ApDoctor *doctor)
{
    for (const char *const *path = ap_doctor_nova_files; *path; path++) {
        g_autofree char *text =
            ap_root_read(doctor->root, *path, AP_ROOT_SMALL_MAX, NULL, NULL);

        if (text && ap_doctor_nova_enables_ap(text))
            return *path;
    }
    return NULL;
}


static gboolean
has_nova(const ApDoctor *doctor)
{
    for (const char *const *path = ap_doctor_nova_programs; *path; path++) {
        if (ap_root_exists(doctor->root, *path))
            return TRUE;
    }
    return FALSE;
}


void
ap_doctor_check_nova(ApDoctor *doctor)
{
    const char *file = find_nova_file(doctor);
    g_autofree char *hint = NULL;

    if (!has_nova(doctor)) {
        if (ap_doctor_need(doctor, "/usr/bin"))
            ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "nova-compute is not on this host");
        return;
    }
    if (file) {
        hint = g_strdup_printf("take " AP_MDEV_TYPE " out of enabled_mdev_types in %s, and restart "
                               "nova-compute",
                               file);
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, hint,
                      "nova may hand out matrices, by %s: it gives any that no guest names to any "
                      "guest, makes empty ones, and cannot count them",
                      file);
        return;
    }
    ap_doctor_add(doctor, AP_DOCTOR_WARN,
                  "let no two definitions share a queue: `virt-ap check` names those that do",
                  "nova-compute is on this host: when it starts it starts every matrix that is "
                  "defined, and gives up if one is refused");
}


void
ap_doctor_check_selinux(ApDoctor *doctor)
{
    g_autofree char *enforce = ap_root_read_line(doctor->root, AP_DOCTOR_SELINUX);

    if (g_strcmp0(enforce, "1") == 0)
        ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN,
                      "`ausearch -m avc -c mdevctl` shows what it refused",
                      "SELinux is enforcing: policies of some releases keep libvirt from "
                      "mdevctl's files and scripts");
    else if (ap_doctor_need(doctor, "/sys/fs"))
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "SELinux does not enforce");
}
