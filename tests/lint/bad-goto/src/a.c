/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* goto in a comment is no fault. */
const char *text = "neither is goto in a string";
int a(void) { goto end; end: return 0; } /* BAD */
