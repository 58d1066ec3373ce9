"""Keeps the workflow `Outbox` running, and mail leaving while Temporal cannot see to it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from domain.outbox.messages import Shift, Staffing
from domain.sagas import OUTBOX_ID, SAGA_QUEUE

log = logging.getLogger(__name__)

_RPC_TIMEOUT = timedelta(seconds=5)

# The client tries again for longer than any timeout it is given, and nobody may send meanwhile.
_LOOK_FOR = 3.0  # seconds
_TASK_TIMEOUT = timedelta(seconds=5)
_SOON = 1.0  # seconds until the next look while nobody sends
_PATIENCE = 10.0  # seconds that conversations get when others take over from us
_PAUSED = frozenset(
    {
        PendingActivityState.PENDING_ACTIVITY_STATE_PAUSED,
        PendingActivityState.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED,
    }
)
_IN_HAND = frozenset(
    {
        PendingActivityState.PENDING_ACTIVITY_STATE_STARTED,
        PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED,
    }
)


class Dispatcher(Protocol):
    async def run(self) -> None: ...

    def stop(self, patience: float) -> None: ...


class Dispatchers(Protocol):
    """See `adapters.dispatchers`; `running` counts those that run in this process."""

    running: int

    async def engage(self) -> Dispatcher: ...


class OutboxKeeper:
    """Starts the workflow, again when somebody ended it, and tells it how many are wanted.

    When no dispatcher has run for `alone_after` seconds, because Temporal is down or nobody
    decides for the workflow, this process stands in with one of its own until there is one. That
    is safe, since the database decides who sends what. A share that an operator paused is not
    stood in for. With `is_only`, no other process can have a share: one that Temporal still
    believes to be in somebody's hands was lost with a process that died, so this process sends
    from the start.
    """

    def __init__(
        self,
        client: Client,
        staffing: Staffing,
        dispatchers: Dispatchers,
        *,
        is_only: bool = False,
        look_every: float = 5.0,
        alone_after: float = 5.0,
    ) -> None:
        self._client = client
        self._staffing = staffing
        self._dispatchers = dispatchers
        self._is_only = is_only
        self._look_every = look_every
        self._alone_after = alone_after
        self._stopping = asyncio.Event()
        self._patience = _PATIENCE
        self._told: str | None = None  # the run that knows our staffing
        self._own: asyncio.Task[None] | None = None
        self._own_dispatcher: Dispatcher | None = None
        self._is_down = False

    async def run(self) -> None:
        """Keep it until `stop` is called. Raises what ends a dispatcher of our own."""
        until = time.monotonic() + self._alone_after
        try:
            if self._is_only:
                await self._stand_in()
            while not self._stopping.is_set():
                is_well = await self._is_in_hand()
                if is_well:
                    # A worker without Temporal drops its shares: there is nothing to wait for.
                    until = time.monotonic() + (0 if self._is_down else self._alone_after)
                    await self._stand_down()
                elif time.monotonic() >= until:
                    await self._stand_in()
                await self._pause(self._look_every if is_well and not self._is_down else _SOON)
        finally:
            await self._stand_down()

    def stop(self, patience: float) -> None:
        """Ask `run` to return; conversations of a dispatcher of our own get `patience` seconds."""
        self._patience = patience
        self._stopping.set()

    async def _is_in_hand(self) -> bool:
        """Whether a dispatcher that is not ours runs, as far as can be known."""
        try:
            async with asyncio.timeout(_LOOK_FOR):
                states = await self._look()
        except (RPCError, RuntimeError, TimeoutError) as failure:
            self._note(failure)
            return self._others_here() > 0
        self._is_down = False
        if any(state in _PAUSED for state in states):
            return True
        is_held = any(state in _IN_HAND for state in states)
        return is_held and (not self._is_only or self._others_here() > 0)

    def _others_here(self) -> int:
        return self._dispatchers.running - (self._own is not None)

    async def _look(self) -> Sequence[int]:
        """The states of the workflow's shares; it runs when this returns. Raises `RPCError`."""
        try:
            found = await self._client.get_workflow_handle(OUTBOX_ID).describe(
                rpc_timeout=_RPC_TIMEOUT
            )
        except RPCError as failure:
            if failure.status is not RPCStatusCode.NOT_FOUND:
                raise
            await self._tell()
            return []
        if found.status is not WorkflowExecutionStatus.RUNNING or found.run_id != self._told:
            await self._tell()
        return [pending.state for pending in found.raw_description.pending_activities]

    async def _tell(self) -> None:
        """Start it or find it running; either way it hears of our staffing."""
        handle = await self._client.start_workflow(
            "Outbox",
            Shift(staffing=self._staffing),
            id=OUTBOX_ID,
            task_queue=SAGA_QUEUE,
            task_timeout=_TASK_TIMEOUT,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal="staff",
            start_signal_args=[self._staffing],
            rpc_timeout=_RPC_TIMEOUT,
        )
        self._told = handle.result_run_id

    def _note(self, failure: Exception) -> None:
        if not self._is_down:
            said = "outbox: Temporal does not answer, dispatchers are on their own: %s %s"
            log.warning(said, type(failure).__name__, failure)
        self._is_down = True

    async def _stand_in(self) -> None:
        if self._own is not None:
            return
        try:
            dispatcher = await self._dispatchers.engage()
        except Exception as fault:  # the database is down: nothing can be sent anyway
            log.warning("outbox: cannot stand in yet: %s", type(fault).__name__)
            return
        log.info("outbox: no dispatcher is in a worker's hands; this process stands in")
        self._own_dispatcher = dispatcher
        self._own = asyncio.create_task(dispatcher.run(), name="outbox stand-in")

    async def _stand_down(self) -> None:
        own, dispatcher = self._own, self._own_dispatcher
        if own is None or dispatcher is None:
            return
        dispatcher.stop(self._patience)
        try:
            await asyncio.wait([own])
        finally:
            own.cancel()
            self._own = None
        log.info("outbox: this process stands in no longer")
        own.result()

    async def _pause(self, seconds: float) -> None:
        """Until it is time to look again, or somebody stops us, or our own dispatcher ended."""
        asked = asyncio.create_task(self._stopping.wait())
        waiting = [asked] if self._own is None else [asked, self._own]
        done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asked
        if self._own is not None and self._own in done:
            self._own.result()
