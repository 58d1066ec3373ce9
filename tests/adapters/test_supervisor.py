"""Promises of the supervisor: children live as long as it does, and no longer."""

import asyncio
import json
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from adapters.supervisor.child import MISSES, Child, ChildFailed, ChildPlan
from adapters.supervisor.ports import check_free, choose_ports
from adapters.supervisor.processes import Process, birth_of, end_group, is_alive
from adapters.supervisor.pulse import answers, reached_at
from adapters.supervisor.supervisor import Supervisor
from adapters.supervisor.tenure import AlreadyUp, Tenure
from domain.errors import BadInput, Unavailable
from tests.patience import until

ROOT = Path(__file__).parents[2]

# A child that says it is ready, and writes down when it was asked to stop.
PROGRAM = textwrap.dedent("""
    import os, signal, sys, subprocess, time
    name, diary, ready = sys.argv[1], sys.argv[2], sys.argv[-1]
    def note(word):
        with open(diary, "a") as file:
            file.write(f"{name} {word} {os.getpid()}\\n")
    def leave(*_):
        note("stopped")
        sys.exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN if "stubborn" in sys.argv else leave)
    if "crashing" in sys.argv:
        print("no luck today", flush=True)
        sys.exit(3)
    if "with-helper" in sys.argv:
        helper = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        note(f"helper={helper.pid}")
    note("started")
    if "prepared" not in sys.argv:
        os.write(int(ready), b"1")
    while "chatty" in sys.argv:
        print("something happened " * 50, flush=True)
        time.sleep(0.001)
    while True:
        signal.pause()
""")

