/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The <cpu> of domain XML, as far as it decides whether the guest has AP instructions. */
#pragma once

#include <libxml/tree.h>

#include <glib.h>

/**
 * ApDomainFeature:
 * @line: where it stands
 * @name: (nullable): name of the feature, "ap"
 * @policy: (nullable): "force", "require", "optional", "disable" or "forbid"; NULL means "require"
 *
 * Strings are as the document has them: whether libvirt takes them is qemu_ap_validate()'s
 * question.
 */
typedef struct {
    long line;
    char *name;
    char *policy;
} ApDomainFeature;

/**
 * ApDomainCpu:
 * @line: where it stands
 * @mode: (nullable): "custom", "host-model", "host-passthrough", "maximum"; NULL means "custom"
 * @match: (nullable): "exact", "minimum", "strict"
 * @check: (nullable): "none", "partial", "full"
 * @migratable: (nullable): "on", "off"
 * @model: (nullable): name of the model
 * @fallback: (nullable): "allow", "forbid"
 * @features: (element-type ApDomainFeature): in the document's order
 */
typedef struct {
    long line;
    char *mode;
    char *match;
    char *check;
    char *migratable;
    char *model;
    char *fallback;
    GPtrArray *features;
} ApDomainCpu;

/**
 * ap_domain_cpu_new:
 * @node: a <cpu> element
 *
 * Returns: what it says; the caller frees it with ap_domain_cpu_free().
 */
ApDomainCpu *
ap_domain_cpu_new(xmlNode *node);

/**
 * ap_domain_cpu_free:
 * @cpu: (nullable): a CPU
 */
void
ap_domain_cpu_free(ApDomainCpu *cpu);

/**
 * ap_domain_cpu_is_custom:
 * @cpu: (nullable): a CPU
 *
 * Returns: whether it names a model; without one, libvirt takes the machine's default.
 */
gboolean
ap_domain_cpu_is_custom(const ApDomainCpu *cpu);

/**
 * ap_domain_cpu_find_feature:
 * @cpu: (nullable): a CPU
 * @name: name of a feature
 *
 * Returns: (nullable): the feature, borrowed from @cpu.
 */
const ApDomainFeature *
ap_domain_cpu_find_feature(const ApDomainCpu *cpu, const char *name);

/**
 * ap_domain_feature_is_on:
 * @feature: a feature
 *
 * Returns: whether libvirt switches it on: its policy is force or require.
 */
gboolean
ap_domain_feature_is_on(const ApDomainFeature *feature);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ApDomainCpu, ap_domain_cpu_free)
