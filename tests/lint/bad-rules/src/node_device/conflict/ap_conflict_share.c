/* SPDX-License-Identifier: LGPL-2.1-or-later */
static void
judge_use(ApJudge *judge)
{
    report(judge, AP_CODE_IN_USE, AP_CODE_EMPTY, AP_CODE_BUSY, AP_CODE_DIFFERS);
}
