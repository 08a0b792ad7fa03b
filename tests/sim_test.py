#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The simulated kernel obeys the kernel's rules.

A case is a list of operations, each with the errno that it must give ("-> 0" is left out), and of
looks at what then stands in a file ("? FILE CONTENT", newlines as |). What the real kernel does,
kernel/selftest/compare.py compares at random; here stands what was measured on it.
"""

import os
import subprocess
import tempfile
import unittest

from sim_host import TMP, VIRT_AP

AP_OPS_SIM = os.environ["AP_OPS_SIM"]
TOPOLOGIES = os.path.join(os.environ["SOURCE_DIR"], "kernel/lab/topologies")

# What the cases need of the default topology: each queue costs time.
DEFAULT = """
[machine]
usage-domains=4,6,0x47

[adapter 1]
type=cex8
mode=cca

[adapter 5]
type=cex7
mode=cca

[adapter 6]
type=cex7
mode=accel
"""

NAMES = {"A": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "B": "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"}

# Adapters 5 and 6 are the guests'.
FREE = """
bind apmask -5,-6
create A
"""

NUMBERS = FREE + """
write A assign_adapter 5
write A assign_adapter 0x05
write A assign_adapter 0X05
write A assign_adapter +5
write A assign_adapter 5\\n
write A assign_adapter 5\\n\\n -> EINVAL
write A assign_adapter  5 -> EINVAL
write A assign_adapter 5  -> EINVAL
write A assign_adapter 5,6 -> EINVAL
write A assign_adapter -1 -> EINVAL
write A assign_adapter 0x -> EINVAL
write A assign_adapter abc -> EINVAL
write A assign_adapter \\n -> EINVAL
write A assign_adapter 99999999999999999999 -> ERANGE
write A assign_adapter 256 -> ENODEV
write A unassign_adapter 256 -> ENODEV
write A unassign_adapter 6
? A/matrix 05.|
write A assign_domain 010
? A/matrix 05.0008|
write A assign_nothing 5 -> ENOENT
write B assign_adapter 5 -> ENOENT
"""

SHARING = FREE + """
create B
create A -> EEXIST
create AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA -> EEXIST
create nonsense -> EINVAL
write A assign_adapter 5
write B assign_adapter 5
write A assign_domain 4
? A/matrix 05.0004|
write B assign_domain 4 -> EADDRINUSE
? B/matrix 05.|
write B assign_domain 6
write A assign_domain 6 -> EADDRINUSE
write A assign_adapter 1 -> EADDRNOTAVAIL
write A assign_control_domain 6
write B assign_control_domain 6
? B/control_domains 0006|
remove B
write A assign_domain 6
remove B -> ENOENT
"""

# Every step of facts that were measured on 6.12, and in compare.py.
FILTER = FREE + """
write A assign_adapter 5
write A assign_adapter 6
write A assign_domain 4
write A assign_domain 0x47
bind drivers/vfio_ap/unbind 05.0047
? A/guest_matrix 06.0004|06.0047|
write A unassign_domain 0x47
? A/guest_matrix 06.0004|
write A ap_config 0x06,0x08,0x0\\n
? A/guest_matrix 05.0004|06.0004|
write A assign_domain 0x47
? A/guest_matrix 06.0004|06.0047|
bind drivers/vfio_ap/bind 05.0047
? A/guest_matrix 05.0004|05.0047|06.0004|06.0047|
write A assign_domain 33
write A assign_control_domain 33
? A/guest_matrix 05.0004|05.0047|06.0004|06.0047|
bind drivers/vfio_ap/bind 05.0047 -> EBUSY
bind drivers/cex4queue/unbind 05.0047 -> ENODEV
bind drivers/vfio_ap/unbind fe.0001 -> ENODEV
"""

AP_CONFIG = FREE + """
write A ap_config 0x0,0x0\\n
write A ap_config 0x0,0x0 -> EINVAL
write A ap_config x -> EINVAL
write A ap_config 0x04,0x08,0x0  -> EINVAL
write A ap_config 0x00000000000000000000000000000000000000000000000000000000000000000,0,0 -> EINVAL
write A ap_config 0x04,0x08,0x02,whatever
? A/matrix 05.0004|
? A/control_domains 0006|
write A ap_config 0x44,0x08,0x02 -> EADDRNOTAVAIL
? A/matrix 05.0004|
write A ap_config ,,
? A/matrix
create B
write B ap_config 0x04,0x08,0
write A ap_config 0x06,0x0a,0 -> EADDRINUSE
write A ap_config 04,02,0
? A/matrix 05.0006|
"""

MASKS = FREE + """
bind apmask +5-3 -> EINVAL
bind apmask +300 -> EINVAL
bind apmask +1 +2 -> EINVAL
bind apmask +1,2 -> EINVAL
bind apmask 0X80 -> EINVAL
bind apmask zz -> EINVAL
? 05.0004/status unassigned|
write A assign_adapter 5
write A assign_domain 4
? 05.0004/status assigned|
? 05.0006/status unassigned|
bind apmask +5 -> EBUSY
bind apmask -1
? 01.0004/driver vfio_ap
bind apmask +1
? 01.0004/driver cex4queue
bind aqmask -4
bind apmask +6
? 06.0004/driver vfio_ap
? 06.0006/driver cex4queue
bind apmask \\n
? 01.0006/driver vfio_ap
"""

# 6.x asks for the queues that the other mask gives to the host; 7.2 for the whole adapter.
OTHER_MASK = FREE + """
bind aqmask -4
write A assign_adapter 5
write A assign_domain 4
"""

OVERRIDES = """
create A
bind 05.0004/driver_override vfio_ap
? 05.0004/driver cex4queue
bind apmask -5 -> EINVAL
write A assign_adapter 5
write A assign_domain 4 -> EADDRNOTAVAIL
bind drivers/cex4queue/unbind 05.0004
bind drivers_probe 05.0004
? 05.0004/driver vfio_ap
write A assign_domain 4
? A/guest_matrix 05.0004|
bind 05.0006/driver_override vfio_ap
bind drivers/cex4queue/unbind 05.0006
write A assign_domain 6 -> EADDRNOTAVAIL
bind 05.0006/driver_override \\n
bind drivers_probe 05.0006
bind 05.0004/driver_override \\n
write A assign_domain 6 -> EADDRNOTAVAIL
bind 05.0006/driver_override nobody
bind drivers/cex4queue/unbind 05.0006
bind drivers_probe 05.0006
bind drivers/cex4queue/bind 05.0006 -> ENODEV
write A assign_domain 6 -> EADDRNOTAVAIL
bind 05.0006/driver_override \\n
bind drivers_probe 05.0006
? 05.0006/driver cex4queue
bind apmask -6
bind 05.0004/driver_override vfio_ap -> EINVAL
? 05.0004/driver cex4queue
? A/guest_matrix .0004|
"""

BOUND = """
create A
write A assign_adapter 5 -> EADDRNOTAVAIL
bind apmask -5
write A assign_adapter 5
write A assign_domain 4
write A assign_domain 33 -> EADDRNOTAVAIL
write A ap_config 0,0,0 -> ENOENT
bind apmask +5
? 05.0004/driver cex4queue
? A/matrix 05.0004|
? A/guest_matrix
write A assign_domain 6 -> EADDRNOTAVAIL
"""

CASES = [
    ("numbers are read as by kstrtoul", ["6.0", "6.10", "6.12", "7.2"], "default", NUMBERS),
    ("no queue is given twice", ["6.0", "6.10", "6.12", "7.2"], "default", SHARING),
    ("a queue that is not bound hides its adapter", ["6.10", "6.12", "7.2"], "default", FILTER),
    ("ap_config is all or nothing", ["6.10", "6.12", "7.2"], "default", AP_CONFIG),
    ("masks rebind, and spare what an mdev has", ["6.0", "6.12"], "default", MASKS),
    ("a mask may set bits whose queues stay free", ["6.0", "6.12"], "default",
     OTHER_MASK + "bind apmask +5\n"),
    ("a mask may not set an adapter of an mdev", ["7.2"], "default",
     OTHER_MASK + "bind apmask +5 -> EBUSY\n"),
    ("masks and driver_override exclude each other", ["7.2"], "default", OVERRIDES),
    ("there is no driver_override", ["6.12"], "default",
     "bind 05.0004/driver_override vfio_ap -> ENOENT\n"),
    ("queues must be bound", ["4.20"], "default", BOUND),
    ("without APXA ids end at 63 and 15", ["6.12"], "no-apxa",
     "create A\nwrite A assign_adapter 64 -> ENODEV\nwrite A assign_domain 16 -> ENODEV\n"
     "write A assign_control_domain 15\nwrite A assign_control_domain 16 -> ENODEV\n"
     "write A ap_config 0x0,0x00008,0x0 -> ENODEV\n"),
    ("a deconfigured and a checkstopped card are passed on", ["6.12"], "small",
     "bind apmask -3,-31\ncreate A\nwrite A assign_adapter 3\nwrite A assign_adapter 31\n"
     "write A assign_domain 4\nwrite A unassign_adapter 3\nwrite A assign_adapter 3\n"
     "? A/guest_matrix 03.0004|1f.0004|\n"),
    ("after a failed reset they are hidden", ["6.0"], "small",
     "bind apmask -3,-31\ncreate A\nwrite A assign_adapter 3\nwrite A assign_adapter 31\n"
     "write A assign_domain 4\nwrite A unassign_adapter 3\nwrite A assign_adapter 3\n"
     "? A/guest_matrix 1f.0004|\n"),
]

BAD_TOPOLOGIES = [
    ("", "machine"),
    ("[machine]\n", "usage-domains"),
    ("[machine]\nusage-domains=4-\n", "usage-domains"),
    ("[machine]\nusage-domains=6-4\n", "backwards"),
    ("[machine]\nusage-domains=010\n", "usage-domains"),
    ("[machine]\nmax-domain=3\nusage-domains=4\n", "above the limit of 3"),
    ("[machine]\napxa=no\nusage-domains=4\n", "apxa"),
    ("[machine]\nusage-domains=4\napmask=+1 +2\n", "apmask"),
    ("[machine]\nusage-domains=4\nwhat=1\n", "what"),
    ("[machine]\nusage-domains=4\n[adapter 1]\ntype=cex3\nmode=cca\n", "cex3"),
    ("[machine]\nusage-domains=4\n[adapter 1]\ntype=cex8\n", "mode"),
    ("[machine]\nusage-domains=4\n[adapter 1]\ntype=cex8\nmode=cca\n[adapter 0x1]\n", "twice"),
    ("[machine]\nusage-domains=4\n[card 1]\n", "card 1"),
]


def expand(line):
    """The operation in full, from the short form of the cases."""
    words = line.split(" ", 2)
    if len(words) > 1:
        words[1] = NAMES.get(words[1], words[1])
    if words[0] == "bind" and words[1][2] == ".":
        words[1] = f"/sys/devices/ap/card{words[1][:2]}/{words[1]}"
    elif words[0] == "bind":
        words[1] = f"/sys/bus/ap/{words[1]}"
    return " ".join(words)


def find_file(name):
    first, _, rest = name.partition("/")
    if first in NAMES:
        return f"/sys/devices/vfio_ap/matrix/{NAMES[first]}/{rest}"
    return f"/sys/bus/ap/devices/{name}"


class SimTest(unittest.TestCase):
    def make(self, directory, kernel, topology):
        host = os.path.join(directory, "host")
        text = DEFAULT
        if topology != "default":
            with open(os.path.join(TOPOLOGIES, topology + ".conf"), encoding="utf-8") as file:
                text = file.read()
        subprocess.run([VIRT_AP, "sim", "create", host, "--topology", "-", "--kernel", kernel],
                       input=text, encoding="utf-8", check=True)
        return host

    def run_case(self, kernel, topology, text):
        lines = [line for line in text.split("\n") if line]
        parts = [line.split(" -> ") for line in lines]
        operations = [expand(part[0]) for part in parts if not part[0].startswith("?")]
        with tempfile.TemporaryDirectory(dir=TMP) as directory:
            host = self.make(directory, kernel, topology)
            result = subprocess.run([AP_OPS_SIM, host], input="\n".join(operations) + "\n",
                                    stdout=subprocess.PIPE, encoding="utf-8", check=True)
        output = iter(result.stdout.split("\n"))
        state = {}
        changes = []
        for part in parts:
            if part[0].startswith("? "):
                _, name, *content = part[0].split(" ", 2)
                self.assertEqual(state.get(find_file(name), "").strip(), "".join(content), part[0])
                continue
            if not changes:
                next(output)
            self.assertEqual(next(output)[2:], part[1] if len(part) > 1 else "0", part[0])
            changes = []
            for line in output:
                if line.startswith("> "):
                    changes = [line]
                    break
                name, _, content = line.partition(" ")
                state[name] = content

    def test_cases(self):
        for title, kernels, topology, text in CASES:
            for kernel in kernels:
                with self.subTest(title=title, kernel=kernel):
                    self.run_case(kernel, topology, text)

    def test_what_a_guest_has_cannot_be_taken_from_it(self):
        ready = FREE + "write A assign_adapter 5\nwrite A assign_domain 4\n"
        for kernel, changed, removed in [("4.20", "EBUSY", "EBUSY"), ("6.12", "0", "0")]:
            with self.subTest(kernel=kernel), tempfile.TemporaryDirectory(dir=TMP) as directory:
                host = self.make(directory, kernel, "default")

                def run(text, host=host):
                    result = subprocess.run([AP_OPS_SIM, host], input=text, encoding="utf-8",
                                            stdout=subprocess.PIPE, check=True)
                    return [line for line in result.stdout.split("\n") if line[:1] == "="]

                run("\n".join(expand(line) for line in ready.split("\n") if line) + "\n")
                subprocess.run([VIRT_AP, "sim", "open", host, NAMES["A"]], check=True)
                if kernel != "4.20":
                    path = os.path.join(host, "sys/bus/ap/devices/05.0004/status")
                    with open(path, encoding="utf-8") as file:
                        self.assertEqual(file.read(), "in use\n")
                self.assertEqual(run(expand("write A unassign_domain 4\n")), ["= " + changed])
                self.assertEqual(run(expand("remove A") + "\n"), ["= " + removed])

    def test_a_long_matrix_is_cut_as_sysfs_cuts_it(self):
        with tempfile.TemporaryDirectory(dir=TMP) as directory:
            host = os.path.join(directory, "host")
            topology = "[machine]\nusage-domains=0-31\n" + "".join(
                f"[adapter {i}]\ntype=cex8\nmode=cca\n" for i in range(17))
            subprocess.run([VIRT_AP, "sim", "create", host, "--topology", "-", "--kernel", "7.2"],
                           input=topology, encoding="utf-8", check=True)
            text = "bind apmask 0\ncreate A\nwrite A ap_config ffff,ffffffff,0\n"
            operations = "\n".join(expand(line) for line in text.split("\n") if line) + "\n"
            subprocess.run([AP_OPS_SIM, host], input=operations, stdout=subprocess.DEVNULL,
                           encoding="utf-8", check=True)
            path = f"sys/devices/vfio_ap/matrix/{NAMES['A']}/matrix"
            with open(os.path.join(host, path), encoding="utf-8") as file:
                content = file.read()
        self.assertEqual(len(content), 4095)
        self.assertTrue(content.endswith("0f.001e\n0f.001f"))

    def test_bad_topologies_are_told(self):
        with tempfile.TemporaryDirectory(dir=TMP) as directory:
            host = os.path.join(directory, "host")
            for text, words in BAD_TOPOLOGIES:
                with self.subTest(text=text):
                    result = subprocess.run(
                        [VIRT_AP, "sim", "create", host, "--topology", "-", "--kernel", "6.12"],
                        input=text, capture_output=True, encoding="utf-8", check=False)
                    self.assertEqual(result.returncode, 4)
                    self.assertIn(words, result.stderr)
                    self.assertFalse(os.path.exists(host))

    def test_wrong_usage_is_told(self):
        with tempfile.TemporaryDirectory(dir=TMP) as directory:
            host = self.make(directory, "6.12", "small")
            for args in (["create", host, "--topology", "-"], ["create", host], ["what", host],
                         ["create", host, "--topology", TOPOLOGIES + "/small.conf", "--kernel",
                          "5.0"],
                         ["create", host, "--topology", TOPOLOGIES + "/small.conf", "--kernel",
                          "6.12"],
                         ["fail", host, "what", "EBUSY"], ["fail", host, "write", "EWHAT"],
                         ["open", host, "A"]):
                with self.subTest(args=args):
                    result = subprocess.run([VIRT_AP, "sim", *args], input="", encoding="utf-8",
                                            capture_output=True, check=False)
                    self.assertEqual(result.returncode, 2, result.stderr)


if __name__ == "__main__":
    unittest.main()
