#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long mdevctl takes at boot to start 1,000 matrices, in the lab: boot.py [COUNT].

By itself; with a callout that does nothing, which is what the protocol alone takes (two processes a
matrix); and with ours. All in one run, because only ratios mean something on an emulated machine.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import lab  # noqa: E402 pylint: disable=wrong-import-position

# One queue each, started at boot; then each way in turn, milliseconds a line.
MEASURE = r"""
set -e
count=$1
definitions=/etc/mdevctl.d/matrix
matrix=/sys/devices/vfio_ap/matrix
callouts=/usr/lib/mdevctl/scripts.d/callouts
mkdir -p /root/ours /etc/mdevctl.d/scripts.d "$definitions"
mv "$callouts"/00-libvirt-ap /root/ours/
mv /etc/mdevctl.d/scripts.d /root/scripts.d
trap 'rm -f "$callouts"/*; mv /root/ours/* "$callouts"; mv /root/scripts.d /etc/mdevctl.d
      pkill -CONT -x libvirtd' EXIT
# It would ask mdevctl for its list after each change of an mdev.
pkill -STOP -x libvirtd

n=0
while [ "$n" -lt "$count" ]; do
    printf '{\n  "mdev_type": "vfio_ap-passthrough",\n  "start": "auto",\n  "attrs": [
    {\n      "assign_adapter": "%d"\n    },\n    {\n      "assign_domain": "%d"\n    }\n  ]\n}' \
        $((n / 85)) $((n % 85)) >"$definitions/$(printf '%08x-0000-4000-8000-000000000000' "$n")"
    n=$((n + 1))
done

measure() {
    begin=$(date +%s%N)
    mdevctl start-parent-mdevs matrix 2>/root/errors
    end=$(date +%s%N)
    set -- "$matrix"/*-*-*-*-*
    [ $# -eq "$count" ] || { cat /root/errors; echo "$# matrices of $count" >&2; exit 1; }
    for mdev; do
        echo 1 >"$mdev/remove"
    done
    udevadm settle
    echo $(((end - begin) / 1000000))
}

measure
ln -s /bin/true "$callouts/00-nothing"
measure
rm "$callouts/00-nothing"
cp -P /root/ours/00-libvirt-ap "$callouts"
measure
"""


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    lab.require("large.conf")
    try:
        alone, nothing, ours = map(int, lab.sh(MEASURE, str(count)).split())
    finally:
        lab.down()
    print(f"mdevctl start-parent-mdevs, {count:,} matrices, milliseconds each")
    for name, time in [("by itself", alone), ("with a callout that does nothing", nothing),
                       ("with ours", ours)]:
        print(f"  {name:<34} {time / count:8.1f}   {(time - alone) / time:4.0%} the callout's")
    print(f"  ours beside nothing: {(ours - alone) / (nothing - alone):.2f}x")


if __name__ == "__main__":
    main()
