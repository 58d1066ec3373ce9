"""The wall between hostile bytes and the process that matters."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.ports import MailReader
from adapters.calendar_mail.sandbox import protocol, server
from adapters.calendar_mail.sandbox.client import Sandbox, _End, _exchanged
from domain.errors import Unavailable
from domain.inbox.model import Reading, Verdict
from tests.adapters.calendar_mail.reading.bombs import BOMBS
from tests.patience import until

ROOT = Path(__file__).parents[4]
ANSWER = (
    b"From: alice@example.org\r\nContent-Type: text/calendar; method=REPLY\r\n\r\n"
    b"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nUID:1\r\n"
    b"ATTENDEE;PARTSTAT=ACCEPTED:mailto:alice@example.org\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        yield running


def server_pid(sandbox: Sandbox) -> int:
    server = sandbox._server
    assert server is not None
    return server._process.pid


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def gone(pid: int) -> None:
    """Wait until the process has ended, whoever its parent is."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(process, ended.set)
    await ended.wait()
    asyncio.get_running_loop().remove_reader(process)
    os.close(process)


async def test_it_is_a_mail_reader(sandbox: Sandbox) -> None:
    reader: MailReader = sandbox

    reading = await reader.read(ANSWER)

    assert reading.verdict is Verdict.ANSWER
    assert reading.answers[0].attendee == "alice@example.org"


async def test_many_mails_at_once_do_not_mix(sandbox: Sandbox) -> None:
    mails = [ANSWER.replace(b"UID:1", b"UID:%d" % number) for number in range(50)]

    readings = await asyncio.gather(*(sandbox.read(raw) for raw in mails))

    assert [reading.uid for reading in readings] == [str(number) for number in range(50)]


@pytest.mark.parametrize("name", [*list(BOMBS)[::5], "HTML comments that never end"])
async def test_a_bomb_gets_a_verdict_in_time(sandbox: Sandbox, name: str) -> None:
    async with asyncio.timeout(10):
        reading = await sandbox.read(BOMBS[name]())

    assert reading.verdict in Verdict
    assert (await sandbox.read(ANSWER)).verdict is Verdict.ANSWER


async def test_a_killed_server_costs_no_answer(sandbox: Sandbox) -> None:
    first = server_pid(sandbox)
    os.kill(first, signal.SIGKILL)

    reading = await sandbox.read(ANSWER)

    assert reading.verdict is Verdict.ANSWER
    assert server_pid(sandbox) != first


async def test_a_server_killed_while_reading_costs_no_answer(sandbox: Sandbox) -> None:
    readings = [asyncio.create_task(sandbox.read(ANSWER)) for _ in range(20)]
    await readings[0]
    os.kill(server_pid(sandbox), signal.SIGKILL)

    assert {reading.verdict for reading in await asyncio.gather(*readings)} == {Verdict.ANSWER}


def ends_with(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, *ends: _End) -> list[_End]:
    """Let the children end so, one after the other; gives those that have not yet ended."""
    left = list(ends)
    server = sandbox._server
    assert server is not None

    async def end(raw: bytes, kind: bytes) -> _End:
        return left.pop(0)

    monkeypatch.setattr(server, "ask", end)
    monkeypatch.setattr(sandbox, "_pauses", (0.0, 0.0))
    return left


KILLED = _End(b"", signal.SIGKILL)
ANSWERED = _End(Reading(verdict=Verdict.ANSWER).model_dump_json().encode(), 0)


