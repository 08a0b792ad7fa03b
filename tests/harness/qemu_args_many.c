/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What virt-ap qemu-args makes of thousands of documents: starting it for each would take minutes
 * with the sanitizers. Names come on standard input, one a line; for each a line tells the number
 * of arguments, or why it is refused. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "qemu/qemu_ap_command.h"


static GPtrArray *
build(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(ApDomainDef) def = NULL;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, error))
        return NULL;
    def = ap_domain_xml_parse(text, length, error);
    return def ? qemu_ap_command_build(def, FALSE, error) : NULL;
}


int
main(void)
{
    char path[4096];

    while (fgets(path, sizeof(path), stdin)) {
        g_autoptr(GPtrArray) args = NULL;
        g_autoptr(GError) error = NULL;

        path[strcspn(path, "\n")] = '\0';
        args = build(path, &error);
        if (args)
            printf("%u\n", args->len);
        else
            printf("%.*s\n", (int)strcspn(error->message, "\n"), error->message);
        fflush(stdout);
    }
    return 0;
}
