#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Does the real kernel see what ap_emu was told? Runs as root on the emulated machine, with ap_emu,
# ap, zcrypt_cex4 and vfio_ap loaded and no matrix in use. Prints one line a check; exits with 0
# if all hold, 1 if one does not, 2 if it cannot look. Topology, masks and scan interval are put
# back at the end.

EMU=/sys/kernel/debug/ap_emu
BUS=/sys/bus/ap
DEV=/sys/bus/ap/devices
MATRIX=/sys/devices/vfio_ap/matrix
UUID=5e1f7e57-0000-4000-8000-000000000001
failed=0

cannot_look() {
	echo "cannot look: $*" >&2
	exit 2
}

is() { # WHAT EXPECTED SEEN
	if [ "$2" = "$3" ]; then
		echo "ok      $1"
	else
		echo "NOT OK  $1: expected '$2', saw '$3'"
		failed=1
	fi
}

ctl() {
	echo "$*" >$EMU/control || cannot_look "control refuses '$*'"
}

scan() {
	echo 1 >$BUS/scans
}

# The bus polls every 25 ms; whatever should happen has happened within 5 s.
soon() { # WHAT EXPECTED COMMAND...
	what=$1 expected=$2 tries=0
	shift 2
	while seen=$("$@" 2>/dev/null); [ "$seen" != "$expected" ] && [ $tries -lt 50 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	is "$what" "$expected" "$seen"
}

refused() { # ERROR LINE
	message=$({ echo "$2" >$EMU/control; } 2>&1)
	case $message in
	*"$1"*) is "control refuses '$2'" "" "" ;;
	*) is "control refuses '$2'" "$1" "$message" ;;
	esac
}

queues() {
	ls $DEV | grep -c '\.'
}

driver() {
	link=$(readlink "$DEV/$1/driver") && basename "$link"
}

resetting() {
	cat $DEV/*.*/reset | grep -c progress
}

resets() { # APQN
	grep "^$1 " $EMU/resets
}

counter() {
	sed -n "s/^$1 //p" $EMU/counters
}

restore() {
	[ -e "$MATRIX/$UUID/remove" ] && echo 1 >"$MATRIX/$UUID/remove"
	echo clear >$EMU/control
	cat "$saved/state" >$EMU/control
	cat "$saved/apmask" >$BUS/apmask
	cat "$saved/aqmask" >$BUS/aqmask
	cat "$saved/config_time" >$BUS/config_time
	scan
	rm -r "$saved"
}

for file in $EMU/control $BUS/scans $MATRIX; do
	[ -e $file ] || cannot_look "there is no $file"
done
[ -z "$(ls /sys/bus/mdev/devices)" ] || cannot_look "there are matrices"

saved=$(mktemp -d) || cannot_look "mktemp"
trap restore EXIT
trap 'exit 2' HUP INT TERM
cat $EMU/state >"$saved/state"
cat $BUS/apmask >"$saved/apmask"
cat $BUS/aqmask >"$saved/aqmask"
cat $BUS/config_time >"$saved/config_time"
echo 120 >$BUS/config_time

ctl clear
scan
soon "clear removes every queue" 0 queues
echo "adapter 5 add cex8 cca
adapter 0x06 add cex7 accel
adapter 10 add cex4 ep11
domain 4 add
domain 0x06 add
control-domain 4 add" >$EMU/control
all=0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
echo $all >$BUS/apmask
echo $all >$BUS/aqmask
scan
soon "three adapters, two domains" 6 queues
soon "a CCA adapter" CEX8C cat $DEV/card05/type
soon "an accelerator" CEX7A cat $DEV/card06/type
soon "an EP11 adapter" CEX4P cat $DEV/card0a/type
soon "its queues are online" 1 cat $DEV/05.0004/online
is "control domains differ from usage domains" "0x08 0x0a" "$(
	cut -c1-4 $BUS/ap_control_domain_mask) $(cut -c1-4 $BUS/ap_usage_domain_mask)"

ctl adapter 5 configured 0
ctl adapter 6 checkstopped 1
scan
soon "deconfigured: config" 0 cat $DEV/card05/config
soon "checkstopped: chkstop" 1 cat $DEV/card06/chkstop
soon "deconfigured: queue" 0 cat $DEV/05.0004/config
soon "checkstopped: queue" 1 cat $DEV/06.0004/chkstop
is "both are there still" 6 "$(queues)"
ctl adapter 5 configured 1
ctl adapter 6 checkstopped 0
scan
soon "configured again" 1 cat $DEV/card05/config
soon "not checkstopped any more" 0 cat $DEV/card06/chkstop

