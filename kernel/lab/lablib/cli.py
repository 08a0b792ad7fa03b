# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line of the lab."""

import argparse
import os
import pathlib
import signal
import sys

from . import common, kernel
from .common import LabError


def cmd_kernel(args):
    print(f"tree={kernel.build(args.kernel) / 'tree'}")


COMMANDS = {
    "kernel": (cmd_kernel, "build the kernel, print its tree to build modules against"),
}


def main():
    parser = argparse.ArgumentParser(prog="lab", description=__doc__)
    sub = parser.add_subparsers(dest="command", required=True)
    p = sub.add_parser("kernel")
    p.add_argument("--kernel", choices=("6.12", "newest"), default="6.12")
    args = parser.parse_args()
    common.catch_signals()
    try:
        return COMMANDS[args.command][0](args) or 0
    except LabError as error:
        print(f"lab: error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"lab: {error.hint}", file=sys.stderr)
        return error.status
    except common.Interrupted as interrupt:
        signal.signal(interrupt.signum, signal.SIG_DFL)
        os.kill(os.getpid(), interrupt.signum)
        return 128 + interrupt.signum
