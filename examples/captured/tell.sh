#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# tell.sh BUILD: `./dev demo --captured` runs this. It shows the captured host of examples/hosts,
# what virt-ap says about it, and how the callout refuses the real mdevctl. It prints every command
# with its real output, and ends with an error as soon as something is not as it should be.
set -euo pipefail
BUILD=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."

PATH="$BUILD/tools:$PWD/examples/captured:$PATH"
HOST=examples/hosts/lpar1
NEW="-u 44444444-dddd-4ddd-8ddd-444444444444 -p matrix --jsonfile /dev/stdin"

say() {
    printf '\n# %s\n' "$*"
}

give_up() {
    printf '\ntell.sh: %s\n' "$*" >&2
    exit 1
}

# Runs a command line, prints it and what it says. It must end with that status (`no`: any but 0),
# and say all of the words.
try() { # STATUS COMMAND-LINE [WORD...]
    local wanted=$1 command=$2 output status=0 word
    shift 2
    printf '\n$ %s\n' "${command//$BUILD/BUILD}"
    output=$(bash -c "$command" 2>&1) || status=$?
    printf '%s\n' "$output"
    if [ "$wanted" = no ]; then
        [ "$status" -ne 0 ] || give_up "that should have been refused"
    elif [ "$status" -ne "$wanted" ]; then
        give_up "that should have ended with exit code $wanted, not $status"
    fi
    for word; do
        [[ $output == *"$word"* ]] || give_up "the output does not say '$word'"
    done
}

say "A host of six crypto cards, captured as text. Who has which queue?"
try 0 "virt-ap --root $HOST map" "guest 'web' (running)"

say "What would go wrong on it?"
try 1 "virt-ap --root $HOST check" in-use 01.0006

say "A new matrix for the guest payroll has a queue that the running guest web has."
try 1 "virt-ap --root $HOST check examples/captured/payroll.xml" "guest 'web' (running)"

say "The same with the real mdevctl, which asks the callout, on a private copy of that host."
try no "on-host $HOST $BUILD mdevctl define $NEW <examples/captured/payroll.json" \
    00-libvirt-ap "01.0006 (adapter 1, domain 6)" "guest 'web' (running)"

say "With a free queue instead, mdevctl defines it."
try 0 "on-host $HOST $BUILD sh -c 'mdevctl define $NEW && mdevctl list --defined' \
<examples/captured/payroll-free.json" 44444444-dddd-4ddd-8ddd-444444444444

say "You saw who has each queue, and that the callout finds, names and refuses a conflict."
