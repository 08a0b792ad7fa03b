/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-ap doctor: whether everything that libvirt-ap takes is in place. */
#include <stdio.h>
#include <string.h>

#include "node_device/doctor/ap_doctor.h"
#include "out.h"
#include "util/ap_error.h"
#include "util/ap_print.h"


static guint
count(const GPtrArray *diagnoses, ApDoctorState state)
{
    guint n = 0;

    for (guint i = 0; i < diagnoses->len; i++) {
        const ApDiagnosis *diagnosis = diagnoses->pdata[i];

        n += diagnosis->state == state;
    }
    return n;
}


static void
print_json(const GPtrArray *diagnoses, const ApRoot *root)
{
    JsonObject *result = out_new();
    JsonObject *array = json_object_new_array();

    for (guint i = 0; i < diagnoses->len; i++) {
        const ApDiagnosis *diagnosis = diagnoses->pdata[i];
        JsonObject *object = json_object_new_object();

        json_object_object_add(object, "code", out_string(diagnosis->code));
        json_object_object_add(object, "state",
                               out_string(ap_doctor_state_to_string(diagnosis->state)));
        json_object_object_add(object, "message", out_string(diagnosis->message));
        json_object_object_add(object, "hint", out_string(diagnosis->hint));
        json_object_array_add(array, object);
    }
    json_object_object_add(result, "checks", array);
    out_finish(result, root, NULL);
}


static void
print_text(const GPtrArray *diagnoses, const ApRoot *root)
{
    for (guint i = 0; i < diagnoses->len; i++) {
        const ApDiagnosis *diagnosis = diagnoses->pdata[i];
        g_auto(GStrv) lines = g_strsplit(diagnosis->hint, "\n", -1);

        ap_print("%-8s %s: %s\n", ap_doctor_state_to_string(diagnosis->state), diagnosis->code,
                 diagnosis->message);
        for (char **line = lines; *line; line++)
            ap_print("           %s\n", *line);
    }
    ap_print("\nfaults: %u, warnings: %u, unknown: %u\n", count(diagnoses, AP_DOCTOR_FAULT),
             count(diagnoses, AP_DOCTOR_WARN), count(diagnoses, AP_DOCTOR_UNKNOWN));
    out_print_incomplete(root);
}


static int
run(const CmdContext *context, char **args, GError **error)
{
    g_autoptr(GPtrArray) diagnoses = NULL;

    (void)args;
    diagnoses = ap_doctor_examine(context->root, cmd_load_guests, context->root);
    if (count(diagnoses, AP_DOCTOR_OK) + count(diagnoses, AP_DOCTOR_WARN) +
            count(diagnoses, AP_DOCTOR_FAULT) == 0) {
        g_set_error(error, AP_ERROR, AP_ERROR_IO,
                    "%s holds nothing of a host that could be looked at\n"
                    "make a captured one with `virt-ap capture DIR`",
                    ap_root_get_path(context->root));
        return CMD_FAILED;
    }
    if (context->json)
        print_json(diagnoses, context->root);
    else
        print_text(diagnoses, context->root);
    return out_end(count(diagnoses, AP_DOCTOR_FAULT) > 0 ? 1 : 0, error);
}


const Cmd cmd_doctor = {
    .name = "doctor",
    .args = "",
    .summary = "Tell whether everything is in place, and how to mend it",
    .description = "Looks at the kernel, mdevctl, libvirt, what libvirt-ap installed, and who else "
                   "has to do with mdevs, and says of each thing \"ok\", \"warn\", \"fault\" or, "
                   "where a captured host does not tell, \"unknown\"; below that how to mend it. "
                   "It changes nothing and takes no lock. Exit code 1: there are faults.",
    .max_args = 0,
    .run = run,
};
