/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a reader could not read. */
#include "node_device/inventory/ap_problem.h"

#include <unistd.h>

#include "util/ap_error.h"


static void
problem_free(gpointer data)
{
    ApProblem *problem = data;

    g_free(problem->message);
    g_free(problem->mdev);
    g_free(problem);
}


GPtrArray *
ap_problem_list_new(void)
{
    return g_ptr_array_new_with_free_func(problem_free);
}


ApProblem *
ap_problem_add(GPtrArray *problems, GError *error, const char *mdev, gboolean is_live)
{
    ApProblem *problem = g_new0(ApProblem, 1);

    problem->message = g_strdup(error->message);
    problem->mdev = g_strdup(mdev);
    problem->is_live = is_live;
    problem->denied = g_error_matches(error, AP_ERROR, AP_ERROR_DENIED);
    g_ptr_array_add(problems, problem);
    g_error_free(error);
    return problem;
}


void
ap_problem_add_hidden(GPtrArray *problems, GError *error, ApProblemHides hides)
{
    ap_problem_add(problems, error, NULL, FALSE)->hides = hides;
}


gboolean
ap_problem_is_hidden(const GPtrArray *problems, ApProblemHides hides)
{
    for (guint i = 0; i < problems->len; i++) {
        const ApProblem *problem = problems->pdata[i];

        if (problem->hides == hides)
            return TRUE;
    }
    return FALSE;
}


const char *
ap_problem_get_denied_hint(void)
{
    if (geteuid() != 0)
        return "run as root";
    return "root may not read it here: look at SELinux, AppArmor, and where it is mounted; a host "
           "that was captured: capture it as root";
}


const ApProblem *
ap_problem_find(const GPtrArray *problems, const char *mdev)
{
    for (guint i = 0; i < problems->len; i++) {
        const ApProblem *problem = problems->pdata[i];

        if (g_strcmp0(problem->mdev, mdev) == 0)
            return problem;
    }
    return NULL;
}
