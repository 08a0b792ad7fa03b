/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process id in text, and whether that process lives. */
#include "util/ap_pid.h"

#include <limits.h>
#include <string.h>

/* The state is field 3 of /proc/PID/stat, the number of threads field 20: proc(5). */
#define FIELDS_TO_THREADS (20 - 3)


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


int
ap_pid_is_gone(const char *stat)
{
    const char *p = stat ? strrchr(stat, ')') : NULL; /* the command's */

    if (!stat)
        return 1;
    if (!p || strncmp(p, ") Z ", 4) != 0)
        return 0;
    p += 2;
    for (int i = 0; p && i < FIELDS_TO_THREADS; i++)
        p = strchr(p + 1, ' ');
    /* The first thread of a process can end before the others. */
    return p && strncmp(p, " 1 ", 3) == 0;
}
