/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one error domain of the project. */
#include "util/ap_error.h"

#include <errno.h>
#include <string.h>

/* Indexed by ApErrorCode. */
static const struct {
    const char *name;
    int exit_code;
} codes[] = {
    [AP_ERROR_NUMBER] = { "number", 4 },       [AP_ERROR_RANGE] = { "range", 4 },
    [AP_ERROR_MASK] = { "mask", 4 },           [AP_ERROR_STEP] = { "step", 1 },
    [AP_ERROR_JSON] = { "json", 4 },           [AP_ERROR_XML] = { "xml", 4 },
    [AP_ERROR_CONFIG] = { "config", 4 },       [AP_ERROR_NOT_FOUND] = { "not-found", 3 },
    [AP_ERROR_IO] = { "io", 4 },               [AP_ERROR_DENIED] = { "denied", 4 },
    [AP_ERROR_NO_BUS] = { "no-bus", 4 },       [AP_ERROR_LOCKED] = { "locked", 1 },
    [AP_ERROR_REFUSED] = { "refused", 1 },     [AP_ERROR_USAGE] = { "usage", 2 },
};

G_STATIC_ASSERT(G_N_ELEMENTS(codes) == AP_ERROR_USAGE + 1);

G_DEFINE_QUARK(ap-error-quark, ap_error)


ApErrorCode
ap_error_code_of(int errnum)
{
    return errnum == EACCES || errnum == EPERM ? AP_ERROR_DENIED : AP_ERROR_IO;
}


const char *
ap_error_name(const GError *error)
{
    if (error->domain != AP_ERROR)
        return "internal";
    return codes[error->code].name;
}


int
ap_error_exit_code(const GError *error)
{
    if (error->domain != AP_ERROR)
        return 4;
    return codes[error->code].exit_code;
}


char *
ap_error_message(const GError *error)
{
    return g_strndup(error->message, strcspn(error->message, "\n"));
}


const char *
ap_error_hint(const GError *error)
{
    const char *newline = strchr(error->message, '\n');

    return newline ? newline + 1 : "";
}
