/* SPDX-License-Identifier: LGPL-2.1-or-later */
void
ap_print(const char *text)
{
    fputs(text, stdout);
}
