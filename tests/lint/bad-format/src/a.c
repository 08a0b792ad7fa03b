/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BAD */	int a;
/* BAD */ int b; 
/* BAD */ int c; /* xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx */
/* ××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××××× */
/* BAD */ int d;