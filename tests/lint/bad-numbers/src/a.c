/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* strtoul() in a comment is no fault. */
const char *text = "neither is strtoul() in a string";
int a = atoi(text); /* BAD */
int b = strtoul(text, NULL, 0); /* BAD */
int c = g_ascii_strtoull(text, NULL, 0); /* BAD */
int d = sscanf(text, "%d", &a); /* BAD */
char *e = strtok(text, ","); /* BAD */
double f = g_ascii_strtod(text, NULL); /* BAD */
char *g = g_strtod_is_not_a_function_we_call;
