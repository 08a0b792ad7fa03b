/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of a <cpu> libvirt or QEMU would refuse, and whether the guest has AP instructions. */
#include <string.h>

#include "qemu/qemu_ap_validate_priv.h"
#include "util/ap_error.h"


static void
refuse(GPtrArray *faults, long line, const char *hint, const char *message)
{
    qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, line, hint, "%s", message);
}


static void
validate_enum(const char *value, const char *const *allowed, long line, const char *what,
              GPtrArray *faults)
{
    g_autofree char *wanted = NULL;
    g_autofree char *hint = NULL;
    g_autofree char *printable = NULL;

    if (!value || qemu_ap_one_of(value, allowed))
        return;
    wanted = g_strjoinv(", ", (char **)allowed);
    hint = g_strdup_printf("wanted one of %s", wanted);
    printable = ap_text_printable(value);
    qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, line, hint,
                  "the CPU's %s '%s' is unknown", what, printable);
}


static void
validate_enums(const ApDomainCpu *cpu, GPtrArray *faults)
{
    static const char *const modes[] = { "custom", "host-model", "host-passthrough", "maximum",
                                         NULL };
    static const char *const matches[] = { "exact", "minimum", "strict", NULL };
    static const char *const checks[] = { "none", "partial", "full", NULL };
    static const char *const on_off[] = { "on", "off", NULL };
    static const char *const fallbacks[] = { "allow", "forbid", NULL };

    validate_enum(cpu->mode, modes, cpu->line, "mode", faults);
    validate_enum(cpu->match, matches, cpu->line, "match", faults);
    validate_enum(cpu->check, checks, cpu->line, "check", faults);
    validate_enum(cpu->migratable, on_off, cpu->line, "migratable", faults);
    validate_enum(cpu->fallback, fallbacks, cpu->line, "fallback", faults);
}


static void
validate_mode(const ApDomainDef *def, GPtrArray *faults)
{
    const ApDomainCpu *cpu = def->cpu;
    const char *mode = cpu->mode ? cpu->mode : "custom";
    gboolean needs_kvm = strcmp(mode, "host-passthrough") == 0;
    gboolean has_migratable =
        strcmp(mode, "maximum") == 0 || strcmp(mode, "host-passthrough") == 0;

    if (needs_kvm && g_strcmp0(def->type, "qemu") == 0)
        refuse(faults, cpu->line, "write <domain type='kvm'>",
               "mode host-passthrough needs KVM, and the domain is of type 'qemu'");
    if (cpu->migratable && !has_migratable)
        refuse(faults, cpu->line, "remove it",
               "'migratable' goes with mode host-passthrough or maximum only");
    if (strcmp(mode, "custom") != 0)
        return;
    if (cpu->features->len > 0 && !ap_domain_cpu_is_custom(cpu))
        refuse(faults, cpu->line, "name a <model>, or write <cpu mode='host-model'>",
               "the CPU has features but no <model>");
    if (ap_domain_cpu_is_custom(cpu) && g_strcmp0(cpu->match, "minimum") == 0)
        refuse(faults, cpu->line, "write match='exact'", "s390x has no match='minimum'");
}


/* A feature that looks like one of AP's and is none: QEMU ends, or runs without. */
static void
validate_feature_name(const ApDomainFeature *feature, GPtrArray *faults)
{
    static const char *const names[] = { "ap",   "apft", "apqci", "apqi",
                                         "appv", "appvi", NULL };
    g_autofree char *printable = ap_text_printable(feature->name);

    if (g_ascii_strncasecmp(feature->name, "ap", 2) == 0 && !qemu_ap_one_of(feature->name, names))
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_NOBODY, feature->line,
                      "AP's are ap, apqci, apft, apqi, appv and appvi",
                      "no CPU feature '%s' is known", printable);
}


static void
validate_feature(const ApDomainFeature *feature, const ApDomainFeature *first, GPtrArray *faults)
{
    static const char *const policies[] = { "force", "require", "optional", "disable", "forbid",
                                            NULL };

    validate_enum(feature->policy, policies, feature->line, "feature policy", faults);
    if (!feature->name || feature->name[0] == '\0')
        refuse(faults, feature->line, "name it: <feature policy='require' name='ap'/>",
               "a CPU feature without a name");
    else if (first != feature)
        refuse(faults, feature->line, "remove one of the two",
               "a CPU feature is named for the second time");
    else
        validate_feature_name(feature, faults);
    if (g_strcmp0(feature->policy, "optional") == 0)
        refuse(faults, feature->line, "write policy='require' or policy='disable'",
               "s390x has no CPU features of policy 'optional'");
}


/* QEMU makes the bus for the device only if the CPU has the AP instructions
 * (s390_init_ap() needs S390_FEAT_AP, hw/s390x/s390-virtio-ccw.c). A model gets ap only if it is
 * asked for; what comes from the host has it if the host has it. */
static void
validate_ap(const ApDomainDef *def, GPtrArray *faults)
{
    const ApDomainFeature *ap = ap_domain_cpu_find_feature(def->cpu, "ap");

    if (def->mdevs->len == 0)
        return;
    if (g_strcmp0(def->type, "qemu") == 0)
        qemu_ap_fault(faults, AP_CODE_CPU_NO_AP, QEMU_AP_BY_QEMU, def->line,
                      "write <domain type='kvm'>",
                      "the guest's CPU has no AP instructions: the domain is of type 'qemu', and "
                      "only KVM passes them");
    else if (ap && !ap_domain_feature_is_on(ap))
        qemu_ap_fault(faults, AP_CODE_CPU_NO_AP, QEMU_AP_BY_QEMU, ap->line,
                      "write <feature policy='require' name='ap'/>",
                      "the guest's CPU has no AP instructions: the feature 'ap' has the policy "
                      "'%s'",
                      ap->policy);
    else if (!ap && ap_domain_cpu_is_custom(def->cpu))
        qemu_ap_fault(faults, AP_CODE_CPU_NO_AP, QEMU_AP_BY_QEMU, def->cpu->line,
                      "add <feature policy='require' name='ap'/>, and apqci and apft if the host "
                      "has them",
                      "the guest's CPU has no AP instructions: model '%s' lacks the feature 'ap'",
                      def->cpu->model);
}


void
qemu_ap_validate_cpu(const ApDomainDef *def, GPtrArray *faults)
{
    const ApDomainCpu *cpu = def->cpu;

    if (cpu) {
        validate_enums(cpu, faults);
        validate_mode(def, faults);
    }
    for (guint i = 0; cpu && i < cpu->features->len; i++) {
        const ApDomainFeature *feature = cpu->features->pdata[i];

        validate_feature(feature, ap_domain_cpu_find_feature(cpu, feature->name), faults);
    }
    validate_ap(def, faults);
}