# A supervisor of its own process, to be killed.
SUPERVISOR = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from adapters.supervisor.child import Child, ChildPlan
    from adapters.supervisor.supervisor import Supervisor
    from adapters.supervisor.tenure import Tenure
    async def main(data, program):
        tenure = Tenure.claim(data)
        await tenure.end_orphans()
        plan = ChildPlan("one", [sys.executable, program, "one", str(data / "diary")])
        child = Child(plan, data, tenure, print)
        await Supervisor([child]).start()
        print(child.pid, flush=True)
        await asyncio.Event().wait()
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
""")

Plan = Callable[..., ChildPlan]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    def make(name: str, *manners: str, **more: Any) -> ChildPlan:
        command = [sys.executable, str(program), name, str(tmp_path / "diary"), *manners]
        return ChildPlan(name, command, **{"stop_within": 10.0, "tries": 2, **more})

    return make


@pytest.fixture
async def tenure(tmp_path: Path) -> AsyncIterator[Tenure]:
    held = Tenure.claim(tmp_path)
    yield held
    held.release()


def diary(tmp_path: Path, word: str) -> list[str]:
    path = tmp_path / "diary"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.split()[0] for line in lines if line.split()[1] == word]


def children_of(
    plans: Sequence[ChildPlan], tmp_path: Path, tenure: Tenure, news: list[str] | None = None
) -> list[Child]:
    heard = [] if news is None else news
    return [Child(plan, tmp_path, tenure, heard.append) for plan in plans]


async def test_children_stop_in_the_reverse_of_their_order(
    plan: Plan, tmp_path: Path, tenure: Tenure
) -> None:
    children = children_of([plan("server"), plan("service"), plan("worker")], tmp_path, tenure)
    supervisor = Supervisor(children)

    await supervisor.start()
    await supervisor.stop()

    assert diary(tmp_path, "stopped") == ["worker", "service", "server"]
    assert json.loads((tmp_path / "up.json").read_text()) == []


async def test_a_killed_child_is_started_again(plan: Plan, tmp_path: Path, tenure: Tenure) -> None:
    news: list[str] = []
    (child,) = children_of([plan("one")], tmp_path, tenure, news)
    supervisor = Supervisor([child])
    await supervisor.start()
    first = child.pid
    assert first is not None

    os.kill(first, signal.SIGKILL)
    await until(lambda: len(diary(tmp_path, "started")) == 2)

    assert child.pid not in (None, first)
    assert news == ["one was killed by signal 9; starting it again"]
    await supervisor.stop()


async def test_what_a_killed_child_had_started_is_ended_with_it(
    plan: Plan, tmp_path: Path, tenure: Tenure
) -> None:
    (child,) = children_of([plan("one", "with-helper")], tmp_path, tenure)
    supervisor = Supervisor([child])
    await supervisor.start()
    helper = int((tmp_path / "diary").read_text().split("helper=")[1].split()[0])
    assert child.pid is not None

    os.kill(child.pid, signal.SIGKILL)
    await until(lambda: birth_of(helper) is None)

    await supervisor.stop()


async def test_a_child_that_will_not_stop_is_ended(
    plan: Plan, tmp_path: Path, tenure: Tenure
) -> None:
    news: list[str] = []
    (child,) = children_of([plan("one", "stubborn", stop_within=0.2)], tmp_path, tenure, news)
    supervisor = Supervisor([child])
    await supervisor.start()
    pid = child.pid
    assert pid is not None

    await supervisor.stop()

    assert birth_of(pid) is None
    assert news == ["one did not stop in 0.2 s; ended it"]


async def test_a_child_that_lives_and_does_not_answer_is_ended_and_started_again(
    plan: Plan, tmp_path: Path, tenure: Tenure
) -> None:
    news: list[str] = []

    async def is_alive() -> bool:
        return len(diary(tmp_path, "started")) > 1

    (child,) = children_of(
        [plan("one", "stubborn", is_alive=is_alive, look_every=0.01)], tmp_path, tenure, news
    )
    supervisor = Supervisor([child])
    await supervisor.start()

    await until(lambda: len(diary(tmp_path, "started")) == 2)

    assert news[0] == "one does not answer any more; ending it"
    child.kill()
    await supervisor.stop()


async def test_a_child_that_is_merely_slow_is_left_alone(
    plan: Plan, tmp_path: Path, tenure: Tenure
) -> None:
    looks = 0

    async def is_alive() -> bool:
        nonlocal looks
        looks += 1
        if looks % MISSES:
            raise TimeoutError
        return True

    (child,) = children_of([plan("one", is_alive=is_alive, look_every=0.001)], tmp_path, tenure)
    supervisor = Supervisor([child])
    await supervisor.start()

    await until(lambda: looks > 10 * MISSES)

    assert len(diary(tmp_path, "started")) == 1
    await supervisor.stop()


def test_a_slow_machine_has_minutes_rather_than_seconds() -> None:
    plan = ChildPlan("service", [])

    assert MISSES * (plan.look_every + plan.look_within) >= 90


@pytest.mark.parametrize(
    ("answer", "is_alive"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False),
        (b"", False),
    ],
)
async def test_a_service_is_alive_that_says_so(answer: bytes, is_alive: bool) -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    assert await answers("0.0.0.0", port) is is_alive
    assert asked == [b"GET /livez HTTP/1.1\r\n"]
    server.close()
    await server.wait_closed()
    with pytest.raises(ConnectionRefusedError):
        await answers("127.0.0.1", port)


async def test_a_restarted_child_that_cannot_be_prepared_is_reported_and_tried_again(
    plan: Plan, tmp_path: Path, tenure: Tenure
) -> None:
    news: list[str] = []
    faults: list[Exception | None] = [None, Unavailable("no namespace"), None]

    async def prepare() -> None:
        await until(lambda: len(diary(tmp_path, "started")) == 4 - len(faults))
        if (fault := faults.pop(0)) is not None:
            raise fault

    (child,) = children_of([plan("one", "prepared", prepare=prepare)], tmp_path, tenure, news)
    supervisor = Supervisor([child])
    await supervisor.start()
    assert child.pid is not None

    os.kill(child.pid, signal.SIGKILL)
    await until(lambda: len(diary(tmp_path, "started")) == 3 and not faults)

    assert news == [
        "one was killed by signal 9; starting it again",
        "one did not get ready: no namespace; ending it",
        "one was killed by signal 9; starting it again",
    ]
    await supervisor.stop()


async def test_the_log_of_a_child_that_never_ends_does_not_grow_for_ever(
    plan: Plan, tmp_path: Path, tenure: Tenure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.supervisor.child._LOOK_AT_LOG_EVERY", 0.01)
    (child,) = children_of([plan("one", "chatty", log_limit=20_000)], tmp_path, tenure)
    supervisor = Supervisor([child])
    await supervisor.start()
    aside = tmp_path / "one.log.1"

    await until(aside.exists)
    first = aside.stat().st_mtime_ns
    await until(lambda: aside.stat().st_mtime_ns > first)

    assert b"\0" not in child.log.read_bytes(), "it appends, and leaves no hole"
    assert child.log.stat().st_size < 1_000_000
    await supervisor.stop()


async def test_a_child_that_never_gets_ready_is_given_up_with_its_last_words(
    plan: Plan, tmp_path: Path, tenure: Tenure
) -> None:
    (child,) = children_of([plan("one", "crashing")], tmp_path, tenure)
    supervisor = Supervisor([child])

    with pytest.raises(ChildFailed, match="one ended with status 3"):
        await supervisor.start()

    assert child.last_words().splitlines()[-1] == "no luck today"
    await supervisor.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="the leash is a Linux feature")
async def test_children_die_with_a_killed_supervisor_and_another_takes_over(
    plan: Plan, tmp_path: Path
) -> None:
    plan("one")
    first, child = await start_supervisor(tmp_path)

    first.kill()
    await first.wait()
    await until(lambda: birth_of(child) is None)

    second, _ = await start_supervisor(tmp_path)
    second.kill()
    await second.wait()


async def start_supervisor(tmp_path: Path) -> tuple[asyncio.subprocess.Process, int]:
    """Another process that supervises, and the pid of its child."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SUPERVISOR, str(tmp_path), str(tmp_path / "program.py")),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    return process, int(await asyncio.wait_for(process.stdout.readline(), 20))


