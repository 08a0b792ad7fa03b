#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# crash.sh STEP EVERY [NAME...]: runs in the lab. Kills each verb of virt-ap, or those named, at
# sampled system calls, then recovers: the host has to be as before the verb or as after it, and the
# lock free. Ends with 1 if it was not, once.
#
# The killer knows nothing of the program: it kills at every system call that can change something,
# or at one in EVERY where a verb only writes files, as on the simulated kernel; and at every STEPth
# of the other calls.
step=$1
only_files=$2
shift 2

uuid=aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa
live=/sys/devices/vfio_ap/matrix
definitions=/etc/mdevctl.d/matrix
var=/var/lib/libvirt-ap
selftest=/usr/libexec/libvirt-ap/selftest
changing='^(clone|clone3|fchmod|fchown|flock|fork|fsync|link|linkat|mkdir|mkdirat|rename|renameat'
changing="$changing|renameat2|unlink|unlinkat|vfork|write)\$"
lock=/run/lock/s390apconfig.lock
hit=0
missed=0
wrong=0

# libvirtd would ask mdevctl for its list after each step. On one CPU, because an emulator is slow
# at waking another one, and tracer and traced do that at every stop.
pkill -STOP -x libvirtd
trap 'pkill -CONT -x libvirtd' EXIT
taskset -p 1 $$ >/dev/null

# Everything that a verb may change, and the lock.
state() {
    echo "$definitions"/* "$definitions"/.??* "$var"/* "$live"/*-*-*-*-*/remove
    grep -rs '' "$definitions" "$lock"
    grep -s '' "$live"/*-*-*-*-*/matrix "$live"/*-*-*-*-*/guest_matrix \
        "$live"/*-*-*-*-*/control_domains "$live"/*-*-*-*-*/ap_config
}

# --- how the host is before the verb

nothing() {
    [ ! -e "$live/$uuid" ] || echo 1 >"$live/$uuid/remove"
    rm -f "$definitions"/* "$definitions"/.??* "$var"/* "$lock"
}

defined() {
    nothing
    cp /root/definition "$definitions/$uuid"
}

active() {
    defined
    echo "$uuid" >"$live/mdev_supported_types/vfio_ap-passthrough/create"
    echo "$old_config" >"$live/$uuid/ap_config"
}

# Killed when the definition is exchanged and the kernel has not been told.
half_updated() {
    active
    kill_for "$live/$uuid/ap_config" write update "$uuid" /root/new.xml --live --config
}

# Killed when all is done but the end of the journal.
all_updated() {
    active
    kill_for "$var/journal" unlink update "$uuid" /root/new.xml --live --config
}

# Killed when the mdev is there and has no matrix.
half_started() {
    nothing
    kill_for "$live/$uuid/ap_config" write start /root/new.xml
}

# --- killing

# At the first call of that name for that path.
kill_for() { # PATH CALL VERB...
    kill_path=$1 kill_call=$2
    shift 2
    strace -o /dev/null -e trace="$kill_call" -P "$kill_path" \
        -e inject="$kill_call:signal=KILL:when=1" virt-ap "$@" >/dev/null 2>&1 </dev/null
}

# "CALL NUMBER N" for the system calls of a verb to be killed at.
list_points() { # VERB...
    strace -n -o /root/trace virt-ap "$@" >/dev/null
    sed -n 's/^\[ *\([0-9]*\)\] \([a-z0-9_]*\)(.*/\2 \1/p' /root/trace |
        awk -v step="$step" -v every="$every" -v changing="$changing" '
            { n = ++count[$1]; calls++ }
            $1 ~ /^(execve|exit_group)$/ { next }
            ($1 ~ changing && ++changes % every == 0) || calls % step == 0 { print $1, $2, n }'
}

complain() { # WHAT
    wrong=$((wrong + 1))
    printf '%s: %s\n' "$name" "$1"
    printf '    recover: %s\n' "$report"
    printf '%s\n--- before\n%s\n--- after\n%s\n' "$now" "$before" "$after" | sed 's/^/    /'
}

# Kills the verb at each point that standard input names.
kill_everywhere() { # PREPARE VERB...
    prepare=$1
    shift
    n_before=0 n_after=0
    $prepare
    while read -r call number n; do
        "$selftest"/kill_at "$number" "$n" virt-ap "$@" >/dev/null 2>&1 </dev/null
        case $? in
        137) hit=$((hit + 1)) ;;
        0)
            # How often a call is made can depend on who else is at work: not each point is there
            # again.
            missed=$((missed + 1))
            $prepare
            continue
            ;;
        *)
            echo "$name: $call $n: neither killed nor done" >&2
            exit 1
            ;;
        esac
        report=$(virt-ap recover 2>&1 </dev/null) || complain "killed at $call $n: no recovery"
        now=$(state)
        case $now in
        "$after") n_after=$((n_after + 1)) ;;
        "$before") n_before=$((n_before + 1)) ;;
        *) complain "killed at $call $n: neither before nor after" ;;
        esac
        [ "$now" = "$at_first" ] || $prepare
    done
    echo "$name: $n_before times as before, $n_after times as after"
}

scenario() { # NAME PREPARE VERB...
    name=$1
    shift
    case "$chosen" in
    '' | *"|$name|"*) ;;
    *) return ;;
    esac
    $1
    at_first=$(state)
    before=$at_first
    report=
    (shift && virt-ap "$@" >/dev/null) || complain "does not work"
    after=$(state)
    now=
    [ "$before" != "$after" ] || complain "changes nothing"
    # A recovery that was killed is no way back.
    [ "$2" != recover ] || before=$after
    $1
    (shift && list_points "$@") >/root/points
    kill_everywhere "$@" </root/points
}

chosen=
for word; do
    chosen="$chosen|$word|"
done

# --- the scenarios

nothing
virt-ap start /root/old.xml >/dev/null || exit
read -r old_config <"$live/$uuid/ap_config"
virt-ap define /root/old.xml >/dev/null || exit
cp "$definitions/$uuid" /root/definition

every=$only_files
scenario define nothing define /root/new.xml
scenario 'define another' defined define /root/new.xml
scenario undefine defined undefine "$uuid"
scenario autostart defined autostart "$uuid"
scenario 'update config' active update "$uuid" /root/new.xml --config
every=1
scenario start defined start "$uuid"
scenario 'start a file' nothing start /root/new.xml
scenario stop active stop "$uuid"
scenario 'update live' active update "$uuid" /root/new.xml --live
scenario 'update both' active update "$uuid" /root/new.xml --live --config
scenario 'recover a half update' half_updated recover
scenario 'recover a whole update' all_updated recover
scenario 'recover a half start' half_started recover
nothing
echo "killed at $hit points in all, $missed were not there again, $wrong went wrong"
[ "$wrong" -eq 0 ]
