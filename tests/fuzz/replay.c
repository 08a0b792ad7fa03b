/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* main() of a fuzzer that replays its corpus, for `meson test`: DIR... */
#include <stdio.h>

#include "fuzz.h"


/* Also feeds what is left of the file when it is cut in the middle, and with one byte changed. */
static void
replay_file(const char *path)
{
    g_autofree char *text = NULL;
    gsize length;

    g_assert_true(g_file_get_contents(path, &text, &length, NULL));
    LLVMFuzzerTestOneInput((const guint8 *)text, length);
    for (gsize i = 0; i < length; i += 1 + length / 64) {
        g_autofree guint8 *copy = g_memdup2(text, length);

        LLVMFuzzerTestOneInput(copy, i);
        copy[i] ^= 1 << i % 8;
        LLVMFuzzerTestOneInput(copy, length);
    }
}


static guint
replay_dir(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    guint n = 0;

    g_assert_nonnull(dir);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        replay_file(file);
        n++;
    }
    return n;
}


int
main(int argc, char **argv)
{
    guint n = 0;

    LLVMFuzzerTestOneInput((const guint8 *)"", 0);
    for (int i = 1; i < argc; i++)
        n += replay_dir(argv[i]);
    g_assert_cmpuint(n, >, 0);
    printf("%u files\n", n);
    return 0;
}
