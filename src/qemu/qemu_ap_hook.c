/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt-ap-hook: main() of libvirt's qemu hook, which libvirt runs for every guest:
 *   libvirt-ap-hook GUEST OPERATION SUBOPERATION EXTRA, with the guest's XML on standard input
 *
 * A guest without AP is let through before anything else is read; when it ends, claims are looked
 * for: its matrix may have been detached while it ran.
 *
 * What libvirt cannot take back any more (a guest that runs or has ended) never fails, whatever
 * happens: a child does it. libvirt waits for the hook, so it never calls libvirt. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node_device/ap_claim.h"
#include "node_device/sim/ap_sim.h"
#include "qemu/qemu_ap_session.h"

/* Domain XML; libvirt's own limit for a message is 32 MiB. */
#define INPUT_MAX AP_ROOT_LARGE_MAX

/* The command line. */
typedef struct {
    const char *root;
    gboolean is_sim;
    const char *operation;
    const char *suboperation;
} Call;


/* Standard input to its end, also if nothing is done with it: libvirt is writing. Of more than
 * INPUT_MAX only the length is told. */
static char *
read_input(gsize *ret_length)
{
    GString *text = g_string_new(NULL);
    char buffer[65536];
    gsize length = 0;
    ssize_t n;

    while ((n = read(STDIN_FILENO, buffer, sizeof(buffer))) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0 && length <= INPUT_MAX)
            g_string_append_len(text, buffer, n);
        length += MAX(n, 0);
    }
    *ret_length = length;
    return g_string_free(text, FALSE);
}


/* Whether the text could speak of AP: most guests do not, and reading their XML takes longer than
 * all else. libvirt writes both literally. */
static gboolean
mentions_ap(const char *text, gsize length)
{
    return memmem(text, length, "vfio-ap", strlen("vfio-ap")) ||
           memmem(text, length, AP_DOMAIN_NAMESPACE, strlen(AP_DOMAIN_NAMESPACE));
}


static gboolean
has_ap(const ApDomainDef *def)
{
    return def->mdevs->len > 0 || def->metadata_line > 0;
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
run_call(const Call *call, const ApDomainDef *def, int daemon_pid, GError **error)
{
    g_autoptr(ApRoot) root = ap_root_new(call->root, error);
    g_autoptr(ApKernel) kernel = NULL;
    QemuApSession session = { .root = root, .def = def, .daemon_pid = daemon_pid };

    if (!root)
        return FALSE;
    if (call->is_sim || ap_root_is_host(root)) {
        kernel = call->is_sim ? ap_sim_open(root, error) : ap_kernel_new(root, error);
        if (!kernel)
            return FALSE;
    }
    session.kernel = kernel;
    return run_session(call, &session, error);
}


/* The child of an operation that never fails. */
static int
run_in_child(const Call *call, const ApDomainDef *def, int daemon_pid)
{
    pid_t child = fork();

    if (child == 0) {
        g_autoptr(GError) error = NULL;

        if (!run_call(call, def, daemon_pid, &error))
            fprintf(stderr, "warning: %s\n", error->message);
        fflush(stderr);
        _exit(0);
    }
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
        continue;
    return 0;
}


/* Whether the guest has ended, and there are claims of which one can be its own. */
static gboolean
may_have_claim(const Call *call)
{
    g_autoptr(ApRoot) root = NULL;

    if (!is(call, "release", "end"))
        return FALSE;
    root = ap_root_new(call->root, NULL);
    return root && ap_claims_exist(root);
}


static int
run(const Call *call, const char *text, gsize length)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ApDomainDef) def = NULL;
    int daemon_pid = getppid();
    gboolean ended = may_have_claim(call);

    if (!ended && !mentions_ap(text, length))
        return 0;
    def = ap_domain_xml_parse(text, length, &error);
    if (def && !ended && !has_ap(def))
        return 0;
    if (!may_refuse(call))
        return def ? run_in_child(call, def, daemon_pid) : 0;
    if (def && run_call(call, def, daemon_pid, &error))
        return 0;
    fprintf(stderr, "%s\n", error->message);
    return 1;
}


int
main(int argc, char **argv)
{
    Call call = { .root = "/" };
    g_autofree char *text = NULL;
    gsize length;

    if (argc == 7 && (strcmp(argv[1], "--root") == 0 || strcmp(argv[1], "--sim") == 0)) {
        call.is_sim = strcmp(argv[1], "--sim") == 0;
        call.root = argv[2];
        argv += 2;
        argc -= 2;
    }
    /* libvirt may say more one day. */
    if (argc < 5) {
        fprintf(stderr, "usage: libvirt-ap-hook [--root DIR] GUEST OPERATION SUBOPERATION EXTRA\n"
                        "libvirt runs it, with the guest's XML on standard input\n");
        return 2;
    }
    call.operation = argv[2];
    call.suboperation = argv[3];
    text = read_input(&length);
    if (length > INPUT_MAX) {
        fprintf(stderr, "more than %d MiB of domain XML: nobody can tell whether it has AP\n",
                INPUT_MAX / 1024 / 1024);
        return may_refuse(&call) ? 1 : 0;
    }
    return run(&call, text, length);
}
