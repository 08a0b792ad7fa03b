/* SPDX-License-Identifier: LGPL-2.1-or-later */
const Cmd cmd_list = {
    .name = "list",
};
const char *a = "see `virt-ap list`, `virt-ap --help`, `virt-ap --root DIR list`, `virt-ap %s`";
const char *b = "see `virt-ap lst`"; /* BAD */
const char *c = "see `modprobe ap`";
const char *d = "see `frobnicate ap`"; /* BAD */
const char *e = "see `virt-ap " /* BAD */
                "lisp`";
