/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes an active matrix. */
#include "node_device/ap_live.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/ap_error.h"

#define MATRIX_DIR "/sys/devices/vfio_ap/matrix"

/* What the kernel means (vfio_ap_ops.c, 6.10 and later). */
static const struct {
    int errnum;
    const char *reason;
} reasons[] = {
    { EADDRINUSE, "an APQN belongs to another mdev; see `virt-ap map`" },
    { EADDRNOTAVAIL, "an APQN belongs to the host's own drivers; see `virt-ap map`" },
    { ENODEV, "an id is above what this machine has" },
    { EBUSY, "the matrix is in use and this kernel does not change it then" },
    { EINVAL, "it cannot read the masks" },
};


static const char *
get_reason(int errnum)
{
    for (guint i = 0; i < G_N_ELEMENTS(reasons); i++) {
        if (reasons[i].errnum == errnum)
            return reasons[i].reason;
    }
    return NULL;
}


static char *
format_masks(const ApMatrix *matrix)
{
    char apm[AP_MASK_STRING_SIZE];
    char aqm[AP_MASK_STRING_SIZE];
    char adm[AP_MASK_STRING_SIZE];

    return g_strdup_printf("%s,%s,%s\n", ap_mask_to_string(&matrix->adapters, apm),
                           ap_mask_to_string(&matrix->domains, aqm),
                           ap_mask_to_string(&matrix->control_domains, adm));
}


/* Returns 0 or an errno. */
static int
write_once(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    gsize length = strlen(text);
    ssize_t n;
    int errnum = 0;

    if (fd < 0)
        return errno;
    n = write(fd, text, length);
    if (n < 0)
        errnum = errno;
    else if ((gsize)n != length)
        errnum = EIO;
    close(fd);
    return errnum;
}


gboolean
ap_live_set_matrix(const ApRoot *root, const char *uuid, const ApMatrix *matrix, GError **error)
{
    g_autofree char *attr = g_strconcat(MATRIX_DIR "/", uuid, "/ap_config", NULL);
    g_autofree char *path = ap_root_describe(root, attr);
    g_autofree char *wanted = format_masks(matrix);
    g_autofree char *got = NULL;
    int errnum = write_once(path, wanted);

    if (errnum == ENOENT) {
        g_set_error(error, AP_ERROR, AP_ERROR_NOT_FOUND,
                    "cannot change mdev %s while it is active: there is no %s\n"
                    "that needs kernel 6.10 or later; else stop the mdev, change its definition, "
                    "start it",
                    uuid, path);
        return FALSE;
    }
    if (errnum != 0) {
        const char *reason = get_reason(errnum);

        g_set_error(error, AP_ERROR, AP_ERROR_REFUSED,
                    "the kernel refuses the new matrix of mdev %s: %s%s%s%s; the old one stays",
                    uuid, reason ? reason : "", reason ? " (" : "", strerror(errnum),
                    reason ? ")" : "");
        return FALSE;
    }
    got = ap_root_read(root, attr, AP_ROOT_ATTRIBUTE_MAX, NULL, error);
    if (!got)
        return FALSE;
    if (strcmp(got, wanted) != 0) {
        g_set_error(error, AP_ERROR, AP_ERROR_IO,
                    "mdev %s holds another matrix than was written: see %s", uuid, path);
        return FALSE;
    }
    return TRUE;
}
