/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * good:
 * @a: a number
 * @keep: what to call
 * @error: return location
 *
 * Errors: AP_ERROR_IO.
 *
 * Returns: whether it is good.
 */
gboolean
good(int a[2], gboolean (*keep)(int, int), GError **error) G_GNUC_PRINTF(1, 2);

void
undocumented(void); /* BAD */

/**
 * one_short:
 * @a: a number
 */
void
one_short(int a, int b); /* BAD */

/**
 * silent:
 */
int
silent(void); /* BAD */

/**
 * talkative:
 *
 * Returns: something.
 */
void
talkative(void); /* BAD */

/**
 * careless:
 * @error: return location
 *
 * Returns: something.
 */
int
careless(GError **error); /* BAD */

/**
 * wrong:
 * @error: return location
 *
 * Errors: AP_ERROR_IO,
 * AP_ERROR_NOTHING.
 *
 * Returns: something.
 */
int
wrong(GError **error); /* BAD */

int one_line(int a); /* BAD */

static inline int
inlined(void) /* BAD */
{
    return 0;
}

/**
 * good_inlined:
 * @a: a number
 *
 * Does nothing.
 */
static inline void
good_inlined(int a)
{
    (void)a;
}
