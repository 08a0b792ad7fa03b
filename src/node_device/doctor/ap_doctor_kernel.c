/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The doctor's look at the kernel: the AP bus, vfio_ap, the masks. */
#include <string.h>

#include "conf/ap_udev_rule.h"
#include "node_device/doctor/ap_doctor_priv.h"
#include "util/ap_error.h"

#define BUS "/sys/bus/ap"
#define MODULE "vfio_ap"

/* How many queues a message names. */
#define NAMED_MAX 8

/* Where systemd-modules-load looks. */
const char *const ap_doctor_module_dirs[] = {
    "/etc/modules-load.d", "/run/modules-load.d", "/usr/local/lib/modules-load.d",
    "/usr/lib/modules-load.d", NULL,
};


/* Adds "unknown" where there is no bus that could tell; returns whether there is one. */
static gboolean
need_bus(ApDoctor *doctor)
{
    if (doctor->host->has_bus)
        return TRUE;
    ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, NULL, "there is no AP bus that could tell");
    return FALSE;
}


void
ap_doctor_check_bus(ApDoctor *doctor)
{
    const ApHost *host = doctor->host;
    g_autoptr(GPtrArray) cards = NULL;
    g_autoptr(GPtrArray) queues = NULL;
    g_autofree char *limits = NULL;

    if (!host->has_bus) {
        if (ap_doctor_need(doctor, "/sys/bus"))
            ap_doctor_add(doctor, AP_DOCTOR_FAULT,
                          "on IBM Z: `modprobe ap`; if that fails, give the LPAR adapters and "
                          "domains first\n"
                          "elsewhere look at a captured host: `virt-ap --root DIR doctor`",
                          "this host has no AP bus: there is no " BUS);
        return;
    }
    cards = ap_host_list_cards(host);
    queues = ap_host_list_queues(host);
    if (queues->len == 0) {
        ap_doctor_add(doctor, AP_DOCTOR_FAULT,
                      "give the LPAR adapters and domains; `lszcrypt -V` shows what it has",
                      "the AP bus has no queues");
        return;
    }
    limits = host->max_adapter < 0 || host->max_domain < 0
                 ? g_strdup("")
                 : g_strdup_printf("; adapters up to 0x%02x, domains up to 0x%04x",
                                   (guint)host->max_adapter, (guint)host->max_domain);
    ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "the AP bus has %u cards and %u queues%s",
                  cards->len, queues->len, limits);
}


void
ap_doctor_check_unreadable(ApDoctor *doctor)
{
    const GPtrArray *problems = doctor->host->problems;

    for (guint i = 0; i < problems->len; i++) {
        const ApProblem *problem = problems->pdata[i];

        ap_doctor_add(doctor, AP_DOCTOR_FAULT,
                      problem->mdev ? "while it is so, no other matrix starts; `virt-ap check` "
                                      "tells more"
                                    : "`virt-ap check` tells what depends on it",
                      "%s", problem->message);
    }
    if (problems->len == 0 && need_bus(doctor))
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "what the kernel shows can be read");
}


/* Names the queues that no driver has. */
static char *
list_unbound(const ApHost *host)
{
    g_autoptr(GPtrArray) queues = ap_host_list_queues(host);
    GString *text = g_string_new(NULL);
    guint n = 0;

    for (guint i = 0; i < queues->len; i++) {
        const ApQueue *queue = queues->pdata[i];
        g_autofree char *name = ap_apqn_to_string(queue->apqn);

        if (queue->driver)
            continue;
        if (n++ < NAMED_MAX)
            g_string_append_printf(text, "%s%s", text->len ? ", " : "", name);
    }
    if (n > NAMED_MAX)
        g_string_append_printf(text, " and %u more", n - NAMED_MAX);
    return g_string_free(text, FALSE);
}


