/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The doctor's look at the kernel: the AP bus, vfio_ap, the masks. */
#include <string.h>

#include "node_device/conflict/ap_conflict.h"
#include "node_device/doctor/ap_doctor_priv.h"
#include "node_device/inventory/ap_problem.h"
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
        g_autofree char *bare = ap_host_describe_bare(host);

        ap_doctor_add(doctor, AP_DOCTOR_FAULT,
                      "give the LPAR adapters and domains; `lszcrypt -V` shows what it has",
                      "the AP bus has no queues%s%s", bare ? ": " : "", bare ? bare : "");
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

        if (problem->hides == AP_PROBLEM_HIDES_GOING) {
            ap_doctor_add(doctor, AP_DOCTOR_WARN,
                          "its queues are free when it is gone; if it stays, its guest has to end",
                          "%s", problem->message);
            continue;
        }
        if (problem->denied) {
            ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, ap_problem_get_denied_hint(), "%s",
                          problem->message);
            continue;
        }
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


/* The rule that chzdev writes loads vfio_ap, too; its path, NULL if there is none. */
static char *
find_rule_that_loads(const ApDoctor *doctor)
{
    const char *name = strrchr(AP_NEXT_BOOT_CHZDEV_RULE, '/');

    for (const char *const *dir = ap_next_boot_rule_dirs; *dir; dir++) {
        g_autofree char *path = g_strconcat(*dir, name, NULL);
        g_autofree char *rule = ap_root_read(doctor->root, path, AP_ROOT_SMALL_MAX, NULL, NULL);

        if (rule)
            return strstr(rule, "kmod load " MODULE) ? g_steal_pointer(&path) : NULL;
    }
    return NULL;
}


/* The udev rule that sets masks last; only where there is one. */
static const char *
get_last_rule(const ApDoctor *doctor)
{
    return doctor->next->rules->pdata[doctor->next->rules->len - 1];
}


void
ap_doctor_check_vfio_ap_boot(ApDoctor *doctor)
{
    g_autofree char *file = find_module_file(doctor);
    g_autofree char *rule = find_rule_that_loads(doctor);

    if (file && doctor->next->rules->len > 0) {
        g_autofree char *hint = g_strdup_printf(
            "take %s out of %s: " AP_DOCTOR_BOOT_UNIT " loads it in time", MODULE, file);

        ap_doctor_add(doctor, AP_DOCTOR_WARN, hint,
                      "%s loads vfio_ap before %s has set the masks: matrices that start at boot "
                      "can be refused",
                      file, get_last_rule(doctor));
    } else if (file) {
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "%s loads vfio_ap at boot", file);
    } else if (ap_doctor_has_boot_unit(doctor)) {
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, AP_DOCTOR_BOOT_UNIT " loads vfio_ap at boot");
    } else if (rule) {
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "%s loads vfio_ap at boot", rule);
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


/* Says which of the masks the next boot changes, "" if none. */
static const char *
describe_difference(const ApDoctor *doctor)
{
    const ApBootMasks *masks = ap_next_boot_get_masks(doctor->next);
    gboolean ap_differs = !ap_mask_equal(&doctor->host->apmask, &masks->apmask);
    gboolean aq_differs = !ap_mask_equal(&doctor->host->aqmask, &masks->aqmask);

    return ap_differs && aq_differs ? "apmask and aqmask"
           : ap_differs             ? "apmask"
           : aq_differs             ? "aqmask"
                                    : "";
}


static char *
suggest_keep(const ApDoctor *doctor)
{
    g_autofree char *command = ap_next_boot_format_masks(&doctor->host->apmask,
                                                         &doctor->host->aqmask, "--persistent");

    return g_strdup_printf("to keep what is in force now:\n`%s`", command);
}


/* What a file says is meant; what is in force may be no more than what a boot without it left. */
static char *
suggest_apply(const ApDoctor *doctor, gboolean as_booted)
{
    const ApBootMasks *masks = ap_next_boot_get_masks(doctor->next);
    g_autofree char *command =
        ap_next_boot_format_masks(&masks->apmask, &masks->aqmask, "--active");
    g_autofree char *keep = suggest_keep(doctor);

    return as_booted ? g_strdup_printf("to apply it now:\n`%s`", command)
                     : g_strdup_printf("to apply it now:\n`%s`\n%s", command, keep);
}


static void
add_not_in_force(ApDoctor *doctor, const char *differs)
{
    const ApNextBoot *next = doctor->next;
    gboolean as_booted = ap_mask_equal(&doctor->host->apmask, &next->booted_apmask) &&
                         ap_mask_equal(&doctor->host->aqmask, &next->booted_aqmask);
    g_autofree char *keep = suggest_keep(doctor);
    g_autofree char *apply = suggest_apply(doctor, as_booted);

    if (next->rules->len > 0 && as_booted)
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, apply,
                      "%s has not acted since the boot, or is newer: %s as the kernel came up",
                      get_last_rule(doctor),
                      strchr(differs, ' ') ? "apmask and aqmask are"
                      : differs[1] == 'p'  ? "apmask is"
                                           : "aqmask is");
    else if (next->rules->len > 0)
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, apply,
                      "the next boot changes %s: %s sets something else", differs,
                      get_last_rule(doctor));
    else if (next->cmdline_sets)
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, apply,
                      "the next boot changes %s: " AP_NEXT_BOOT_CMDLINE " sets something else",
                      differs);
    else
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, keep,
                      "the next boot changes %s to the kernel's own: the host takes back all "
                      "queues, and matrices do not start",
                      differs);
}


