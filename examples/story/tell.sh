#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The story of libvirt-ap in the lab, with stock virsh: ./dev demo runs this. It prints every
# command with its real output, and ends with an error as soon as something is not as it should be.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly LAB=kernel/lab/lab
readonly PAYROLL=11111111-1111-4111-8111-111111111111
readonly WEBSHOP=22222222-2222-4222-8222-222222222222
readonly SPARE=33333333-3333-4333-8333-333333333333
readonly FILES=/root/story

output=
status=0

bold='' plain=''
if [ -t 1 ]; then
    bold=$'\033[1m' plain=$'\033[0m'
fi

say() {
    printf '\n%s# %s%s\n' "$bold" "$*" "$plain"
}

give_up() {
    printf '\n./dev demo: %s\n' "$*" >&2
    exit 1
}

# Runs a command in the lab, prints it and what it says; leaves both in $output and $status. Its
# two streams become one there, where the order of what it writes is known.
try() {
    printf '\n$ %s\n' "$*"
    status=0
    output=$($LAB run -- sh -c 'exec "$@" 2>&1' sh "$@") || status=$?
    printf '%s\n' "$output"
}

must() {
    try "$@"
    [ "$status" -eq 0 ] || give_up "that should have worked"
}

# The command must be refused, with a message that says all of the words given after "--".
must_not() {
    local command=() word
    while [ "$1" != -- ]; do
        command+=("$1")
        shift
    done
    shift
    try "${command[@]}"
    [ "$status" -ne 0 ] || give_up "that should have been refused"
    for word in "$@"; do
        [[ $output == *"$word"* ]] || give_up "the refusal does not say '$word'"
    done
}

device() {
    echo "mdev_${1//-/_}_matrix"
}

# The masks of the last SET CRYCB of the guest, as KVM logged them.
crycb() {
    must sh -c 'grep -ho "... CRYCB.*" /sys/kernel/debug/s390dbf/kvm-$(cat /run/libvirt/qemu/payroll.pid)/sprintf | tail -n 3'
}

# What `virt-ap show` predicted must be what KVM set.
compare_with() {
    local mask predicted
    for mask in apm aqm adm; do
        predicted=$(sed -n "s/^crycb $mask: *//p" <<< "$1")
        [[ $output == *"SET CRYCB: $mask $predicted"* ]] ||
            give_up "KVM's $mask is not the one predicted: $predicted"
    done
    printf '  (as predicted, bit for bit)\n'
}

copy_files() {
    tar -C examples/story -cf - --exclude=tell.sh . |
        $LAB run -- sh -c "mkdir -p $FILES && tar -C $FILES -xf -"
}

# An earlier story leaves things behind in a lab that still runs.
clean_up() {
    $LAB run -- sh -c '
        virsh -q destroy payroll; virsh -q undefine payroll
        for uuid; do
            mdevctl stop --uuid "$uuid"; mdevctl undefine --uuid "$uuid"
        done' sh $PAYROLL $WEBSHOP $SPARE > /dev/null 2>&1 || true
}

$LAB status > /dev/null 2>&1 || $LAB up
trap clean_up EXIT
clean_up
copy_files

say "An IBM Z host with six crypto cards; libvirt sees cards, queues and the parent of AP matrices"
must virsh nodedev-list --cap ap_card
must virsh nodedev-dumpxml ap_01_0004
must virsh nodedev-list --cap ap_matrix

say "The host gives adapters 1 and 2 to guests"
must chzdev --type ap apmask=-1,-2 --active

say "Two matrices, for two guests"
must cat $FILES/payroll-matrix.xml
must virsh nodedev-define $FILES/payroll-matrix.xml
must virsh nodedev-define $FILES/webshop-matrix.xml
must virsh nodedev-start "$(device $PAYROLL)"
must virsh nodedev-start "$(device $WEBSHOP)"

say "A third matrix would take one of payroll's queues: the refusal lists what is free"
must_not virsh nodedev-define $FILES/intruder-matrix.xml \
    -- "APQN 01.0006 (adapter 1, domain 6)" "$PAYROLL" "free on adapter 1"

say "What KVM will put into the guest's CRYCB, predicted before there is a guest"
must virt-ap show $PAYROLL
predicted=$output
must virsh define $FILES/payroll.xml
must virsh start payroll
say "What KVM did put there, in its own words"
crycb
compare_with "$predicted"

say "A spare matrix is defined: nobody has its queues now"
must virsh nodedev-define $FILES/spare-matrix.xml

say "The running guest gets one more domain, live"
must virsh nodedev-update "$(device $PAYROLL)" $FILES/payroll-grows.xml --live
crycb
[[ $output == *"aqm 0a00000000200000"* ]] || give_up "the guest did not get domain 0x2a"
must virsh nodedev-dumpxml "$(device $PAYROLL)"

say "A live change that would take webshop's queues is refused, and changes nothing"
must_not virsh nodedev-update "$(device $PAYROLL)" $FILES/payroll-too-far.xml --live \
    -- "APQN 02.0004 (adapter 2, domain 4)" "02.0006" "$WEBSHOP"
crycb
[[ $output == *"apm 4000000000000000"* ]] || give_up "the refused change changed the guest"

say "Starting the spare matrix is refused: payroll has one of its queues by now"
must_not virsh nodedev-start "$(device $SPARE)" \
    -- "APQN 01.002a (adapter 1, domain 42)" "$PAYROLL" "guest 'payroll' (running)"
must virt-ap map

say "The guest ends, and KVM clears its CRYCB"
must sh -c 'pid=$(cat /run/libvirt/qemu/payroll.pid)
/usr/lib/libvirt-ap-lab/lab-helper --hold-kvm $pid sh -c "
    virsh destroy payroll
    grep -ho \"... CRYCB.*\" /sys/kernel/debug/s390dbf/kvm-$pid/sprintf | tail -n 1"'
[[ $output == *"CLR CRYCB"* ]] || give_up "KVM did not clear the CRYCB"
must virt-ap map

printf '\nProved on the unmodified kernel %s: no queue went to two matrices, every refusal\nnamed the queue and its owner, and the guest had exactly the masks that were predicted.\n' \
    "$($LAB run -- uname -r)"