void
ap_doctor_check_queues(ApDoctor *doctor)
{
    g_autofree char *bindings = ap_root_read_line(doctor->root, BUS "/bindings");
    g_autofree char *unbound = NULL;

    if (!need_bus(doctor))
        return;
    unbound = list_unbound(doctor->host);
    if (unbound[0]) {
        ap_doctor_add(doctor, AP_DOCTOR_FAULT,
                      doctor->host->has_vfio_ap
                          ? "a guest loses the whole adapter of such a queue; `lszcrypt -V` shows "
                            "them, `journalctl -k` why"
                          : "queues that are free for guests wait for vfio_ap: `modprobe vfio_ap`",
                      "no driver has these queues: %s", unbound);
        return;
    }
    if (bindings && !strstr(bindings, "complete")) {
        ap_doctor_add(doctor, AP_DOCTOR_WARN,
                      "just after boot the bus is still looking; `journalctl -k` if it stays so",
                      "the AP bus has not bound all queues: %s", bindings);
        return;
    }
    ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "every queue has a driver");
}


void
ap_doctor_check_vfio_ap(ApDoctor *doctor)
{
    if (!need_bus(doctor))
        return;
    if (doctor->host->has_vfio_ap)
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "vfio_ap is loaded");
    else
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, "`modprobe vfio_ap`",
                      "vfio_ap is not loaded: there is no " AP_HOST_MATRIX_DIR);
}


gboolean
ap_doctor_names_module(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        if (strcmp(g_strstrip(*line), MODULE) == 0 || strcmp(*line, "vfio-ap") == 0)
            return TRUE;
    }
    return FALSE;
}


/* The file that makes systemd load the module, NULL if none does. */
static char *
find_module_file(const ApDoctor *doctor)
{
    for (const char *const *dir = ap_doctor_module_dirs; *dir; dir++) {
        g_autoptr(GPtrArray) names = ap_root_list(doctor->root, *dir, NULL);

        for (guint i = 0; names && i < names->len; i++) {
            g_autofree char *path = g_strconcat(*dir, "/", names->pdata[i], NULL);
            g_autofree char *text =
                ap_root_read(doctor->root, path, AP_ROOT_SMALL_MAX, NULL, NULL);

            if (g_str_has_suffix(path, ".conf") && text && ap_doctor_names_module(text))
                return g_steal_pointer(&path);
        }
    }
    return NULL;
}


/* The rule that chzdev writes loads vfio_ap, too. */
static gboolean
rule_loads_module(const ApDoctor *doctor)
{
    g_autofree char *rule =
        ap_root_read(doctor->root, AP_UDEV_RULE_PATH, AP_ROOT_SMALL_MAX, NULL, NULL);

    return rule && strstr(rule, "kmod load " MODULE);
}


void
ap_doctor_check_vfio_ap_boot(ApDoctor *doctor)
{
    g_autofree char *file = find_module_file(doctor);

    if (file && doctor->host->boot_rule) {
        g_autofree char *hint = g_strdup_printf(
            "take %s out of %s: " AP_DOCTOR_BOOT_UNIT " loads it in time", MODULE, file);

        ap_doctor_add(doctor, AP_DOCTOR_WARN, hint,
                      "%s loads vfio_ap before %s has set the masks: matrices that start at boot "
                      "can be refused",
                      file, AP_UDEV_RULE_PATH);
    } else if (file) {
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "%s loads vfio_ap at boot", file);
    } else if (ap_doctor_has_boot_unit(doctor)) {
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, AP_DOCTOR_BOOT_UNIT " loads vfio_ap at boot");
    } else if (rule_loads_module(doctor)) {
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "%s loads vfio_ap at boot", AP_UDEV_RULE_PATH);
    } else if (ap_doctor_need(doctor, AP_DOCTOR_UNITS)) {
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, "`systemctl enable " AP_DOCTOR_BOOT_UNIT "`",
                      "nothing loads vfio_ap at boot: no matrix would start");
    }
}


void
ap_doctor_check_ap_config(ApDoctor *doctor)
{
    if (!doctor->host->has_vfio_ap)
        ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, NULL, "vfio_ap is not loaded");
    else if (doctor->host->has_ap_config)
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL,
                      "the kernel has ap_config: a running guest's matrix changes as a whole");
    else
        ap_doctor_add(doctor, AP_DOCTOR_WARN, "Linux 6.10 and later have it",
                      "the kernel has no ap_config: a live change goes bit by bit, and a matrix "
                      "cannot have more than %d queues",
                      AP_HOST_LISTED_MAX);
}


