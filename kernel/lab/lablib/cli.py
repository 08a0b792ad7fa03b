# SPDX-License-Identifier: LGPL-2.1-or-later
"""An IBM Z KVM host with crypto adapters, emulated on this machine. See kernel/lab/README.rst."""

import argparse
import os
import pathlib
import signal
import sys

from . import common, lab
from .common import LabError


def _print(pairs):
    for name, value in pairs.items():
        print(f"{name}={value}")


def cmd_up(args):
    _print(lab.up(args))


def cmd_status(_args):
    _print(lab.status())


def cmd_run(args):
    return lab.run(args.argv)


def cmd_fault(args):
    return lab.fault(args.words)


def cmd_reboot(_args):
    _print(lab.reboot())


def cmd_down(_args):
    common.say("the lab is down" if lab.down() else "no lab was running")


def cmd_console(_args):
    sys.stdout.write(lab.console())


def cmd_build(args):
    print(f"tree={lab.kernel.build(args.kernel) / 'tree'}")


def cmd_sysroot(_args):
    made = lab.sysroot.build()
    _print({"sysroot": made / "root",
            "cross_file": lab.sysroot.cross_file(made, lab.sysroot.find_runner())})


def cmd_packages(_args):
    print(" ".join(lab.packages()))


def cmd_refresh(_args):
    lab.refresh()


def cmd_clean(_args):
    lab.clean()


def parser():
    top = argparse.ArgumentParser(prog="lab", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name, function, text):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(function=function)
        return command

    up = add("up", cmd_up, "boot the lab, building what it needs; nothing to do if it runs")
    up.add_argument("--topology", metavar="FILE", type=pathlib.Path, default=lab.TOPOLOGY,
                    help="adapters and domains (default: topologies/default.conf)")
    up.add_argument("--kernel", choices=("6.12", "newest"), default="6.12",
                    help="Debian 13's, or the newest source of Debian unstable")
    up.add_argument("--init", choices=("minimal", "systemd"), default="minimal")
    up.add_argument("--without-callout", action="store_true",
                    help="leave out libvirt-ap's mdevctl callout")
    add("status", cmd_status, "where the running lab is, as NAME=VALUE lines; 125 if there is none")
    run = add("run", cmd_run, "run a command in the lab, with its streams and its exit code")
    run.add_argument("argv", nargs=argparse.REMAINDER, metavar="-- ARGV...")
    fault = add("fault", cmd_fault, "change the AP hardware, e.g. `fault adapter 5 remove`")
    fault.add_argument("words", nargs=argparse.REMAINDER, metavar="COMMAND...")
    add("reboot", cmd_reboot, "shut the lab down and boot it again; its disk stays")
    add("down", cmd_down, "end the lab and forget its disk")
    add("console", cmd_console, "what the lab's kernel and init wrote")
    build = add("kernel", cmd_build, "build the kernel; print its tree, to build modules against")
    build.add_argument("--kernel", choices=("6.12", "newest"), default="6.12")
    add("sysroot", cmd_sysroot, "print the s390x sysroot and Meson cross file")
    add("packages", cmd_packages, "print what the lab needs from this machine's distribution")
    add("refresh", cmd_refresh, "look for newer Debian packages at the next `up`")
    add("clean", cmd_clean, "remove everything that was built or downloaded")
    return top


def main():
    # argparse would interpret what belongs to the command: cut it off first.
    argv = sys.argv[1:]
    if argv[:2] == ["run", "--"]:
        args = parser().parse_args(["run"])
        args.argv = argv[2:]
    else:
        args = parser().parse_args(argv)
    os.umask(0o022)
    common.catch_signals()
    try:
        status = args.function(args) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # `lab status | head -1`: what is left unread is not missed, at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except LabError as error:
        print(f"lab: error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"lab: {error.hint}", file=sys.stderr)
        return error.status
    except common.Interrupted as interrupt:
        signal.signal(interrupt.signum, signal.SIG_DFL)
        os.kill(os.getpid(), interrupt.signum)
        return 128 + interrupt.signum


