/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt-ap-hook-session: main() of what libvirt-ap-hook does for a guest that has AP, or had: it
 * takes over that program's arguments and its standard input. libvirt waits for the hook, so it
 * never calls libvirt. */
#include <string.h>
#include <unistd.h>

#include "node_device/inventory/ap_claim.h"
#include "node_device/sim/ap_sim.h"
#include "qemu/qemu_ap_session.h"
#include "util/ap_error.h"
#include "util/ap_file.h"
#include "util/ap_print.h"
#include "util/ap_process.h"

/* The command line. */
typedef struct {
    const char *root;
    gboolean is_sim;
    const char *guest;
    const char *operation;
    const char *suboperation;
} Call;


/* A hostdev without a usable UUID is AP too: nobody knows which matrix it takes. */
static gboolean
has_ap(const ApDomainDef *def)
{
    return ap_domain_def_find_ap(def, 0) || def->metadata_line > 0 || def->bypasses->len > 0;
}


static gboolean
is(const Call *call, const char *operation, const char *suboperation)
{
    return strcmp(call->operation, operation) == 0 &&
           strcmp(call->suboperation, suboperation) == 0;
}


/* Before QEMU runs a no is a no. */
static gboolean
may_refuse(const Call *call)
{
    return is(call, "prepare", "begin") || is(call, "start", "begin");
}


static gboolean
run_session(const Call *call, const QemuApSession *session, GError **error)
{
    if (is(call, "prepare", "begin"))
        return qemu_ap_session_prepare(session, error);
    if (is(call, "start", "begin"))
        return qemu_ap_session_start(session, error);
    if (is(call, "started", "begin"))
        qemu_ap_session_started(session);
    else if (is(call, "reconnect", "begin") || is(call, "attach", "begin"))
        qemu_ap_session_reconnect(session);
    else if (is(call, "release", "end"))
        qemu_ap_session_release(session);
    return TRUE;
}


static gboolean
run_call(const Call *call, const ApDomainDef *def, GError **error)
{
    g_autoptr(ApRoot) root = ap_root_new(call->root, error);
    g_autofree char *uuid = root && !def ? ap_claims_find_guest(root, call->guest) : NULL;
    const ApDomainDef unread = { .name = (char *)call->guest, .uuid = uuid };
    g_autoptr(ApKernel) kernel = NULL;
    QemuApSession session = { .root = root, .def = def ? def : &unread };

    if (!root)
        return FALSE;
    session.daemon_pid = ap_process_find_daemon(root, getppid(), getsid(0));
    if (call->is_sim || ap_root_is_host(root)) {
        kernel = call->is_sim ? ap_sim_open(root, error) : ap_kernel_new(root, error);
        if (!kernel)
            return FALSE;
    }
    session.kernel = kernel;
    return run_session(call, &session, error);
}


/* What libvirt cannot take back any more never fails; what went wrong is said. */
static int
conclude(const Call *call, const GError *error)
{
    gboolean refused = may_refuse(call);

    if (error)
        ap_print_error("%s%s\n", refused ? "" : "warning: ", error->message);
    return error && refused ? 1 : 0;
}


/* A guest whose XML cannot be read ends, too. */
static int
run_without_xml(const Call *call, const GError *why)
{
    g_autoptr(GError) error = NULL;
    int result = conclude(call, why);

    if (!is(call, "release", "end") || run_call(call, NULL, &error))
        return result;
    return conclude(call, error);
}


static int
run(const Call *call, const char *text, gsize length)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ApDomainDef) def = ap_domain_xml_parse(text, length, &error);

    if (!def)
        return run_without_xml(call, error);
    /* The matrix of one that ends may have been detached while it ran. */
    if (!has_ap(def) && !is(call, "release", "end"))
        return 0;
    run_call(call, def, &error);
    return conclude(call, error);
}


int
main(int argc, char **argv)
{
    Call call = { .root = "/" };
    g_autoptr(GByteArray) text = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    int errnum;

    if (argc >= 7 && (strcmp(argv[1], "--root") == 0 || strcmp(argv[1], "--sim") == 0)) {
        call.is_sim = strcmp(argv[1], "--sim") == 0;
        call.root = argv[2];
        argv += 2;
        argc -= 2;
    }
    if (argc < 5) {
        ap_print_error("libvirt-ap-hook runs this program\n");
        return 2;
    }
    call.guest = argv[1];
    call.operation = argv[2];
    call.suboperation = argv[3];
    errnum = ap_file_read_all(STDIN_FILENO, AP_ROOT_XML_MAX, text);
    if (errnum == 0 && text->len > 0)
        return run(&call, (const char *)text->data, text->len);
    g_set_error(&error, AP_ERROR, AP_ERROR_IO, "cannot read the guest's XML: %s",
                errnum ? strerror(errnum) : "it is empty");
    return run_without_xml(&call, error);
}
