/* SPDX-License-Identifier: LGPL-2.1-or-later */
char *a = "install it anew"; /* BAD */
/* Likewise. BAD */
