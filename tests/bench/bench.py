#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the programs take, side by side with the least that anybody could take: bench.py BUILD_DIR.

`./dev bench` runs it on an optimised build. Each pair is measured alternately and the best of many
runs counts, in CPU time, so that a busy machine does not matter; nothing here waits for anything.
AP_CHECK=PATH also measures s390-tools' ap-check. Exits with 1 if a goal is missed."""

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import big_host  # noqa: E402 pylint: disable=wrong-import-position

UUID = "aaaaaaaa-0000-4000-8000-000000000000"
DEFINITIONS = "etc/mdevctl.d/matrix"
CANDIDATE = (255, 4)
missed = []


def definition(adapter, domain):
    """One queue, started at boot, as mdevctl writes it."""
    return json.dumps({
        "mdev_type": "vfio_ap-passthrough", "start": "auto",
        "attrs": [{"assign_adapter": str(adapter)}, {"assign_domain": str(domain)}]}, indent=2)


def make_host(root, adapters, domains):
    """An AP bus with the queue of the candidate, and a definition for each adapter and domain."""
    out = big_host.Writer(root)
    big_host.write_bus(out, set(range(256)), set(range(256)))
    big_host.write_queues(out, [CANDIDATE[0]], [CANDIDATE[1]], set())
    (root / "sys/devices/vfio_ap/matrix").mkdir(parents=True)
    directory = root / DEFINITIONS
    directory.mkdir(parents=True)
    for number in range(adapters * domains):
        path = directory / f"{number:08x}-0000-4000-8000-000000000000"
        path.write_text(definition(*divmod(number, domains)), encoding="ascii")
    return root


