/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt-ap-callout-judge: main() of what libvirt-ap-callout runs to judge. Its arguments are
 * process id of mdevctl, for the lock, and mdevctl's own; standard input is a file with all of
 * mdevctl's. Whoever runs it gives the lock back if it fails. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node_device/callout/ap_callout.h"
#include "node_device/callout/ap_callout_options.h"
#include "util/ap_file.h"
#include "util/ap_pid.h"
#include "util/ap_print.h"


int
main(int argc, char **argv)
{
    g_autoptr(GByteArray) input = g_byte_array_new();
    ApCalloutOptions options = { 0 };
    ApCalloutCall call;
    int errnum;
    int owner;

    if (argc < 2 || !ap_pid_parse(argv[1], &owner) ||
        !ap_callout_options_parse(argc - 1, argv + 1, &options)) {
        ap_print_error("libvirt-ap-callout runs this program\n");
        return 2;
    }
    errnum = ap_file_read_all(STDIN_FILENO, AP_CALLOUT_INPUT_MAX, input);
    if (errnum != 0) {
        ap_print_error("cannot read standard input: %s\n", strerror(errnum));
        return 1;
    }
    call = (ApCalloutCall){
        .root = options.root,
        .event = options.event,
        .action = options.action,
        .uuid = options.uuid,
        .parent = options.parent,
        .input = (const char *)input->data,
        .input_length = input->len,
        .owner = owner,
    };
    return ap_callout_judge(&call);
}
