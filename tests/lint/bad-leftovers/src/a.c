/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* BAD TODO: mend it */
int todo; /* FIXME BAD */
int not_TODO_at_all;
