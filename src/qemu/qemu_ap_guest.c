/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's definition against the host. */
#include "qemu/qemu_ap_guest.h"

#include <string.h>

#include "node_device/conflict/ap_conflict_rules.h"
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
    const ApGuest *known = ap_inventory_find_guest(inventory, def->uuid ? def->uuid : def->name);
    ApGuest *guest = ap_guest_new(def->name, def->uuid, known ? known->state : def->state);

    guest->autostart = known && known->autostart;
    for (guint i = 0; i < def->mdevs->len; i++)
        ap_guest_add_mdev(guest, def->mdevs->pdata[i], FALSE);
    guest->view = ap_domain_def_get_view(def);
    guest->has_matrix = ap_domain_def_has_matrix(def);
    guest->asks_pool = def->pool.name != NULL;
    guest->matrix = def->matrix;
    return guest;
}


static void
add_prefix(ApFinding *finding, const char *prefix)
{
    g_autofree char *message = g_steal_pointer(&finding->message);

    finding->message = g_strdup_printf("%s: %s", prefix, message);
}


/* Takes over @message, which begins with the line. */
static void
report(Judge *judge, ApCode code, ApWeight weight, const char *mdev, char *message,
       const char *hint)
{
    const char *mdevs[] = { mdev };
    const char *guests[] = { judge->guest->name };
    ApSeverity severity = ap_rule_get_severity(code, AP_PHASE_GUEST, weight);
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
    if (judge->def->file)
        add_prefix(finding, judge->def->file);
    g_ptr_array_add(judge->findings, finding);
}


static const char *
get_mdev(const ApDomainDef *def, guint n)
{
    return def->mdevs->len > n ? def->mdevs->pdata[n] : NULL;
}


/* Of a document that libvirt has taken: it then knows an mdev that we do not. */
static void
check_uuids(Judge *judge)
{
    const ApDomainHostdev *hostdev;

    for (guint n = 0; (hostdev = ap_domain_def_find_ap(judge->def, n)); n++) {
        if (hostdev->uuid)
            continue;
        report(judge, AP_CODE_BAD_XML, AP_WEIGHT_GRAVE, NULL,
               g_strdup_printf("line %ld: the vfio-ap <hostdev> has no UUID that can be read: "
                               "nobody can tell which matrix it takes",
                               hostdev->line),
               "virsh edit: write <source><address uuid='...'/></source>");
    }
}


/* What libvirt has taken already it need not be asked about again. */
static void
check_xml(Judge *judge, gboolean taken)
{
    g_autoptr(GPtrArray) faults = qemu_ap_validate(judge->def);

    for (guint i = 0; i < faults->len; i++) {
        const QemuApFault *fault = faults->pdata[i];
        ApWeight weight = fault->by == QEMU_AP_BY_NOBODY ? AP_WEIGHT_USUAL : AP_WEIGHT_GRAVE;
        const char *mdev = get_mdev(judge->def, fault->code == AP_CODE_TOO_MANY ? 1 : 0);

        if (taken && fault->by != QEMU_AP_BY_QEMU && fault->by != QEMU_AP_BY_US)
            continue;
        report(judge, fault->code, weight, mdev, g_strdup(fault->message), fault->hint);
    }
    if (taken)
        check_uuids(judge);
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
    report(judge, AP_CODE_METADATA_MISMATCH, AP_WEIGHT_USUAL, get_mdev(judge->def, 0),
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
    g_autofree char *name = ap_text_printable(judge->def->name);
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
                        "no pool gives APQN %s to guest '%s'%s", first, name, rest->str);
        return;
    }
    control_text = ap_mask_describe(&control);
    report_mismatch(judge,
                    "leave them out, or the administrator of the host adds them to "
                    "control-domains in its [pool NAME] in " AP_CONFIG_PATH,
                    "no pool gives control of domains %s to guest '%s'", control_text, name);
}


