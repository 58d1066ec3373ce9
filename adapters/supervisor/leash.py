"""Starts a program that dies with its parent: `leash.py PARENT [NAME=VALUE ...] -- PROGRAM ...`.

A program of its own, because what happens between fork and exec of a threaded process may
deadlock. The signal survives the exec and is sent when the parent dies, however it dies.
On systems without it the next supervisor ends what the last one left behind.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    parent = int(sys.argv[1])
    rest = sys.argv[2:]
    split = rest.index("--")
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the signal was asked for
        sys.exit("The supervisor is gone; nothing was started.")
    for assignment in rest[:split]:
        name, _, value = assignment.partition("=")
        os.environ[name] = value
    program = rest[split + 1 :]
    os.execvp(program[0], program)


if __name__ == "__main__":
    main()
