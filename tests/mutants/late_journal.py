#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""late_journal.py ap_txn.c OUTPUT: the journal is written after the first step, not before it.

The crash test must notice.
"""

import sys

BEFORE = """    if (!ap_txn_journal_open(txn, error))
        return FALSE;
    for (guint i = 0;"""
STEP = """            roll_back(txn, i, begun ? i + 1 : i, local, error);
            return FALSE;
        }
"""
LATE = STEP + """        if (i == 0 && !ap_txn_journal_open(txn, error))
            return FALSE;
"""


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    for part in (BEFORE, STEP):
        if text.count(part) != 1:
            sys.exit(f"{sys.argv[1]} is not what this mutant was made for: mend {sys.argv[0]}")
    text = text.replace(BEFORE, "    for (guint i = 0;").replace(STEP, LATE)
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