def once(argv, text=""):
    """Seconds of CPU time that a command takes, with its children; it reads @text."""
    with tempfile.TemporaryFile() as given:
        given.write(text.encode())
        given.seek(0)
        actions = [(os.POSIX_SPAWN_DUP2, given.fileno(), 0),
                   (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                   (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)
        usage = os.wait4(pid, 0)[2]
        return usage.ru_utime + usage.ru_stime


def best(runs, *commands):
    """The best time of each command: a list of (argv, text) whose times are added."""
    times = [[sum(once(*part) for part in command) for command in commands] for _ in range(runs)]
    return [min(column) * 1000 for column in zip(*times)]


def row(what, ours, other, other_name, limit=None, unit="ms"):
    """Prints a line; @limit is how often the other's time ours may take."""
    verdict = ""
    if limit:
        verdict = f"at most {limit:g}x"
        if ours > limit * other:
            verdict += "  MISSED"
            missed.append(what)
    print(f"{what:<52} {ours:8.2f} {unit}  {other:8.2f} {unit} {other_name:<9}"
          f" {ours / other:6.2f}x  {verdict}", flush=True)


def row_absolute(what, ours, limit, unit="ms", floor=None):
    verdict = f"under {limit:g} {unit}"
    if ours >= limit:
        verdict += "  MISSED"
        missed.append(what)
    beside = (f"{floor:8.2f} {unit} floor     {ours / floor:6.2f}x" if floor
              else " " * (21 + len(unit)))
    print(f"{what:<52} {ours:8.2f} {unit}  {beside}  {verdict}", flush=True)


def event(program, name, action, root=None):
    words = [str(program), "-t", "vfio_ap-passthrough", "-e", name, "-a", action, "-s", "none",
             "-u", UUID, "-p", "matrix"]
    text = definition(*CANDIDATE) if name == "pre" else \
        '{"provides":{"version":2,"actions":["capabilities"],"events":["get"]}}'
    return words + (["--root", str(root)] if root else []), text


def measure_callout(build, work):
    callout = build / "src/node_device/libvirt-ap-callout"
    floor = str(build / "tests/bench/bench-floor")
    for adapters, domains, runs, limit in ((60, 85, 30, 2), (1, 10, 200, None)):
        count = adapters * domains
        root = make_host(work / f"definitions-{count}", adapters, domains)
        ours, least = best(runs, [event(callout, "pre", "define", root)],
                           [([floor, str(root / DEFINITIONS)], "")])
        row(f"callout: pre define, {count:,} definitions", ours, least, "floor", limit)
        if os.environ.get("AP_CHECK"):
            measure_ap_check(build, root, runs, count)
    ours, least = best(200, [event(callout, "get", "capabilities")], [([floor], "")])
    row("callout: capabilities", ours, least, "floor")


def make_active(root, count):
    """The host of make_host() with @count active matrices beside the one that is asked about."""
    make_host(root, 0, 0)
    out = big_host.Writer(root)
    out.file("/sys/devices/vfio_ap/matrix/features", "guest_matrix hotplug ap_config\n")
    for number in range(count):
        big_host.write_matrix(out, number, number // 85, [number % 85])
    masks = ",".join(big_host.mask_text(ids) for ids in ({255}, {6}, ()))
    out.file(f"/sys/devices/vfio_ap/matrix/{UUID}/ap_config", masks + "\n")
    shutil.rmtree(root / DEFINITIONS)
    return root


def measure_active(build, work):
    """What asks about one matrix must not get slower the more others are active."""
    callout = build / "src/node_device/libvirt-ap-callout"
    few, many = (make_active(work / f"active-{count}", count) for count in (10, 1000))
    for name, action, limit in (("pre", "start", 1.1), ("get", "attributes", 1.1)):
        ours, other = best(200, [event(callout, name, action, many)],
                           [event(callout, name, action, few)])
        row(f"callout: {name} {action}, 1,000 others active (10)", ours, other, "for 10", limit)


def measure_ap_check(build, root, runs, count):
    """ap-check knows no other root: both run where the definitions are mounted on /etc/mdevctl.d.

    mdevctl calls twice for one command, so the capabilities count."""
    script = ('mount --bind "$1" /etc/mdevctl.d && mount -t tmpfs none /run/lock && '
              'shift && exec "$@"')
    answer = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", str(root / "etc/mdevctl.d"), sys.executable,
         str(HERE / "bench.py"), "--beside", str(build), str(runs)],
        check=True, capture_output=True, text=True).stdout
    ours, other = json.loads(answer)
    row(f"callout: capabilities and pre define, {count:,}", ours, other, "ap-check",
        1.5 if count == 10 else 1)


def measure_beside(build, runs):
    """In the namespace of measure_ap_check()."""
    pairs = [[event(program, "get", "capabilities"), event(program, "pre", "define")]
             for program in (build / "src/node_device/libvirt-ap-callout",
                             os.path.abspath(os.environ["AP_CHECK"]))]
    print(json.dumps(best(runs, *pairs)))


def measure_engine(build, work):
    # One card with one queue: what the host's files take does not count here.
    root = work / "one-queue"
    big_host.build(root, 1, 1, 1, 0)
    shutil.rmtree(root / "sys/devices/vfio_ap/matrix")
    done = subprocess.run([build / "tests/bench/bench-in-memory", root], check=True,
                          capture_output=True, text=True)
    times = {name: float(value) for name, value in map(str.split, done.stdout.splitlines())}
    row_absolute("in memory: one candidate against 65,536 matrices", times["check"] / 1e6, 1)
    row("in memory: owner of an APQN, 65,536 matrices (10)", times["lookup-65536"],
        times["lookup-10"], "for 10", 3, "ns")
    row_absolute("plan: the slowest of 1 to 64 queues, 60 x 85, taken at random",
                 times["plan-random"] / 1e6, 100)
    row_absolute("plan: 2,000 queues, 60 x 85, beside 100 small matrices",
                 times["plan-2000"] / 1e6, 100)


def directories(root, *patterns):
    return [str(path) for pattern in patterns for path in sorted(root.glob(pattern))]


def measure_virt_ap(build, work):
    virt_ap = str(build / "tools/virt-ap")
    floor = str(build / "tests/bench/bench-floor")
    root = work / "guests"
    big_host.build(root, 60, 85, 5100, 5100)
    files = directories(root, "etc/libvirt/qemu", "run/libvirt/qemu", DEFINITIONS,
                        "sys/devices/ap/card*", "sys/devices/ap/card*/*.*",
                        "sys/devices/vfio_ap/matrix/*")
    ours, least = best(3, [([virt_ap, "--root", str(root), "check"], "")],
                       [([floor, *files], "")])
    row_absolute("virt-ap check: audit of 5,100 guests, 5,100 queues", ours / 1000, 1, "s ",
                 least / 1000)
    root = work / "queues"
    big_host.build(root, 16, 85, 96, 96)
    files = directories(root, "sys/devices/ap/card*", "sys/devices/ap/card*/*.*",
                        "sys/devices/vfio_ap/matrix/*")
    ours, least = best(20, [([virt_ap, "--root", str(root), "list"], "")],
                       [([floor, *files], "")])
    row_absolute("virt-ap list: 1,360 queues, 96 matrices", ours, 50, floor=least)


def weigh(argv):
    """Seconds of CPU time and MB of memory that a command takes."""
    actions = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)
    usage = os.wait4(pid, 0)[2]
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def many_definitions(root, count, choose):
    """As many definitions; @choose gives the adapters and domains of each."""
    big_host.build(root, 60, 85, 1, 0)
    shutil.rmtree(root / DEFINITIONS)
    shutil.rmtree(root / "sys/devices/vfio_ap/matrix")
    (root / DEFINITIONS).mkdir()
    (root / "sys/devices/vfio_ap/matrix").mkdir()
    for number in range(count):
        adapters, domains = choose(number)
        attrs = [{"assign_adapter": str(i)} for i in adapters]
        attrs += [{"assign_domain": str(i)} for i in domains]
        text = json.dumps({"mdev_type": "vfio_ap-passthrough", "start": "manual", "attrs": attrs})
        path = root / DEFINITIONS / f"{number:08x}-0000-4000-8000-000000000000"
        path.write_text(text, encoding="ascii")
    return root


