/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The arguments that AP adds to QEMU's command line.
 *
 * After libvirt's qemuBuildHostdevMediatedDevProps() and qemuBuildCpuModelArgStr()
 * (qemu_command.c) and qemuAssignDeviceHostdevAlias() (qemu_alias.c), which are the same in 9.0.0
 * and 11.3.0. No value here needs quoting: a UUID, on or off, and an alias of letters, digits, _
 * and -. */
#include "qemu/qemu_ap_command.h"

#include <string.h>

#include "qemu/qemu_ap_validate.h"
#include "util/ap_error.h"


/* A user's alias stays; all other devices are numbered in their order. */
char *
qemu_ap_command_alias(const ApDomainDef *def, const ApDomainHostdev *hostdev)
{
    guint n = 0;

    if (hostdev->user_alias)
        return g_strdup(hostdev->user_alias);
    for (guint i = 0; def->hostdevs->pdata[i] != hostdev; i++) {
        const ApDomainHostdev *other = def->hostdevs->pdata[i];

        n += other->user_alias == NULL;
    }
    return g_strdup_printf("hostdev%u", n);
}


static char *
build_device(const ApDomainDef *def, const ApDomainHostdev *hostdev, gboolean legacy)
{
    GString *text = g_string_new(NULL);
    g_autofree char *alias = qemu_ap_command_alias(def, hostdev);
    gboolean ramfb = g_strcmp0(hostdev->ramfb, "on") == 0;

    g_string_append_printf(text,
                           legacy ? "vfio-ap,id=%s,sysfsdev=/sys/bus/mdev/devices/%s"
                                  : "{\"driver\":\"vfio-ap\",\"id\":\"%s\","
                                    "\"sysfsdev\":\"/sys/bus/mdev/devices/%s\"",
                           alias, hostdev->uuid);
    if (hostdev->display)
        g_string_append_printf(text, legacy ? ",display=%s" : ",\"display\":\"%s\"",
                               hostdev->display);
    if (ramfb)
        g_string_append(text, legacy ? ",ramfb=on" : ",\"ramfb\":true");
    if (!legacy)
        g_string_append_c(text, '}');
    return g_string_free(text, FALSE);
}


/* "ap=on,apft=off"; NULL if the document names no AP feature. */
static char *
build_features(const ApDomainDef *def)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const ApDomainCpu *cpu = def->cpu;

    for (guint i = 0; cpu && i < cpu->features->len; i++) {
        const ApDomainFeature *feature = cpu->features->pdata[i];

        if (ap_domain_def_is_ap_feature(def, feature))
            g_string_append_printf(text, "%s%s=%s", text->len > 0 ? "," : "", feature->name,
                                   ap_domain_feature_is_on(feature) ? "on" : "off");
    }
    return text->len > 0 ? g_string_free(g_steal_pointer(&text), FALSE) : NULL;
}


static gboolean
check_refusals(const ApDomainDef *def, GError **error)
{
    g_autoptr(GPtrArray) faults = qemu_ap_validate(def);

    for (guint i = 0; i < faults->len; i++) {
        const QemuApFault *fault = faults->pdata[i];

        if (fault->by != QEMU_AP_BY_LIBVIRT)
            continue;
        g_set_error(error, AP_ERROR, AP_ERROR_REFUSED, "%s\n%s", fault->message, fault->hint);
        return FALSE;
    }
    return TRUE;
}


GPtrArray *
qemu_ap_command_build(const ApDomainDef *def, gboolean legacy, GError **error)
{
    const ApDomainHostdev *hostdev = ap_domain_def_find_ap(def, 0);
    g_autofree char *features = NULL;
    GPtrArray *args;

    if (!check_refusals(def, error))
        return NULL;
    args = g_ptr_array_new_with_free_func(g_free);
    features = build_features(def);
    if (features) {
        g_ptr_array_add(args, g_strdup("-cpu"));
        g_ptr_array_add(args, g_steal_pointer(&features));
    }
    if (hostdev) {
        g_ptr_array_add(args, g_strdup("-device"));
        g_ptr_array_add(args, build_device(def, hostdev, legacy || def->capabilities.no_json));
    }
    return args;
}
