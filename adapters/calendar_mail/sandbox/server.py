"""The fork server: everything is loaded once, then one limited child reads one mail.

Run as `python -m adapters.calendar_mail.sandbox.server FD`, FD being a Unix socket. For each
byte on it comes one descriptor; a child is forked that reads a mail from that descriptor until
its end and writes the reading back as JSON. The server itself never touches a mail, and ends
when the other side of FD does.
"""

import contextlib
import ctypes
import gc
import os
import resource
import signal
import socket
import sys

from adapters.calendar_mail.reading.reader import read_calendar, read_mail
from adapters.calendar_mail.sandbox import limits, protocol
from domain.inbox.model import Reading

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_SAMPLE = b"""From: one@example.org
Content-Type: text/calendar; method=REPLY

BEGIN:VCALENDAR
METHOD:REPLY
BEGIN:VEVENT
UID:warm
DTSTAMP:20260101T000000Z
DTSTART;TZID=W. Europe Standard Time:20260101T100000
DTEND;TZID="Sarajevo, Skopje, Warsaw, Zagreb":20260101T110000
ATTENDEE;PARTSTAT=ACCEPTED:mailto:one@example.org
END:VEVENT
END:VCALENDAR
"""


def main() -> None:
    """Serve the socket whose descriptor is the first argument until it is closed."""
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then leaves
    read_mail(_SAMPLE).model_dump_json()
    gc.collect()
    gc.freeze()  # shared pages stay shared in the children
    gc.disable()  # and a child ends before its garbage matters
    while True:
        kind, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not kind:
            return
        for descriptor in descriptors:
            if kind == protocol.PING:
                _pong(descriptor)
            else:
                _fork(control, descriptor, kind)


def _pong(descriptor: int) -> None:
    with contextlib.suppress(OSError), socket.socket(fileno=descriptor) as wall:
        wall.sendall(protocol.PONG)


def _fork(control: socket.socket, descriptor: int, kind: bytes) -> None:
    """Start a child for `descriptor`. If there is none to be had the descriptor is closed,
    which the waiting parent sees as a reading that failed."""
    with contextlib.suppress(OSError):
        if os.fork() == 0:
            _child(control, descriptor, kind)
    os.close(descriptor)


def _child(control: socket.socket, descriptor: int, kind: bytes) -> None:
    """Read one mail and leave without returning, whatever happens."""
    try:
        control.close()
        _confine()
        with socket.socket(fileno=descriptor) as wall:
            raw = _received(wall)
            reading = read_calendar(raw) if kind == protocol.AS_CALENDAR else read_mail(raw)
            wall.sendall(_as_json(reading))
    finally:
        os._exit(0)


def _confine() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.WALL_SECONDS)
    for which, most in (
        (resource.RLIMIT_AS, limits.MEMORY_BYTES),
        (resource.RLIMIT_CPU, limits.CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, limits.OPEN_FILES),
    ):
        resource.setrlimit(which, (most, most))


def _received(wall: socket.socket) -> bytes:
    pieces = []
    while piece := wall.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def _as_json(reading: Reading) -> bytes:
    return reading.model_dump_json().encode("utf-8", "replace")[: limits.RESULT_BYTES]


if __name__ == "__main__":
    main()
