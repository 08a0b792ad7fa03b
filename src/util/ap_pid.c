/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process id in text. */
#include "util/ap_pid.h"

#include <limits.h>


int
ap_pid_parse(const char *text, int *ret_pid)
{
    int value = 0;

    for (; *text >= '0' && *text <= '9'; text++) {
        int digit = *text - '0';

        if (value > (INT_MAX - digit) / 10)
            return 0;
        value = value * 10 + digit;
    }
    if (*text == '\n')
        text++;
    if (*text != '\0' || value < 1)
        return 0;
    *ret_pid = value;
    return 1;
}
