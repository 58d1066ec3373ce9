"""Promises of the relay, against a real Temporal server."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from adapters.loops import LoopEnded
from adapters.temporal.client import connect
from adapters.temporal.relay import REPEAT_AFTER, Relay
from domain.errors import Unavailable
from domain.meetings.messages import MeetingRef
from domain.sagas import SAGA_QUEUE
from tests import needs
from tests.adapters.temporal_process import Server
from tests.patience import until

pytestmark = needs.TEMPORAL


class FakePokes:
    """Remembers what was poked; `untaken` is what a sweep would find. One input to a stream."""

    def __init__(self) -> None:
        self.untaken: list[str] = []
        self.asked_since: list[datetime] = []
        self.marked: list[str] = []
        self._streams: list[str] = []

    async def due(self, not_poked_since: datetime, limit: int) -> list[str]:
        self.asked_since.append(not_poked_since)
        return [stream for stream in self.untaken if stream not in self.marked][:limit]

    async def covered(self, stream: str, limit: int) -> list[int]:
        self._streams.append(stream)
        return [len(self._streams) - 1]

    async def mark(self, ids: Sequence[int], at: datetime) -> None:
        self.marked.extend(self._streams[id] for id in ids)


@workflow.defn(name="Meeting", sandboxed=False)
class CountingSaga:
    """Counts its pokes until it is told to end by having had `enough`."""

    @workflow.init
    def __init__(self, ref: MeetingRef) -> None:
        self._pokes = 0

    @workflow.run
    async def run(self, ref: MeetingRef) -> str:
        await workflow.wait_condition(lambda: self._pokes > 0)
        return ref.meeting_id

    @workflow.signal
    def poke(self) -> None:
        self._pokes += 1


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    server = Server(tmp_path_factory.mktemp("temporal"))
    async with server.running():
        yield server


@pytest.fixture
async def client(server: Server) -> Client:
    return await connect(server.settings)


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[None]:
    task = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def result_of(client: Client, stream: str) -> str:
    """The result of the saga of `stream`, once a poke has started it."""
    await until_started(client, stream)
    result: str = await client.get_workflow_handle(stream).result()
    return result


async def signals_of(client: Client, stream: str) -> int:
    history = await client.get_workflow_handle(stream).fetch_history()
    return sum(
        event.HasField("workflow_execution_signaled_event_attributes") for event in history.events
    )


async def test_a_poke_starts_the_saga_of_its_stream_with_its_reference(client: Client) -> None:
    relay = Relay(client, FakePokes())
    worker = Worker(client, task_queue=SAGA_QUEUE, workflows=[CountingSaga])

    async with worker, running(relay):
        relay.poke("meeting/one")

        assert await result_of(client, "meeting/one") == "one"


async def test_a_killed_workers_task_is_given_to_another_within_seconds(client: Client) -> None:
    relay = Relay(client, FakePokes())

    async with running(relay):
        relay.poke("meeting/slow")
        await until_started(client, "meeting/slow")

    history = await client.get_workflow_handle("meeting/slow").fetch_history()
    started = history.events[0].workflow_execution_started_event_attributes
    assert started.workflow_task_timeout.ToTimedelta() <= timedelta(seconds=5)


async def until_started(client: Client, stream: str) -> None:
    async def is_started() -> bool:
        with suppress(RPCError):
            return bool(await client.get_workflow_handle(stream).describe())
        return False

    await until(is_started)


async def test_many_pokes_of_one_stream_become_few_signals(client: Client) -> None:
    pokes = FakePokes()
    relay = Relay(client, pokes)

    async with running(relay):
        for _ in range(500):
            relay.poke("meeting/busy")
        await until_started(client, "meeting/busy")
        await relay.sweep(datetime.now(UTC))

    assert await signals_of(client, "meeting/busy") <= 2


async def test_what_was_poked_is_marked_and_not_swept_again(client: Client) -> None:
    pokes = FakePokes()
    pokes.untaken = ["meeting/left-lying"]
    relay = Relay(client, pokes, sweep_every=0.05)

    async with running(relay):
        await until(lambda: pokes.marked == ["meeting/left-lying"])

    assert await signals_of(client, "meeting/left-lying") == 1


class LateInput(FakePokes):
    """While the signal is under way, another process commits an input and dies."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs = [1]
        self.marked_ids: list[int] = []

    async def covered(self, stream: str, limit: int) -> list[int]:
        seen, self.inputs = self.inputs, [1, 2]
        return seen

    async def mark(self, ids: Sequence[int], at: datetime) -> None:
        self.marked_ids.extend(ids)


async def test_only_inputs_seen_before_the_signal_count_as_poked_for(client: Client) -> None:
    pokes = LateInput()
    relay = Relay(client, pokes, sweep_every=0.05)

    async with running(relay):
        relay.poke("meeting/overtaken")
        await until(lambda: bool(pokes.marked_ids))

    assert pokes.marked_ids == [1]


class AwayPokes(FakePokes):
    async def covered(self, stream: str, limit: int) -> list[int]:
        raise Unavailable("The database does not answer.")


async def test_a_poke_goes_out_though_the_database_is_down(client: Client) -> None:
    relay = Relay(client, AwayPokes())

    async with running(relay):
        relay.poke("meeting/without-database")
        await until_started(client, "meeting/without-database")


class CutPokes(FakePokes):
    async def due(self, not_poked_since: datetime, limit: int) -> list[str]:
        raise asyncio.CancelledError


async def test_a_relay_whose_sweep_was_cut_off_ends(client: Client) -> None:
    """So that its process ends, and is started anew."""
    with pytest.raises(LoopEnded, match="relay sweep"):
        await Relay(client, CutPokes()).run()


async def test_a_new_relay_pokes_again_whoever_its_predecessor_may_have_forgotten(
    client: Client,
) -> None:
    pokes = FakePokes()
    before = datetime.now(UTC)
    relay = Relay(client, pokes)

    await relay.sweep(before + timedelta(seconds=1))
    await relay.sweep(before + timedelta(hours=1))

    assert before <= pokes.asked_since[0] <= datetime.now(UTC)
    assert pokes.asked_since[1] == before + timedelta(hours=1) - REPEAT_AFTER


async def test_a_stream_without_a_saga_is_reported_and_disturbs_no_other(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    pokes = FakePokes()
    relay = Relay(client, pokes, sweep_every=0.05)

    async with running(relay):
        relay.poke("nonsense/1")
        relay.poke("meeting/after-nonsense")
        await until(lambda: set(pokes.marked) == {"nonsense/1", "meeting/after-nonsense"})

    assert "no saga takes the inputs of nonsense/1" in caplog.text


async def test_a_poke_while_temporal_is_down_arrives_when_it_is_back(tmp_path: Path) -> None:
    """The stream is not found by any sweep: the relay itself remembers what failed."""
    server = Server(tmp_path)
    client = await connect(server.settings, lazy=True)
    relay = Relay(client, FakePokes(), sweep_every=0.1)

    async with running(relay):
        relay.poke("meeting/patient")
        await until(lambda: relay.is_down)
        async with server.running():
            await until_started(await connect(server.settings), "meeting/patient")


async def test_a_restarted_server_knows_its_sagas_and_can_be_prepared_again(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path)
    async with server.running():
        client = await connect(server.settings)
        await client.start_workflow(
            "Meeting", MeetingRef(meeting_id="x"), id="meeting/x", task_queue=SAGA_QUEUE
        )

    async with server.running():
        client = await connect(server.settings)
        await client.get_workflow_handle("meeting/x").describe()