/* "adapters 0x05, domains 0x47, control domains none". */
static char *
describe_matrix(const ApMatrix *matrix)
{
    const ApMask *masks[] = { &matrix->adapters, &matrix->domains, &matrix->control_domains };
    char *texts[G_N_ELEMENTS(masks)];
    char *result;

    for (guint i = 0; i < G_N_ELEMENTS(masks); i++)
        texts[i] = ap_mask_is_empty(masks[i]) ? g_strdup("none") : ap_mask_describe(masks[i]);
    result = g_strdup_printf("adapters %s, domains %s, control domains %s", texts[0], texts[1],
                             texts[2]);
    for (guint i = 0; i < G_N_ELEMENTS(masks); i++)
        g_free(texts[i]);
    return result;
}


static void
compare(Judge *judge, const ApMatrix *other, const char *which, const char *hint)
{
    g_autofree char *ours = describe_matrix(&judge->def->matrix);
    g_autofree char *theirs = describe_matrix(other);

    if (!ap_matrix_equal(&judge->def->matrix, other))
        report_mismatch(judge, hint, "the metadata describes %s; the %s mdev %s has %s", ours,
                        which, get_mdev(judge->def, 0), theirs);
}


/* A guest that asks a pool: what it has while it runs is of that size. */
static void
check_pool(Judge *judge, const ApMdev *mdev)
{
    const ApDomainPool *asked = &judge->def->pool;
    const ApPool *pool = ap_config_find_pool(judge->config, asked->name);
    g_autofree char *pool_name = ap_text_printable(asked->name);
    g_autofree char *guest_name = ap_text_printable(judge->def->name);
    guint n = mdev && mdev->active ? ap_matrix_count_apqns(&mdev->live) : asked->n_queues;

    if (!pool)
        report_mismatch(judge, "the administrator of the host adds [pool NAME] to " AP_CONFIG_PATH,
                        "there is no pool '%s'", pool_name);
    else if (!ap_pool_has_guest(pool, judge->def->name))
        report_mismatch(judge,
                        "the administrator of the host adds it to guests in [pool NAME] in "
                        AP_CONFIG_PATH,
                        "pool '%s' does not list guest '%s'", pool_name, guest_name);
    if (mdev && mdev->definition && !mdev->brought_by)
        report_mismatch(judge, "remove the definition",
                        "a pool makes mdev %s when the guest starts, and it is defined",
                        mdev->uuid);
    if (n != asked->n_queues)
        report_mismatch(judge, "correct the metadata, or stop that mdev",
                        "the metadata asks pool '%s' for %u queues; the active mdev %s has %u",
                        pool_name, asked->n_queues, mdev->uuid, n);
}


