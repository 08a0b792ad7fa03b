/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* printf() in a comment is none. */
static void
say(const char *name)
{
    printf("guest %s\n", name); /* BAD */
    fprintf(stderr, "printf()"); /* BAD */
    write(STDERR_FILENO, name, 1); /* BAD */
    write(fd, name, 1);
    snprintf(buffer, sizeof(buffer), "%s", name);
    ap_print("guest %s\n", name);
    g_warning("guest %s", name); /* BAD */
    file->puts(name);
}