ctl adapter 10 remove
ctl domain 6 remove
ctl domain 7 add
scan
soon "adapter and domain removed, domain added" "05.0004 05.0007 06.0004 06.0007" \
	sh -c "ls $DEV | grep '\.' | xargs"
ctl adapter 6 add cex5 cca
ctl domain 7 remove
ctl domain 6 add
scan
soon "another adapter in the same place" CEX5C cat $DEV/card06/type

idle="No Reset Timer set."
soon "no queue is being reset" 0 resetting
ctl queue 05.0004 reset-polls 20
echo 0 >$EMU/counters
is "counters can be zeroed" "0" "$(counter pqap-rapq)"
echo 1 >$DEV/05.0004/reset
is "a slow reset goes on" "Reset in progress." "$(cat $DEV/05.0004/reset)"
soon "and ends" "$idle" cat $DEV/05.0004/reset
is "it is counted" "05.0004 rapq 1 zapq 0" "$(resets 05.0004)"
is "it was polled 20 times, and once more" 21 "$(counter pqap-tapq)"

ctl queue 05.0004 reset-polls 0
ctl queue 05.0004 reset-response 36
echo 0 >$EMU/counters
echo 1 >$DEV/05.0004/reset
sleep 0.5
is "a failed reset does not end" "Reset in progress." "$(cat $DEV/05.0004/reset)"
is "it was executed, the queue did not take it" "1 " "$(counter pqap-rapq) $(resets 05.0004)"
ctl queue 05.0004 reset-polls 2
scan
sleep 0.5
scan
soon "a queue whose reset failed after polls is gone" "" ls -d $DEV/05.0004
ctl queue 05.0004 reset-response 00
ctl queue 05.0004 reset-polls 0
scan
soon "repaired, it is back" "$idle" cat $DEV/05.0004/reset

echo "-5" >$BUS/apmask
soon "freed by apmask" vfio_ap driver 05.0004
is "the other adapter is the host's" cex4queue "$(driver 06.0004)"
echo $UUID >$MATRIX/mdev_supported_types/vfio_ap-passthrough/create
echo 5 >$MATRIX/$UUID/assign_adapter
echo 4 >$MATRIX/$UUID/assign_domain
echo 6 >$MATRIX/$UUID/assign_domain
is "a matrix" "05.0004 05.0006" "$(xargs <$MATRIX/$UUID/guest_matrix)"
echo 0 >$EMU/counters
ctl queue 05.0006 reset-polls 10
echo 6 >$MATRIX/$UUID/unassign_domain
is "unassigning zeroizes, slowly" "05.0006 rapq 0 zapq 1" "$(resets 05.0006)"
is "and only that queue" "" "$(resets 05.0004)"
is "the write waited for it" 11 "$(counter pqap-tapq)"
ctl queue 05.0004 reset-response 42
echo 0 >$EMU/counters
echo 1 >$MATRIX/$UUID/remove
is "a failed ZAPQ is not counted as a reset" "1 " "$(counter pqap-zapq) $(resets 05.0004)"
dmesg | tail -n 60 | grep -q "PQAP/ZAPQ for 05.0004 failed with invalid rc=66"
is "the kernel says which failed" 0 $?

refused "Invalid argument" "adapter 05 add cex8 cca"
refused "Invalid argument" "adapter 5 add cex3 cca"
refused "Invalid argument" "adapter 5 configured 2"
refused "Invalid argument" "adapter 5"
refused "Invalid argument" "queue 5.4 reset-polls 1"
refused "result" "adapter 256 remove"
refused "result" "domain 256 add"
refused "result" "queue 05.0004 reset-polls 65536"
refused "No such file" "adapter 9 remove"
refused "No such file" "control-domain 6 remove"
refused "No such file" "queue 05.0007 reset-polls 1"

ctl adapter 5 configured 0
cat $EMU/state >"$saved/before"
ctl clear
cat "$saved/before" >$EMU/control
is "state can be replayed" "$(cat "$saved/before")" "$(cat $EMU/state)"

exit $failed
