"""Tells sagas that inputs wait for them: at once when asked, and again until they are taken."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError

from adapters.loops import cancelled, until_asked
from adapters.outage import Outage
from domain.errors import NotFound
from domain.meetings.messages import MeetingRef
from domain.sagas import SAGA_QUEUE, workflow_of

log = logging.getLogger(__name__)

POKE = "poke"
TASK_TIMEOUT = timedelta(seconds=5)
"""A killed worker's task is given to another after this; the default of 10 s would stall sagas."""

RPC_TIMEOUT = timedelta(seconds=5)
REPEAT_AFTER = timedelta(minutes=10)
"""Rare, because a run takes no more than 10,000 signals and its worker may be away for weeks."""

MAX_WAITING = 20_000
MOST_COVERED = 200
"""Inputs that one poke accounts for; a stream with more of them is poked again for the rest."""


class Pokes(Protocol):
    """What is known of inputs that no saga has taken yet."""

    async def due(self, not_poked_since: datetime, limit: int) -> list[str]: ...

    async def covered(self, stream: str, limit: int) -> list[int]:
        """Ids of the inputs that a poke of `stream` from now on covers."""
        ...

    async def mark(self, ids: Sequence[int], at: datetime) -> None: ...


class Relay:
    """Starts or signals the saga of a stream. It carries no data: the inputs are in the database,
    so a poke may be lost, doubled or late, and a sweep makes up for those that were lost.

    A relay that has just started pokes whoever was not poked since: its predecessor may have
    died between a commit and the poke. With Temporal down, failed pokes wait for the next sweep.
    """

    def __init__(
        self, client: Client, pokes: Pokes, *, at_once: int = 4, sweep_every: float = 2.0
    ) -> None:
        self._client = client
        self._pokes = pokes
        self._at_once = at_once
        self._sweep_every = sweep_every
        self._waiting: dict[str, None] = {}  # a set that keeps the order of arrival
        self._in_flight: set[str] = set()
        self._again: set[str] = set()
        self._told: set[int] = set()  # inputs poked for since the last sweep, not yet marked
        self._failed: set[str] = set()
        self._started_at = datetime.now(UTC)
        self._news = asyncio.Event()
        self.is_down = False

    def poke(self, stream: str) -> None:
        """Tell the saga of `stream` soon; never waits and never fails."""
        if stream in self._in_flight:
            self._again.add(stream)  # the signal under way may have been taken before this input
        elif len(self._waiting) < MAX_WAITING:
            self._waiting[stream] = None
            self._news.set()

    async def run(self) -> None:
        """Deliver pokes and sweep until cancelled.

        Raises `LoopEnded` when one of both ends by itself, cancelled or not.
        """
        loops = [asyncio.create_task(self._sweep_for_ever(), name="relay sweep")]
        for number in range(self._at_once):
            work = self._deliver_for_ever()
            loops.append(asyncio.create_task(work, name=f"relay delivery {number}"))
        try:
            await until_asked(asyncio.Event(), loops)
        finally:
            await cancelled(loops)

    async def _deliver_for_ever(self) -> None:
        while True:
            while not self._waiting:
                self._news.clear()
                await self._news.wait()
            stream = next(iter(self._waiting))
            del self._waiting[stream]
            await self._deliver(stream)

    async def _deliver(self, stream: str) -> None:
        self._in_flight.add(stream)
        covered = await self._covered(stream)
        try:
            await self._signal(stream)
        except NotFound:
            log.error("no saga takes the inputs of %s; they stay where they are", stream)
            self._told.update(covered)
        except (RPCError, RuntimeError) as failure:
            self._note_failure(stream, failure)
        else:
            self.is_down = False
            self._told.update(covered)
        finally:
            self._in_flight.discard(stream)
            if stream in self._again:
                self._again.discard(stream)
                self.poke(stream)

    async def _covered(self, stream: str) -> Sequence[int]:
        """Asked before the signal: what is committed after it, perhaps by a process that dies
        before its own poke, must be found by the next sweep."""
        try:
            return await self._pokes.covered(stream, MOST_COVERED)
        except Exception as failure:  # the poke goes out all the same, and is repeated
            log.warning("what %s waits for is not known: %s", stream, type(failure).__name__)
            return ()

    async def _signal(self, stream: str) -> None:
        await self._client.start_workflow(
            workflow_of(stream),
            _reference(stream),
            id=stream,
            task_queue=SAGA_QUEUE,
            task_timeout=TASK_TIMEOUT,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal=POKE,
            rpc_timeout=RPC_TIMEOUT,
        )

    def _note_failure(self, stream: str, failure: Exception) -> None:
        if not self.is_down:
            log.warning("could not poke %s, will try again: %s", stream, failure)
        self.is_down = True
        if len(self._failed) < MAX_WAITING:
            self._failed.add(stream)

    async def _sweep_for_ever(self) -> None:
        outage = Outage(log, "relay: sweeping for untaken inputs")
        while True:
            await outage.outlast(lambda: self.sweep(datetime.now(UTC)), self._sweep_every)
            await asyncio.sleep(self._sweep_every)

    async def sweep(self, now: datetime) -> None:
        """Mark what was poked, then poke every stream whose inputs were left lying."""
        told, self._told = self._told, set()
        if told:
            await self._pokes.mark(sorted(told), now)
        failed, self._failed = self._failed, set()
        due = await self._pokes.due(max(self._started_at, now - REPEAT_AFTER), 1000)
        for stream in {**dict.fromkeys(failed), **dict.fromkeys(due)}:
            self.poke(stream)


def _reference(stream: str) -> MeetingRef:
    """The argument of the stream's saga."""
    return MeetingRef(meeting_id=stream.partition("/")[2])
