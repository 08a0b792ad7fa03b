/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's definition against the host. */
#include "qemu/qemu_ap_guest.h"

#include <string.h>

#include "qemu/qemu_ap_validate.h"
#include "util/ap_error.h"

/* One guest while it is judged. */
typedef struct {
    const ApDomainDef *def;
    const ApGuest *guest;
    const ApConfig *config;
    GPtrArray *findings;
} Judge;


ApGuest *
qemu_ap_guest_new(const ApDomainDef *def, ApInventory *inventory)
{
    const ApGuest *known = ap_inventory_find_guest(inventory, def->name);
    ApGuest *guest = ap_guest_new(def->name, def->uuid, known ? known->state : def->state);

    guest->autostart = known && known->autostart;
    for (guint i = 0; i < def->mdevs->len; i++)
        ap_guest_add_mdev(guest, def->mdevs->pdata[i], FALSE);
    guest->has_matrix = def->metadata_line > 0 && !def->matrix_error;
    guest->matrix = def->matrix;
    return guest;
}


/* Takes over @message. */
static void
report(Judge *judge, ApCode code, ApSeverity severity, const char *mdev, char *message,
       const char *hint)
{
    const char *mdevs[] = { mdev };
    const char *guests[] = { judge->guest->name };
    ApFinding *finding;

    severity = ap_config_get_severity(judge->config, code, AP_PHASE_GUEST, severity, mdevs, guests,
                                      1);
    if (severity == AP_SEVERITY_ALLOW) {
        g_free(message);
        return;
    }
    finding = g_new0(ApFinding, 1);
    finding->code = code;
    finding->severity = severity;
    finding->phase = AP_PHASE_GUEST;
    finding->mdev = g_strdup(mdev);
    finding->guest = g_strdup(judge->guest->name);
    finding->guest_state = g_strdup(judge->guest->state);
    finding->message = message;
    finding->hint = g_strdup(hint);
    g_ptr_array_add(judge->findings, finding);
}


static const char *
get_mdev(const ApDomainDef *def, guint n)
{
    return def->mdevs->len > n ? def->mdevs->pdata[n] : NULL;
}


GPtrArray *
qemu_ap_guest_check_xml(const ApDomainDef *def, const ApGuest *guest, const ApConfig *config)
{
    g_autoptr(GPtrArray) faults = qemu_ap_validate(def);
    Judge judge = { def, guest, config, ap_finding_list_new() };

    for (guint i = 0; i < faults->len; i++) {
        const QemuApFault *fault = faults->pdata[i];
        ApSeverity severity =
            fault->by == QEMU_AP_BY_NOBODY ? AP_SEVERITY_WARN : AP_SEVERITY_REJECT;
        const char *mdev = fault->code == AP_CODE_TOO_MANY ? get_mdev(def, 1) : get_mdev(def, 0);

        report(&judge, fault->code, severity, mdev, g_strdup(fault->message), fault->hint);
    }
    return judge.findings;
}


static void
report_mismatch(Judge *judge, const char *hint, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void
report_mismatch(Judge *judge, const char *hint, const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list args;

    va_start(args, format);
    message = g_strdup_vprintf(format, args);
    va_end(args);
    report(judge, AP_CODE_METADATA_MISMATCH, AP_SEVERITY_REJECT, get_mdev(judge->def, 0),
           g_strdup_printf("line %ld: %s", judge->def->metadata_line, message), hint);
}


/* Whoever may edit a domain must not make root hand out queues: a pool has to list them. */
static void
check_pools(Judge *judge)
{
    ApApqnSet denied;
    ApMask control;
    g_autofree char *control_text = NULL;
    g_autofree char *first = NULL;
    guint position = 0;
    ApApqn apqn;

    if (ap_config_allows(judge->config, judge->def->name, &judge->def->matrix, &denied, &control))
        return;
    if (ap_apqn_set_next(&denied, &position, &apqn)) {
        g_autoptr(GString) rest = g_string_new(NULL);

        first = ap_apqn_describe(apqn);
        ap_apqn_set_append_rest(&denied, rest);
        report_mismatch(judge,
                        "the administrator of the host adds it to a [pool NAME] in "
                        AP_CONFIG_PATH,
                        "no pool gives APQN %s to guest '%s'%s", first, judge->def->name,
                        rest->str);
        return;
    }
    control_text = ap_mask_describe(&control);
    report_mismatch(judge,
                    "leave them out, or the administrator of the host adds them to "
                    "control-domains in its [pool NAME] in " AP_CONFIG_PATH,
                    "no pool gives control of domains %s to guest '%s'", control_text,
                    judge->def->name);
}


static void
compare(Judge *judge, const ApOwner *owner)
{
    const ApMatrix *matrix = &judge->def->matrix;

    if (owner && owner->active && !ap_matrix_equal(matrix, &owner->live))
        report_mismatch(judge, "correct the metadata, or stop that mdev",
                        "the metadata describes another matrix than the active mdev %s has",
                        owner->uuid);
    else if (owner && owner->definition && owner->definition->valid &&
             !ap_matrix_equal(matrix, &owner->definition->matrix))
        report_mismatch(judge, "correct the metadata, or the definition",
                        "the metadata describes another matrix than the definition of mdev %s",
                        owner->uuid);
}


static void
check_metadata(Judge *judge, ApInventory *inventory)
{
    const ApDomainDef *def = judge->def;

    if (def->metadata_line == 0)
        return;
    if (def->matrix_error) {
        g_autofree char *message = ap_error_message(def->matrix_error);

        report(judge, AP_CODE_METADATA_MISMATCH, AP_SEVERITY_REJECT, get_mdev(def, 0),
               g_steal_pointer(&message), ap_error_hint(def->matrix_error));
        return;
    }
    if (def->mdevs->len == 0) {
        report_mismatch(judge,
                        "add <hostdev mode='subsystem' type='mdev' model='vfio-ap'> with the UUID "
                        "that the mdev is to have, or remove the metadata",
                        "the metadata describes a matrix, but the guest has no vfio-ap <hostdev>");
        return;
    }
    check_pools(judge);
    compare(judge, ap_inventory_find(inventory, get_mdev(def, 0)));
}


GPtrArray *
qemu_ap_guest_check(ApInventory *inventory, const ApDomainDef *def, guint phases)
{
    g_autoptr(ApGuest) guest = qemu_ap_guest_new(def, inventory);
    const ApConfig *config = ap_inventory_get_config(inventory);
    GPtrArray *findings = NULL;
    Judge judge = { def, guest, config, NULL };

    /* First what knows the line: of two findings about one fault the first stays. */
    if (phases == 0 || phases & AP_PHASE_BIT(AP_PHASE_GUEST)) {
        findings = qemu_ap_guest_check_xml(def, guest, config);
        judge.findings = findings;
        check_metadata(&judge, inventory);
    } else {
        findings = ap_finding_list_new();
    }
    g_ptr_array_extend_and_steal(findings, ap_conflict_check_guest(inventory, guest, phases));
    ap_finding_list_settle(findings);
    return findings;
}