async def test_a_second_supervisor_is_refused_and_told_the_pid_of_the_first(
    plan: Plan, tmp_path: Path
) -> None:
    plan("one")
    first, _ = await start_supervisor(tmp_path)

    with pytest.raises(AlreadyUp, match=f"process {first.pid}") as refusal:
        Tenure.claim(tmp_path)

    assert refusal.value.pid == first.pid
    first.kill()
    await first.wait()


async def test_an_orphan_is_ended_at_the_next_start(tmp_path: Path) -> None:
    orphan = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import signal; signal.pause()"), start_new_session=True
    )
    before = Tenure.claim(tmp_path)
    before.note("service", orphan.pid)
    before.release()

    after = Tenure.claim(tmp_path)
    waiting = asyncio.create_task(orphan.wait())
    ended = await after.end_orphans()

    assert [process.name for process in ended] == ["service"]
    assert await waiting == -signal.SIGKILL
    after.release()


async def test_a_stranger_that_got_the_pid_of_an_orphan_is_left_alone(tmp_path: Path) -> None:
    stranger = Process(name="service", pid=os.getpid(), born="another boot/12345")

    assert not is_alive(stranger)
    assert not end_group(stranger)


def test_ports_stay_the_same_and_never_collide(tmp_path: Path) -> None:
    wanted = {"api": 0, "intake": 0, "temporal": 0}

    first = choose_ports(tmp_path / "ports.json", wanted)
    again = choose_ports(tmp_path / "ports.json", wanted | {"catcher": 0})

    assert len(set(again.values())) == 4
    assert {name: again[name] for name in first} == first


def test_a_damaged_port_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("[8700")

    with pytest.raises(BadInput, match="delete it"):
        choose_ports(tmp_path / "ports.json", {"api": 0})


async def test_a_kept_port_that_another_program_took_is_named(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    with pytest.raises(Unavailable, match=rf"{port} \(api\)"):
        check_free({"api": port}, tmp_path / "ports.json")

    server.close()
    await server.wait_closed()


def test_a_process_is_reached_at_the_address_it_listens_on() -> None:
    hosts = ("127.0.0.1", "0.0.0.0", "::", "", "192.0.2.7")

    assert [reached_at(one) for one in hosts] == [
        *("127.0.0.1", "127.0.0.1", "::1", "127.0.0.1", "192.0.2.7"),
    ]
