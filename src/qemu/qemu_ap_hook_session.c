/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt-ap-hook-session: main() of what libvirt-ap-hook does for a guest that has AP, or had: it
 * takes over that program's arguments and its standard input. libvirt waits for the hook, so it
 * never calls libvirt. */
#include <string.h>
#include <unistd.h>

#include "node_device/inventory/ap_claim.h"
#include "node_device/sim/ap_sim.h"
#include "qemu/qemu_ap_hook_call.h"
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
} CommandLine;


/* A hostdev without a usable UUID is AP too: nobody knows which matrix it takes. */
static gboolean
has_ap(const ApDomainDef *def)
{
    return ap_domain_def_find_ap(def, 0) || def->metadata_line > 0 || def->bypasses->len > 0;
}


static gboolean
is_operation(const CommandLine *line, const char *operation, const char *suboperation)
{
    return strcmp(line->operation, operation) == 0 &&
           strcmp(line->suboperation, suboperation) == 0;
}


/* Before QEMU runs a no is a no. */
static gboolean
may_refuse(const CommandLine *line)
{
    return is_operation(line, "prepare", "begin") || is_operation(line, "start", "begin");
}


static gboolean
make_call(const CommandLine *line, const QemuApHookCall *call, GError **error)
{
    if (is_operation(line, "prepare", "begin"))
        return qemu_ap_hook_call_prepare(call, error);
    if (is_operation(line, "start", "begin"))
        return qemu_ap_hook_call_start(call, error);
    if (is_operation(line, "started", "begin"))
        qemu_ap_hook_call_started(call);
    else if (is_operation(line, "reconnect", "begin") || is_operation(line, "attach", "begin"))
        qemu_ap_hook_call_reconnect(call);
    else if (is_operation(line, "release", "end"))
        qemu_ap_hook_call_release(call);
    return TRUE;
}


static GPtrArray *
load_guests(GPtrArray *problems, gpointer data)
{
    return ap_guests_load(data, problems);
}


/* @def: NULL if it cannot be read. */
static gboolean
run_for_guest(const CommandLine *line, ApDomainDef *def, GError **error)
{
    g_autoptr(ApRoot) root = ap_root_new(line->root, error);
    g_autofree char *uuid = root && !def ? ap_claims_find_guest(root, line->guest) : NULL;
    ApDomainDef unread = { .name = (char *)line->guest, .uuid = uuid };
    g_autoptr(ApKernel) kernel = NULL;
    g_autoptr(ApSession) session = NULL;
    QemuApHookCall call = { .root = root, .def = def ? def : &unread };

    if (!root)
        return FALSE;
    call.daemon_pid = ap_process_find_daemon(root, getppid(), getsid(0));
    if (line->is_sim || ap_root_is_host(root)) {
        kernel = line->is_sim ? ap_sim_open(root, error) : ap_kernel_new(root, error);
        if (!kernel)
            return FALSE;
    }
    session = ap_session_new(root, load_guests, root);
    call.session = session;
    call.kernel = kernel;
    return make_call(line, &call, error);
}


/* What libvirt cannot take back any more never fails; what went wrong is said. */
static int
conclude(const CommandLine *line, const GError *error)
{
    gboolean refused = may_refuse(line);

    if (error)
        ap_print_error("%s%s\n", refused ? "" : "warning: ", error->message);
    return error && refused ? 1 : 0;
}


/* A guest whose XML cannot be read ends, too. */
static int
run_without_xml(const CommandLine *line, const GError *why)
{
    g_autoptr(GError) error = NULL;
    int result = conclude(line, why);

    if (!is_operation(line, "release", "end") || run_for_guest(line, NULL, &error))
        return result;
    return conclude(line, error);
}


static int
run_with_xml(const CommandLine *line, const char *text, gsize length)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ApDomainDef) def = ap_domain_xml_parse(text, length, &error);

    if (!def)
        return run_without_xml(line, error);
    /* The matrix of one that ends may have been detached while it ran. */
    if (!has_ap(def) && !is_operation(line, "release", "end"))
        return 0;
    run_for_guest(line, def, &error);
    return conclude(line, error);
}


int
main(int argc, char **argv)
{
    CommandLine line = { .root = "/" };
    g_autoptr(GByteArray) text = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    int errnum;

    if (argc >= 7 && (strcmp(argv[1], "--root") == 0 || strcmp(argv[1], "--sim") == 0)) {
        line.is_sim = strcmp(argv[1], "--sim") == 0;
        line.root = argv[2];
        argv += 2;
        argc -= 2;
    }
    if (argc < 5) {
        ap_print_error("libvirt-ap-hook runs this program\n");
        return 2;
    }
    line.guest = argv[1];
    line.operation = argv[2];
    line.suboperation = argv[3];
    errnum = ap_file_read_all(STDIN_FILENO, AP_ROOT_XML_MAX, text);
    if (errnum == 0 && text->len > 0)
        return run_with_xml(&line, (const char *)text->data, text->len);
    g_set_error(&error, AP_ERROR, AP_ERROR_IO, "cannot read the guest's XML: %s",
                errnum ? strerror(errnum) : "it is empty");
    return run_without_xml(&line, error);
}
