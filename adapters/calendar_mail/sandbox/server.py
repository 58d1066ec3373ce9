"""The fork server: everything is loaded once, then one limited child reads one mail.

Run as `python -m adapters.calendar_mail.sandbox.server FD`, FD being a Unix socket that speaks
`protocol`. The server itself never touches a mail: it says how each child ended, and ends when
the other side of FD does.
"""

import contextlib
import ctypes
import gc
import os
import resource
import select
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
    ended = _told_of_children()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then leaves
    read_mail(_SAMPLE).model_dump_json()
    gc.collect()
    gc.freeze()  # shared pages stay shared in the children
    gc.disable()  # and a child ends before its garbage matters
    server = _Server(control)
    while True:
        ready, _, _ = select.select([control, ended], [], [])
        if ended in ready:
            ended.recv(1 << 10)
            server.report_ended()
        if control in ready and not server.serve_one():
            return


def _told_of_children() -> socket.socket:
    """A socket that can be read from whenever a child has ended."""
    ended, telling = socket.socketpair()
    telling.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # ignored ones wake nobody
    signal.set_wakeup_fd(telling.detach(), warn_on_full_buffer=False)
    return ended


class _Server:
    """The children, and where to report the end of each."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._reports: dict[int, socket.socket] = {}

    def serve_one(self) -> bool:
        """Start a child for the next mail; False when nobody asks any more."""
        kind, descriptors, _, _ = socket.recv_fds(self._control, 1, 2)
        if not kind:
            return False
        wall, report = (socket.socket(fileno=one) for one in descriptors)
        with wall:
            self._fork(wall, report, kind)
        return True

    def _fork(self, wall: socket.socket, report: socket.socket, kind: bytes) -> None:
        try:
            child = os.fork()
        except OSError:
            _send(report, protocol.NOT_FORKED)
            return
        if child == 0:
            for other in (self._control, report, *self._reports.values()):
                other.close()  # what a mail may do to its reader must not reach other readings
            _read(wall, kind)
        self._reports[child] = report

    def report_ended(self) -> None:
        """Pass on how children have ended since the last call."""
        while self._reports:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            _send(self._reports.pop(child), status)


def _send(report: socket.socket, status: int) -> None:
    with contextlib.suppress(OSError), report:  # whoever asked may be gone
        report.sendall(protocol.REPORT.pack(status))


def _read(wall: socket.socket, kind: bytes) -> None:
    """In the child: read one mail and leave without returning, whatever happens."""
    code = 1
    try:
        _confine()
        raw = _received(wall)
        reading = read_calendar(raw) if kind == protocol.AS_CALENDAR else read_mail(raw)
        wall.sendall(_as_json(reading))
        code = 0
    except MemoryError:
        code = protocol.OUT_OF_MEMORY
    finally:
        os._exit(code)


def _confine() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.WALL_SECONDS)
    # Where both limits are equal the kernel sends SIGKILL at once, which tells nobody why.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.CPU_SECONDS, limits.CPU_SECONDS + 1))
    for which, most in (
        (resource.RLIMIT_AS, limits.MEMORY_BYTES),
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