static void
check_metadata(Judge *judge, ApInventory *inventory)
{
    const ApDomainDef *def = judge->def;
    const ApMdev *mdev;

    if (def->metadata_line == 0)
        return;
    if (def->matrix_error) {
        g_autofree char *message = ap_error_message(def->matrix_error);

        report(judge, AP_CODE_METADATA_MISMATCH, AP_WEIGHT_USUAL, get_mdev(def, 0),
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
    mdev = ap_inventory_find(inventory, get_mdev(def, 0));
    if (def->pool.name)
        check_pool(judge, mdev);
    if (!ap_domain_def_has_matrix(def))
        return;
    check_pools(judge);
    if (mdev && mdev->active)
        compare(judge, &mdev->live, "active", "correct the metadata, or stop that mdev");
    if (mdev && mdev->definition && mdev->definition->valid && !mdev->brought_by)
        compare(judge, &mdev->definition->matrix, "defined",
                "correct the metadata, or the definition");
}


/* libvirt refuses that when the guest starts (virMediatedDeviceCheckModel()). */
static void
check_models(Judge *judge, ApInventory *inventory)
{
    static const char *const others[] = { "vfio-pci", "vfio-ccw", NULL };

    for (guint i = 0; i < judge->def->hostdevs->len; i++) {
        const ApDomainHostdev *hostdev = judge->def->hostdevs->pdata[i];
        const char *model = hostdev->model ? hostdev->model : "";

        if (!hostdev->uuid || !g_strv_contains(others, model) ||
            !ap_inventory_find(inventory, hostdev->uuid))
            continue;
        report(judge, AP_CODE_BAD_XML, AP_WEIGHT_GRAVE, hostdev->uuid,
               g_strdup_printf("line %ld: mdev %s is an AP matrix, and the <hostdev> of model %s",
                               hostdev->line, hostdev->uuid, model),
               "write model='vfio-ap'");
    }
}


/* Of a document that nobody has read yet: where it names the mdev, or else the guest. */
static void
add_places(const ApDomainDef *def, GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        ApFinding *finding = findings->pdata[i];
        const ApDomainHostdev *hostdev;
        g_autofree char *prefix = NULL;
        long line = def->line;

        for (guint n = 0; (hostdev = ap_domain_def_find_ap(def, n)); n++) {
            if (finding->mdev && g_strcmp0(hostdev->uuid, finding->mdev) == 0)
                line = hostdev->line;
        }
        prefix = g_strdup_printf("%s: line %ld", def->file, line);
        add_prefix(finding, prefix);
    }
}


/* With metadata that cannot be understood nobody knows whether the mdev will be there. */
static void
drop_unknown_mdevs(ApInventory *inventory, GPtrArray *findings)
{
    for (guint i = findings->len; i-- > 0;) {
        const ApFinding *finding = findings->pdata[i];

        if (finding->code == AP_CODE_EMPTY && !ap_inventory_find(inventory, finding->mdev))
            g_ptr_array_remove_index(findings, i);
    }
}


GPtrArray *
qemu_ap_guest_check_taken(const ApDomainDef *def, const ApConfig *config)
{
    g_autoptr(ApGuest) guest = ap_guest_new(def->name, def->uuid, def->state);
    Judge judge = { def, guest, config, ap_finding_list_new() };

    check_xml(&judge, TRUE);
    return judge.findings;
}


static GPtrArray *
check(ApInventory *inventory, const ApDomainDef *def, const ApGuest *guest, guint phases,
      gboolean taken)
{
    g_autoptr(ApGuest) own = guest ? NULL : qemu_ap_guest_new(def, inventory);
    g_autoptr(GPtrArray) of_def = ap_finding_list_new();
    GPtrArray *findings = ap_finding_list_new();
    GPtrArray *of_host;
    Judge judge = {
        .def = def,
        .guest = guest ? guest : own,
        .config = ap_inventory_get_config(inventory),
        .findings = of_def,
    };

    if (phases == 0 || phases & AP_PHASE_BIT(AP_PHASE_GUEST)) {
        check_xml(&judge, taken);
        check_metadata(&judge, inventory);
        check_models(&judge, inventory);
    }
    of_host = ap_conflict_check_guest(inventory, judge.guest, phases);
    if (def->matrix_error)
        drop_unknown_mdevs(inventory, of_host);
    if (own && def->file)
        add_places(def, of_host);
    /* Of two findings about one fault the first stays: in a file the one that knows the line. */
    g_ptr_array_extend_and_steal(findings, own ? g_steal_pointer(&of_def) : of_host);
    g_ptr_array_extend_and_steal(findings, own ? of_host : g_steal_pointer(&of_def));
    ap_finding_list_settle(findings);
    return findings;
}


GPtrArray *
qemu_ap_guest_check(ApInventory *inventory, const ApDomainDef *def, const ApGuest *guest,
                    guint phases)
{
    return check(inventory, def, guest, phases, FALSE);
}


GPtrArray *
qemu_ap_guest_check_start(ApInventory *inventory, const ApDomainDef *def, guint phases)
{
    return check(inventory, def, NULL, phases, TRUE);
}
