/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of domain XML libvirt or QEMU would refuse: the guest as a whole. */
#include "qemu/qemu_ap_validate.h"

#include <stdarg.h>
#include <string.h>

#include "qemu/qemu_ap_validate_priv.h"
#include "util/ap_error.h"


static void
fault_free(gpointer data)
{
    QemuApFault *fault = data;

    g_free(fault->message);
    g_free(fault->hint);
    g_free(fault);
}


void
qemu_ap_fault(GPtrArray *faults, ApCode code, QemuApRefusal by, long line, const char *hint,
              const char *format, ...)
{
    QemuApFault *fault = g_new0(QemuApFault, 1);
    g_autofree char *message = NULL;
    va_list args;

    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    fault->code = code;
    fault->by = by;
    fault->message = g_strdup_printf("line %ld: %s", line, message);
    fault->hint = g_strdup(hint);
    g_ptr_array_add(faults, fault);
}


gboolean
qemu_ap_one_of(const char *value, const char *const *allowed)
{
    return g_strv_contains(allowed, value);
}


static void
validate_type(const ApDomainDef *def, GPtrArray *faults)
{
    static const char *const types[] = { "kvm", "qemu", NULL };
    g_autofree char *printable = def->type ? ap_text_printable(def->type) : NULL;

    if (!def->type)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, def->line,
                      "write <domain type='kvm'>", "<domain> lacks the attribute 'type'");
    else if (!qemu_ap_one_of(def->type, types))
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, def->line,
                      "write <domain type='kvm'>",
                      "QEMU runs no domain of type '%s': wanted kvm or qemu", printable);
}


static void
validate_name(const ApDomainDef *def, GPtrArray *faults)
{
    if (strchr(def->name, '/'))
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, def->line,
                      "choose a name without it", "the guest's name has a / in it");
    if (strchr(def->name, '\n'))
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, def->line,
                      "write <name>NAME</name> in one line",
                      "the guest's name has a line break in it");
}


static void
validate_machine(const ApDomainDef *def, GPtrArray *faults)
{
    const ApDomainOs *os = def->os;
    const char *arch = os->arch;
    const char *machine = os->machine;
    g_autofree char *arch_printable = arch ? ap_text_printable(arch) : NULL;
    g_autofree char *machine_printable = machine ? ap_text_printable(machine) : NULL;

    if (arch && strcmp(arch, "s390x") != 0 && def->mdevs->len > 0)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, os->line,
                      "only s390x has AP: arch='s390x'",
                      "a guest of architecture '%s' cannot have a vfio-ap <hostdev>",
                      arch_printable);
    if (g_strcmp0(arch, "s390x") == 0 && machine && !g_str_has_prefix(machine, "s390-ccw-virtio"))
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, os->line,
                      "write machine='s390-ccw-virtio'", "s390x has no machine '%s'",
                      machine_printable);
}


static void
validate_os(const ApDomainDef *def, GPtrArray *faults)
{
    const ApDomainOs *os = def->os;
    g_autofree char *printable = os && os->type ? ap_text_printable(os->type) : NULL;

    if (!os || !os->type || os->type[0] == '\0') {
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, os ? os->line : def->line,
                      "write <os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os>",
                      "the domain lacks an <os> with a <type>");
        return;
    }
    if (strcmp(os->type, "hvm") != 0)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, os->line,
                      "write <type arch='s390x'>hvm</type>",
                      "the <os> is of <type> '%s': wanted hvm", printable);
    validate_machine(def, faults);
}


static void
validate_capabilities(const ApDomainDef *def, GPtrArray *faults)
{
    const ApDomainHostdev *hostdev = ap_domain_def_find_ap(def, 0);

    if (def->capabilities.line > 0)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, def->capabilities.line,
                      "name it, or remove the element",
                      "an element of <qemu:capabilities> lacks the attribute 'capability'");
    if (def->capabilities.no_vfio_ap && hostdev)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, hostdev->line,
                      "remove <qemu:del capability='vfio-ap'/>",
                      "<qemu:capabilities> takes vfio-ap away, which this <hostdev> needs");
}


static void
validate_aliases(const ApDomainDef *def, GPtrArray *faults)
{
    if (def->twice_alias)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_LIBVIRT, def->twice_line,
                      "give each device an alias of its own",
                      "a second device with the alias '%s'", def->twice_alias);
}


/* Where libvirt looks for nothing, or keeps what nobody reads. */
static void
validate_places(const ApDomainDef *def, GPtrArray *faults)
{
    if (def->outside_line > 0)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_NOBODY, def->outside_line,
                      "move it into <devices>",
                      "this <hostdev> has no effect: it stands outside <devices>");
    if (def->stray_line > 0)
        qemu_ap_fault(faults, AP_CODE_BAD_XML, QEMU_AP_BY_NOBODY, def->stray_line,
                      "write <ap:matrix xmlns:ap='" AP_DOMAIN_NAMESPACE "'>, directly in the first "
                      "<metadata>",
                      "<%s> has no effect: it is in another place or namespace than our matrix",
                      def->stray_name);
}


GPtrArray *
qemu_ap_validate(const ApDomainDef *def)
{
    GPtrArray *faults = g_ptr_array_new_with_free_func(fault_free);

    qemu_ap_validate_bypasses(def, faults);
    if (!ap_domain_def_concerns_ap(def))
        return faults;
    validate_type(def, faults);
    validate_name(def, faults);
    validate_os(def, faults);
    qemu_ap_validate_hostdevs(def, faults);
    validate_aliases(def, faults);
    validate_capabilities(def, faults);
    qemu_ap_validate_cpu(def, faults);
    validate_places(def, faults);
    return faults;
}