@pytest.mark.parametrize("status", [signal.SIGKILL, signal.SIGALRM, signal.SIGSEGV, 1 << 8])
async def test_a_child_that_ends_for_an_unknown_reason_costs_no_answer(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    end = _End(b"", status)
    ends_with(sandbox, monkeypatch, end, end, ANSWERED)

    assert (await sandbox.read(ANSWER)).verdict is Verdict.ANSWER


async def test_a_mail_whose_children_all_die_is_unreadable(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_with(sandbox, monkeypatch, KILLED, KILLED, KILLED)

    reading = await sandbox.read(ANSWER)

    assert reading.verdict is Verdict.UNREADABLE
    assert "ended without an answer (-9)" in reading.problems[0]


@pytest.mark.parametrize(
    ("status", "words"),
    [(signal.SIGXCPU, "too much time"), (protocol.OUT_OF_MEMORY << 8, "too much memory")],
)
async def test_a_mail_that_costs_too_much_is_unreadable_at_once(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, status: int, words: str
) -> None:
    left = ends_with(sandbox, monkeypatch, _End(b"", status), ANSWERED)

    reading = await sandbox.read(ANSWER)

    assert reading.verdict is Verdict.UNREADABLE
    assert words in reading.problems[0]
    assert left == [ANSWERED]


async def test_a_killed_child_costs_no_answer(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_pauses", (0.0, 0.0))
    kills: list[int] = []

    async def kill_first(wall: socket.socket, raw: bytes) -> bytes:
        if not kills:
            await until(lambda: children_of(server_pid(sandbox)))
            kills.extend(children_of(server_pid(sandbox)))
            os.kill(kills[0], signal.SIGKILL)  # it waits for its mail
        return await _exchanged(wall, raw)

    monkeypatch.setattr("adapters.calendar_mail.sandbox.client._exchanged", kill_first)

    assert (await sandbox.read(ANSWER)).verdict is Verdict.ANSWER
    assert len(kills) == 1


def children_of(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_a_server_that_cannot_start_is_no_verdict_on_a_mail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("adapters.calendar_mail.sandbox.client._SERVER", "no.such.module")
    async with Sandbox(pauses=(0.0, 0.0)) as broken:
        with pytest.raises(Unavailable):
            await broken.read(ANSWER)


async def test_a_python_that_cannot_be_run_is_no_verdict_on_a_mail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    async with Sandbox(pauses=(0.0, 0.0)) as broken:
        with pytest.raises(Unavailable):
            await broken.read(ANSWER)


async def test_a_fork_that_fails_is_no_verdict_on_a_mail(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends_with(sandbox, monkeypatch, _End(b"", protocol.NOT_FORKED))

    with pytest.raises(Unavailable):
        await sandbox.read(ANSWER)


def test_the_server_says_that_it_could_not_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", fail)
    asking, asked = socket.socketpair()
    wall, wall_end = socket.socketpair()
    told, report = socket.socketpair()
    with asking, asked, wall, wall_end, told, report:
        socket.send_fds(asking, [protocol.AS_MAIL], [wall_end.fileno(), report.fileno()])

        assert server._Server(asked).serve_one()

        assert protocol.REPORT.unpack(told.recv(16)) == (protocol.NOT_FORKED,)


async def test_a_hung_server_is_replaced(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.calendar_mail.sandbox.limits.PATIENCE_SECONDS", 2.0)
    hung = server_pid(sandbox)
    os.kill(hung, signal.SIGSTOP)

    reading = await sandbox.read(ANSWER)

    assert reading.verdict is Verdict.ANSWER
    assert not is_running(hung)


async def test_a_cancelled_reader_leaves_the_sandbox_usable(sandbox: Sandbox) -> None:
    task = asyncio.create_task(sandbox.read(BOMBS["10,000 events"]()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (await sandbox.read(ANSWER)).verdict is Verdict.ANSWER


async def test_leaving_ends_the_server() -> None:
    async with Sandbox() as sandbox:
        await sandbox.read(ANSWER)
        pid = server_pid(sandbox)

    assert not is_running(pid)


async def test_the_server_ends_with_its_parent() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import asyncio\n"
        "from adapters.calendar_mail.sandbox.client import Sandbox\n"
        "async def main():\n"
        "    async with Sandbox() as sandbox:\n"
        "        await sandbox.read(b'x')\n"
        "        print(sandbox._server._process.pid, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n",
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())

    parent.kill()
    await parent.wait()

    async with asyncio.timeout(10):
        await gone(pid)


async def confined(code: str) -> tuple[bytes, int]:
    """What a process prints that has called `_confine`, and how it ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import resource as r, signal\n"
        "from adapters.calendar_mail.sandbox import limits\n"
        f"from adapters.calendar_mail.sandbox.server import _confine\n{code}",
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return printed, process.returncode


async def test_a_child_cannot_grow_write_or_linger() -> None:
    printed, _ = await confined(
        "_confine()\n"
        "names = ('AS', 'CPU', 'FSIZE', 'CORE', 'NOFILE')\n"
        "print(*(r.getrlimit(getattr(r, 'RLIMIT_' + n))[0] for n in names))\n"
        "print(signal.getitimer(signal.ITIMER_REAL)[0] > 0)\n"
    )

    assert printed.split() == [b"536870912", b"5", b"0", b"0", b"24", b"True"]


async def test_a_child_that_computes_too_long_ends_by_a_signal_that_says_so() -> None:
    _, code = await confined("limits.CPU_SECONDS = 1\n_confine()\nwhile True: pass\n")

    assert code == -signal.SIGXCPU
