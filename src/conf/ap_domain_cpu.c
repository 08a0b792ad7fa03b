/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The <cpu> of domain XML. */
#include "conf/ap_domain_cpu.h"

#include <string.h>

#include "conf/ap_xml.h"


static void
feature_free(gpointer data)
{
    ApDomainFeature *feature = data;

    g_free(feature->name);
    g_free(feature->policy);
    g_free(feature);
}


static void
add_feature(ApDomainCpu *cpu, xmlNode *node)
{
    ApDomainFeature *feature = g_new0(ApDomainFeature, 1);

    feature->line = xmlGetLineNo(node);
    feature->name = ap_xml_get_attr(node, "name");
    feature->policy = ap_xml_get_attr(node, "policy");
    g_ptr_array_add(cpu->features, feature);
}


ApDomainCpu *
ap_domain_cpu_new(xmlNode *node)
{
    ApDomainCpu *cpu = g_new0(ApDomainCpu, 1);
    xmlNode *model = ap_xml_find(node, "model");

    cpu->line = xmlGetLineNo(node);
    cpu->mode = ap_xml_get_attr(node, "mode");
    cpu->match = ap_xml_get_attr(node, "match");
    cpu->check = ap_xml_get_attr(node, "check");
    cpu->migratable = ap_xml_get_attr(node, "migratable");
    if (model) {
        cpu->model = ap_xml_get_text(model);
        cpu->fallback = ap_xml_get_attr(model, "fallback");
    }
    cpu->features = g_ptr_array_new_with_free_func(feature_free);
    for (xmlNode *child = node->children; child; child = child->next) {
        if (ap_xml_is(child, "feature"))
            add_feature(cpu, child);
    }
    return cpu;
}


void
ap_domain_cpu_free(ApDomainCpu *cpu)
{
    if (!cpu)
        return;
    g_free(cpu->mode);
    g_free(cpu->match);
    g_free(cpu->check);
    g_free(cpu->migratable);
    g_free(cpu->model);
    g_free(cpu->fallback);
    g_ptr_array_unref(cpu->features);
    g_free(cpu);
}


gboolean
ap_domain_cpu_is_custom(const ApDomainCpu *cpu)
{
    return cpu && (!cpu->mode || strcmp(cpu->mode, "custom") == 0) && cpu->model &&
           cpu->model[0] != '\0';
}


const ApDomainFeature *
ap_domain_cpu_find_feature(const ApDomainCpu *cpu, const char *name)
{
    for (guint i = 0; cpu && i < cpu->features->len; i++) {
        const ApDomainFeature *feature = cpu->features->pdata[i];

        if (g_strcmp0(feature->name, name) == 0)
            return feature;
    }
    return NULL;
}


gboolean
ap_domain_feature_is_on(const ApDomainFeature *feature)
{
    return !feature->policy || strcmp(feature->policy, "require") == 0 ||
           strcmp(feature->policy, "force") == 0;
}
