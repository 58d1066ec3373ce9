"""The wall between hostile bytes and the process that matters."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.ports import MailReader
from adapters.calendar_mail.sandbox import protocol
from adapters.calendar_mail.sandbox.client import Sandbox
from domain.inbox.model import Verdict
from tests.adapters.calendar_mail.reading.bombs import BOMBS

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


async def test_a_child_that_dies_makes_its_mail_unreadable(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answers_nothing(raw: bytes, kind: bytes) -> bytes:
        return protocol.PONG if kind == protocol.PING else b""

    server = sandbox._server
    assert server is not None
    monkeypatch.setattr(server, "ask", answers_nothing)

    reading = await sandbox.read(ANSWER)

    assert reading.verdict is Verdict.UNREADABLE
    assert "too much time or memory" in reading.problems[0]


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


async def test_a_child_cannot_grow_write_or_linger(sandbox: Sandbox) -> None:
    """What `_confine` sets is asked of a process that has called it."""
    asked = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import resource as r, signal\n"
        "from adapters.calendar_mail.sandbox.server import _confine\n"
        "_confine()\n"
        "names = ('AS', 'CPU', 'FSIZE', 'CORE', 'NOFILE')\n"
        "print(*(r.getrlimit(getattr(r, 'RLIMIT_' + n))[1] for n in names))\n"
        "print(signal.getitimer(signal.ITIMER_REAL)[0] > 0)\n",
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    printed, _ = await asked.communicate()

    assert printed.split() == [b"536870912", b"5", b"0", b"0", b"24", b"True"]