def measure_audits(build, work):
    """What a support dump can hold at worst: each pair of definitions shares a queue."""
    virt_ap = str(build / "tools/virt-ap")
    dice = random.Random(1)

    def some(_):
        return [sorted(dice.sample(range(256), dice.choice((1, 2, 8, 64)))) for _ in range(2)]

    for what, count, choose in (("one queue", 20000, lambda _: ([1], [4])),
                                ("random queues", 20000, some),
                                ("65,536 queues each", 300, lambda _: (range(256), range(256)))):
        root = many_definitions(work / "audit", count, choose)
        seconds, megabytes = weigh([virt_ap, "--root", str(root), "check", "--json"])
        row_absolute(f"audit: {count:,} definitions, {what}", seconds, 5, "s ")
        row_absolute(f"audit: {count:,} definitions, {what}: memory", megabytes, 500, "MB")
        shutil.rmtree(root)


def measure_hook(build):
    """A guest without AP whose XML is big: libvirt starts the hook three times for it."""
    disks = "".join(f"<disk type='file' device='disk'><source file='/images/{i}.qcow2'/>"
                    f"<target dev='vd{i}' bus='virtio'/></disk>\n" for i in range(500))
    text = (f"<domain type='kvm'><name>big</name><uuid>{UUID}</uuid><devices>\n{disks}</devices>"
            "</domain>")
    hook = [str(build / "src/qemu/libvirt-ap-hook"), "big", "prepare", "begin", "-"]
    ours, least = best(200, [(hook, text)], [(["/bin/true"], text)])
    row(f"hook: guest without AP, {len(text) / 1000:.0f} kB of XML", ours, least, "/bin/true")


def main():
    if sys.argv[1] == "--beside":
        return measure_beside(pathlib.Path(sys.argv[2]), int(sys.argv[3]))
    build = pathlib.Path(sys.argv[1]).resolve()
    print(f"{'':<52} {'here':>8}     {'beside it':>12}")
    with tempfile.TemporaryDirectory(prefix="libvirt-ap-bench.") as work:
        work = pathlib.Path(work)
        measure_callout(build, work)
        measure_active(build, work)
        measure_engine(build, work)
        measure_virt_ap(build, work)
        measure_audits(build, work)
    measure_hook(build)
    if missed:
        print(f"missed: {'; '.join(missed)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
