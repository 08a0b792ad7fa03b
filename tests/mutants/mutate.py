# SPDX-License-Identifier: LGPL-2.1-or-later
"""mutate.py MUTANT INPUT OUTPUT: puts a fault into a file, which a test must notice."""

import sys

# Of each: what it stands for, and the text that is replaced.
MUTANTS = {
    # The journal is written after the first step, not before it.
    "late_journal": [
        ("""    if (!ap_txn_journal_open(txn, error))
        return FALSE;
    for (guint i = 0;""", "    for (guint i = 0;"),
        ("""            roll_back(txn, i, begun ? i + 1 : i, local, error);
            return FALSE;
        }
""", """            roll_back(txn, i, begun ? i + 1 : i, local, error);
            return FALSE;
        }
        if (i == 0 && !ap_txn_journal_open(txn, error))
            return FALSE;
"""),
    ],
    # A step that failed as its result could not be read back counts as not begun.
    "uncounted_step": [
        ("roll_back(txn, i, begun ? i + 1 : i, local, error);",
         "roll_back(txn, i, i, local, error);"),
    ],
    # What of the guest's XML cannot be read is its end; a guest without XML has no AP.
    "read_error_is_end": [
        ("return ok && n == 0 ? length : -1;", "return ok ? length : -1;"),
        ("    unread = describe_unread(length);\n",
         "    if (length == 0)\n        return 0;\n    unread = describe_unread(length);\n"),
    ],
    # A claim that cannot be read hides nobody.
    "unread_claim": [
        ("ended ? AP_PROBLEM_HIDES_NOTHING : AP_PROBLEM_HIDES_HOLDER", "AP_PROBLEM_HIDES_NOTHING"),
    ],
}


def main():
    name, source, target = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        text = file.read()
    for old, new in MUTANTS[name]:
        if text.count(old) != 1:
            sys.exit(f"{source} is not what {name} was made for: mend {sys.argv[0]}")
        text = text.replace(old, new)
    with open(target, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
