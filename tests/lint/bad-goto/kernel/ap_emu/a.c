/* SPDX-License-Identifier: GPL-2.0-only */
int a(void) { goto end; end: return 0; }