/* A mask as chzdev takes it. */
static char *
format_for_chzdev(const ApMask *mask)
{
    g_autofree char *list = ap_mask_describe(mask);
    g_auto(GStrv) words = g_strsplit(list, " ", -1);

    /* It takes no empty list, but a list of what to take away. */
    return ap_mask_is_empty(mask) ? g_strdup("-0x00-0xff") : g_strjoinv("", words);
}


static char *
format_masks_hint(const ApHost *host)
{
    g_autofree char *apmask = format_for_chzdev(&host->apmask);
    g_autofree char *aqmask = format_for_chzdev(&host->aqmask);

    return g_strdup_printf("to keep what is in force now:\n"
                           "`chzdev --type ap apmask=%s aqmask=%s --persistent`",
                           apmask, aqmask);
}


/* Says which of the masks differ from @apmask and @aqmask, "" if none does. */
static char *
describe_difference(const ApHost *host, const ApMask *apmask, const ApMask *aqmask)
{
    gboolean ap_differs = !ap_mask_equal(&host->apmask, apmask);
    gboolean aq_differs = !ap_mask_equal(&host->aqmask, aqmask);

    return g_strdup(ap_differs && aq_differs ? "apmask and aqmask"
                    : ap_differs             ? "apmask"
                    : aq_differs             ? "aqmask"
                                             : "");
}


/* There is no rule of chzdev: the kernel boots with full masks, or with those of its command
 * line. */
static void
check_masks_without_rule(ApDoctor *doctor)
{
    const ApMask full = ap_mask_range(0, AP_ID_MAX);
    g_autofree char *hint = format_masks_hint(doctor->host);
    g_autofree char *differs = describe_difference(doctor->host, &full, &full);
    g_autofree char *cmdline =
        ap_root_read(doctor->root, AP_DOCTOR_CMDLINE, AP_ROOT_SMALL_MAX, NULL, NULL);

    if (!differs[0])
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL,
                      "the masks are the kernel's own, now and after the next boot");
    else if (cmdline && (strstr(cmdline, "ap.apmask=") || strstr(cmdline, "ap.aqmask=")))
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "the kernel's command line sets the masks");
    else if (!cmdline)
        ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, NULL,
                      "whether the masks are set at boot: /proc/cmdline was not captured");
    else
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, hint,
                      "the next boot changes %s to the kernel's own: the host takes back all "
                      "queues, and matrices do not start",
                      differs);
}


void
ap_doctor_check_masks(ApDoctor *doctor)
{
    const ApHost *host = doctor->host;
    g_autofree char *differs = NULL;
    g_autofree char *hint = NULL;

    if (!need_bus(doctor))
        return;
    if (!host->masks_known) {
        ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, NULL, "apmask and aqmask cannot be read");
        return;
    }
    if (!host->boot_rule) {
        check_masks_without_rule(doctor);
        return;
    }
    differs = describe_difference(host, &host->boot_apmask, &host->boot_aqmask);
    hint = format_masks_hint(host);
    if (differs[0])
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, hint,
                      "the next boot changes %s: %s sets something else", differs,
                      AP_UDEV_RULE_PATH);
    else
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "the masks are those that %s sets at boot",
                      AP_UDEV_RULE_PATH);
}


void
ap_doctor_check_mixed_binding(ApDoctor *doctor)
{
    ApHost *host = doctor->host;
    const ApMask full = ap_mask_range(0, AP_ID_MAX);
    gboolean overrides;

    if (!need_bus(doctor))
        return;
    overrides = ap_host_has_overrides(host);
    if (!overrides)
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "no queue has a driver_override");
    else if (host->boot_rule && !(ap_mask_equal(&host->boot_apmask, &full) &&
                                  ap_mask_equal(&host->boot_aqmask, &full)))
        ap_doctor_add(doctor, AP_DOCTOR_FAULT,
                      "use one way only; to leave it to driver_override: "
                      "`chzdev --type ap apmask=0-255 aqmask=0-255 --persistent`",
                      "queues have a driver_override while %s sets masks: the kernel takes no "
                      "mask then, and no driver_override once it has masks",
                      AP_UDEV_RULE_PATH);
    else
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL,
                      "queues are given away by driver_override, the masks are full");
}