static void
add_in_force(ApDoctor *doctor)
{
    const ApNextBoot *next = doctor->next;
    const ApMask full = ap_mask_range(0, AP_ID_MAX);
    gboolean are_full = ap_mask_equal(&doctor->host->apmask, &full) &&
                        ap_mask_equal(&doctor->host->aqmask, &full);

    if (next->rules->len > 0)
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "the masks are those that %s sets at boot",
                      get_last_rule(doctor));
    else if (next->cmdline_sets)
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "the kernel's command line sets the masks");
    else if (next->has_cmdline || are_full)
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL,
                      "the masks are the kernel's own, now and after the next boot");
    else
        ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, NULL,
                      "whether the masks are set at boot: " AP_NEXT_BOOT_CMDLINE
                      " was not captured");
}


void
ap_doctor_check_masks(ApDoctor *doctor)
{
    const ApNextBoot *next = doctor->next;
    const char *differs;

    if (!need_bus(doctor))
        return;
    if (!doctor->host->masks_known) {
        ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, NULL, "apmask and aqmask cannot be read");
        return;
    }
    if (!next->known) {
        ap_doctor_add(doctor, next->denied ? AP_DOCTOR_UNKNOWN : AP_DOCTOR_FAULT,
                      next->denied ? ap_problem_get_denied_hint()
                                   : "mend the file: until then nothing that starts at boot can be "
                                     "defined",
                      "which masks the next boot sets cannot be told: %s", next->why_unknown);
        return;
    }
    differs = describe_difference(doctor);
    if (differs[0])
        add_not_in_force(doctor, differs);
    else
        add_in_force(doctor);
    for (guint i = 1; i < next->outcomes->len; i++)
        ap_doctor_add(doctor, AP_DOCTOR_WARN,
                      g_array_index(next->outcomes, ApBootMasks, i).mend,
                      "the next boot may leave the masks as the kernel comes up: %s",
                      g_array_index(next->outcomes, ApBootMasks, i).because);
}


static void
add_findings(ApDoctor *doctor, const GPtrArray *findings, const char *what)
{
    guint shown = MIN(findings->len, NAMED_MAX);

    for (guint i = 0; i < shown; i++) {
        const ApFinding *finding = findings->pdata[i];

        ap_doctor_add(doctor,
                      finding->code == AP_CODE_HOST_NEEDS && finding->severity == AP_SEVERITY_WARN
                          ? AP_DOCTOR_WARN
                          : AP_DOCTOR_FAULT,
                      finding->hint, "%s", finding->message);
    }
    if (shown < findings->len)
        ap_doctor_add(doctor, AP_DOCTOR_FAULT, "`virt-ap check` shows them",
                      "%u more %s", findings->len - shown, what);
}


/* What went to guests, or is not in the LPAR, while something of the host still asks for it. */
void
ap_doctor_check_host_needs(ApDoctor *doctor)
{
    g_autoptr(GPtrArray) findings = NULL;

    if (!need_bus(doctor))
        return;
    if (!doctor->host->masks_known) {
        ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, NULL,
                      "whether the host has the queues that it needs: see masks");
        return;
    }
    findings = ap_conflict_check_needs(doctor->inventory);
    if (findings->len > 0)
        add_findings(doctor, findings, "needs of the host are not met");
    else
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "the host has the queues that it needs");
}


void
ap_doctor_check_next_boot(ApDoctor *doctor)
{
    g_autoptr(GPtrArray) findings = NULL;

    if (!need_bus(doctor))
        return;
    if (!doctor->next->known) {
        ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, NULL,
                      "whether what starts at boot keeps its queues: see masks");
        return;
    }
    if (ap_problem_is_hidden(ap_inventory_get_problems(doctor->inventory),
                             AP_PROBLEM_HIDES_DEFINED)) {
        ap_doctor_add(doctor, AP_DOCTOR_UNKNOWN, NULL,
                      "what starts at boot: the definitions cannot be read");
        return;
    }
    findings = ap_conflict_check_boot(doctor->inventory);
    if (findings->len > 0)
        add_findings(doctor, findings, "lose queues at the next boot");
    else
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "what starts at boot keeps its queues");
}


void
ap_doctor_check_mixed_binding(ApDoctor *doctor)
{
    const ApNextBoot *next = doctor->next;
    const ApBootMasks *masks = ap_next_boot_get_masks(next);
    const ApMask full = ap_mask_range(0, AP_ID_MAX);
    gboolean are_full = ap_mask_equal(&masks->apmask, &full) &&
                        ap_mask_equal(&masks->aqmask, &full);
    gboolean overrides;

    if (!need_bus(doctor))
        return;
    overrides = ap_host_has_overrides(doctor->host) || ap_next_boot_is_mixed(next);
    if (!overrides)
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL, "no queue has a driver_override");
    else if (next->rules->len > 0 && !are_full)
        ap_doctor_add(doctor, AP_DOCTOR_FAULT,
                      "use one way only; to leave it to driver_override: "
                      "`chzdev --type ap apmask=0-255 aqmask=0-255 --persistent`",
                      "queues have a driver_override while %s sets masks: the kernel takes no "
                      "mask then, and no driver_override once it has masks",
                      get_last_rule(doctor));
    else
        ap_doctor_add(doctor, AP_DOCTOR_OK, NULL,
                      "queues are given away by driver_override, the masks are full");
}
