/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The four operations that change the kernel's AP configuration. */
#include "node_device/txn/ap_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "conf/ap_mdev_def.h"
#include "node_device/inventory/ap_host.h"
#include "util/ap_error.h"

#define CREATE_PATH AP_HOST_MATRIX_DIR "/mdev_supported_types/" AP_MDEV_TYPE "/create"
#define BUS_DIR "/sys/bus/ap/"

#define RESULT_POLL_MS 10

/* What the kernel means (vfio_ap_ops.c, ap_bus.c, mdev_core.c). */
static const struct {
    int errnum;
    const char *reason;
} reasons[] = {
    { EADDRINUSE, "an APQN belongs to another mdev; see `virt-ap map`" },
    { EADDRNOTAVAIL, "an APQN belongs to the host's own drivers; see `virt-ap map`" },
    { EEXIST, "there is one of this name already" },
    { EUSERS, "there are as many as the kernel can have" },
    { EBUSY, "it is in use" },
    { ETIMEDOUT, "somebody has it open; the kernel removes it when that is closed, not before" },
    { ECANCELED, "the process that removes it was killed; the kernel may go on" },
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


/* Says that the kernel does not do @what. ENOENT, and what open(2) alone can answer, is told
 * apart. */
static void
set_kernel_error(GError **error, int errnum, int missing_code, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

static void
set_kernel_error(GError **error, int errnum, int missing_code, const char *format, ...)
{
    const char *reason = get_reason(errnum);
    gboolean no_access = errnum == EACCES || errnum == EPERM || errnum == EROFS || errnum == EIO;
    int code = errnum == ENOENT ? missing_code : no_access ? AP_ERROR_IO : AP_ERROR_REFUSED;
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    if (reason)
        g_set_error(error, AP_ERROR, code, "the kernel does not %s: %s (%s)", what, reason,
                    strerror(errnum));
    else
        g_set_error(error, AP_ERROR, code, "the kernel does not %s: %s", what, strerror(errnum));
}


/* One write(2), as the kernel takes an attribute: returns 0 or an errno. */
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


static int
host_create(ApKernel *kernel, const char *uuid)
{
    (void)kernel;
    return write_once(CREATE_PATH, uuid);
}


static int
host_remove(ApKernel *kernel, const char *uuid)
{
    g_autofree char *path = g_strconcat(AP_HOST_MATRIX_DIR "/", uuid, "/remove", NULL);

    (void)kernel;
    return write_once(path, "1");
}


static int
host_write_attr(ApKernel *kernel, const char *uuid, const char *attr, const char *value)
{
    g_autofree char *path = g_strconcat(AP_HOST_MATRIX_DIR "/", uuid, "/", attr, NULL);

    (void)kernel;
    return write_once(path, value);
}


static int
host_bind(ApKernel *kernel, const char *path, const char *value)
{
    (void)kernel;
    return write_once(path, value);
}


static void
host_free(ApKernel *kernel)
{
    g_free(kernel);
}


static const ApKernelOps host_ops = {
    .create = host_create,
    .remove = host_remove,
    .write_attr = host_write_attr,
    .bind = host_bind,
    .free = host_free,
};


ApKernel *
ap_kernel_new(const ApRoot *root, GError **error)
{
    ApKernel *kernel;

    if (!ap_root_is_host(root)) {
        g_set_error(error, AP_ERROR, AP_ERROR_USAGE,
                    "nothing is changed on another root than /: %s is looked at only\n"
                    "a host to try things on: virt-ap sim create",
                    ap_root_get_path(root));
        return NULL;
    }
    kernel = g_new0(ApKernel, 1);
    kernel->ops = &host_ops;
    kernel->remove_timeout_ms = AP_KERNEL_REMOVE_TIMEOUT_MS;
    return kernel;
}


void
ap_kernel_free(ApKernel *kernel)
{
    if (kernel)
        kernel->ops->free(kernel);
}


int
ap_kernel_create_mdev(ApKernel *kernel, const char *uuid, GError **error)
{
    int errnum;

    g_return_val_if_fail(g_uuid_string_is_valid(uuid), EINVAL);
    errnum = kernel->ops->create(kernel, uuid);
    if (errnum != 0)
        set_kernel_error(error, errnum, AP_ERROR_NO_BUS, "create mdev %s", uuid);
    return errnum;
}


/* The child that writes: what it holds stays held until the kernel is done. */
static void
remove_in_child(ApKernel *kernel, const char *uuid, pid_t parent, int result_fd)
{
    int null_fd = open("/dev/null", O_RDWR);
    int errnum;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    /* Who reads our output must not wait for this process. */
    for (int fd = 0; null_fd >= 0 && fd <= 2; fd++)
        dup2(null_fd, fd);
    errnum = kernel->ops->remove(kernel, uuid);
    while (write(result_fd, &errnum, sizeof(errnum)) < 0 && errno == EINTR)
        continue;
    _exit(0);
}


/* Reads what the child found, with a limit. @fd does not block: where poll(2) fails for want of
 * memory, or read(2) does, it is asked from time to time. */
static int
wait_for_result(int fd, int timeout_ms)
{
    const struct timespec pause = { .tv_nsec = RESULT_POLL_MS * 1000000L };
    struct pollfd pollfd = { .fd = fd, .events = POLLIN };
    gint64 deadline = g_get_monotonic_time() + timeout_ms * G_GINT64_CONSTANT(1000);

    for (;;) {
        gint64 left = MAX(deadline - g_get_monotonic_time(), 0);
        int n = poll(&pollfd, 1, left / 1000);
        int errnum;
        ssize_t length = read(fd, &errnum, sizeof(errnum));

        if (length == sizeof(errnum))
            return errnum;
        if (length == 0)
            return ECANCELED;
        if (left == 0)
            return ETIMEDOUT;
        if (n != 0)
            nanosleep(&pause, NULL);
    }
}


static int
remove_with_deadline(ApKernel *kernel, const char *uuid)
{
    pid_t self = getpid();
    int pipe_fds[2];
    pid_t child;
    int errnum;

    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return errno;
    child = fork();
    if (child == 0)
        remove_in_child(kernel, uuid, self, pipe_fds[1]);
    if (child < 0) {
        errnum = errno;
        close(pipe_fds[0]);
        close(pipe_fds[1]);
        return errnum;
    }
    close(pipe_fds[1]);
    errnum = wait_for_result(pipe_fds[0], kernel->remove_timeout_ms);
    close(pipe_fds[0]);
    /* One that is still waiting in the kernel cannot be reaped; init will. */
    while (errnum != ETIMEDOUT && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    return errnum;
}


gboolean
ap_kernel_may_remove_later(int errnum)
{
    return errnum == ETIMEDOUT || errnum == ECANCELED;
}


int
ap_kernel_remove_mdev(ApKernel *kernel, const char *uuid, GError **error)
{
    int errnum;

    g_return_val_if_fail(g_uuid_string_is_valid(uuid), EINVAL);
    errnum = remove_with_deadline(kernel, uuid);
    if (errnum != 0)
        set_kernel_error(error, errnum, AP_ERROR_NOT_FOUND, "remove mdev %s", uuid);
    return errnum;
}


int
ap_kernel_write_attr(ApKernel *kernel, const char *uuid, const char *attr, const char *value,
                     GError **error)
{
    int errnum;

    g_return_val_if_fail(g_uuid_string_is_valid(uuid) && ap_mdev_attr_is_known(attr), EINVAL);
    errnum = kernel->ops->write_attr(kernel, uuid, attr, value);
    if (errnum != 0) {
        g_autofree char *printable = ap_text_printable(value);

        set_kernel_error(error, errnum, AP_ERROR_NOT_FOUND, "take %s=%s for mdev %s", attr,
                         printable, uuid);
    }
    return errnum;
}


int
ap_kernel_write_ap_config(ApKernel *kernel, const char *uuid, const ApMatrix *matrix,
                          GError **error)
{
    g_autofree char *text = ap_matrix_to_ap_config(matrix);
    int errnum;

    g_return_val_if_fail(g_uuid_string_is_valid(uuid), EINVAL);
    errnum = kernel->ops->write_attr(kernel, uuid, "ap_config", text);
    if (errnum != 0)
        set_kernel_error(error, errnum, AP_ERROR_NOT_FOUND, "take the new matrix of mdev %s",
                         uuid);
    return errnum;
}


static gboolean
is_binding_path(const char *path)
{
    return strcmp(path, BUS_DIR "apmask") == 0 || strcmp(path, BUS_DIR "aqmask") == 0 ||
           strcmp(path, BUS_DIR "drivers_probe") == 0 ||
           (g_str_has_prefix(path, BUS_DIR "drivers/") &&
            (g_str_has_suffix(path, "/bind") || g_str_has_suffix(path, "/unbind"))) ||
           (g_str_has_prefix(path, "/sys/devices/ap/card") &&
            g_str_has_suffix(path, "/driver_override"));
}


int
ap_kernel_bind(ApKernel *kernel, const char *path, const char *value, GError **error)
{
    int errnum;

    g_return_val_if_fail(is_binding_path(path) && !strstr(path, ".."), EINVAL);
    errnum = kernel->ops->bind(kernel, path, value);
    if (errnum != 0) {
        g_autofree char *printable = ap_text_printable(value);

        set_kernel_error(error, errnum, AP_ERROR_NOT_FOUND, "take '%s' for %s", printable, path);
    }
    return errnum;
}
