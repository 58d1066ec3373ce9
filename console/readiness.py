"""What `/readyz` asks: whether everything is there, and whether anything stands still.

A part whose loop is stuck looks well from everywhere but its backlog. Asking is cheap, so that
nobody can load the database with it: answers are kept for a moment.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
from temporalio.api.enums.v1 import TaskQueueType

from adapters.db import backlog, outbox
from adapters.db.backlog import Backlog
from adapters.doctor.finding import Grade
from adapters.doctor.temporal import check_pollers
from api.health import Notice
from api.ports import Check
from console.ground import Ground, now
from domain.sagas import ACTIVITY_QUEUE, OUTBOX_QUEUE, SAGA_QUEUE

LATE = timedelta(minutes=5)
"""What waits longer than this is not merely busy."""

_KEPT_FOR = 2.0  # seconds
_WRITES_KEPT_FOR = 60.0  # seconds; a write takes its turn among those that do something
_TOUCH = sa.text("UPDATE installation SET transaction_offset = transaction_offset")


def checks(g: Ground) -> dict[str, Check]:
    """The checks of a process, by name. Mail that does not leave is no reason to refuse requests:
    it waits in the outbox, and the check only gives notice."""
    found = _of_database(g) | _of_temporal(g) | _of_backlogs(g)
    return {name: Kept(check, _KEPT_FOR) for name, check in found.items()}


class Kept:
    """A check whose finding is kept for some seconds, a fault for a moment only. Who asks
    meanwhile, or while it is being found, shares it."""

    def __init__(
        self, check: Check, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._check = check
        self._seconds = seconds
        self._clock = clock
        self._asked_at = 0.0
        self._finding: asyncio.Future[str | None] | None = None

    async def __call__(self) -> str | None:
        if self._finding is None or self._is_over(self._finding):
            self._asked_at = self._clock()
            self._finding = asyncio.ensure_future(self._check())
            self._finding.add_done_callback(_is_fine)  # a fault nobody waited for is no news
        # One who loses patience must not take it from the others.
        return await asyncio.shield(self._finding)

    def _is_over(self, finding: "asyncio.Future[str | None]") -> bool:
        if not finding.done():
            return False
        seconds = self._seconds if _is_fine(finding) else min(self._seconds, _KEPT_FOR)
        return self._clock() - self._asked_at >= seconds


def _is_fine(finding: "asyncio.Future[str | None]") -> bool:
    if finding.cancelled() or finding.exception() is not None:
        return False
    return finding.result() is None


def _of_database(g: Ground) -> dict[str, Check]:
    async def touch() -> str | None:
        await g.database.write(lambda c: c.execute(_TOUCH).rowcount)
        return None

    touched = Kept(touch, _WRITES_KEPT_FOR)

    async def database() -> str | None:
        if not g.database.is_alive:
            return "closed, or its writer died; this process must be started again"
        await g.database.read(lambda c: c.execute(sa.select(1)).scalar())
        return await touched()

    return {"database": database}


def _of_temporal(g: Ground) -> dict[str, Check]:
    async def temporal() -> str | None:
        is_well = await g.client.service_client.check_health(timeout=timedelta(seconds=2))
        return None if is_well else "not serving"

    async def sagas() -> str | None:
        return await _polled(g, SAGA_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW)

    async def activities() -> str | None:
        return await _polled(g, ACTIVITY_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)

    async def dispatchers() -> str | None:
        # No fault: mail leaves without Temporal too, and requests need no mail to leave.
        said = await _polled(g, OUTBOX_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
        return None if said is None else Notice(said)

    async def pokes() -> str | None:
        return "sagas cannot be told of new inputs; they wait" if g.relay.is_down else None

    return {
        "temporal": temporal,
        "sagas": sagas,
        "activities": activities,
        "dispatchers": dispatchers,
        "pokes": pokes,
    }


async def _polled(g: Ground, queue: str, kind: TaskQueueType.ValueType) -> str | None:
    finding = await check_pollers(g.client, queue, kind)
    return None if finding.grade is Grade.FINE else finding.said


def _of_backlogs(g: Ground) -> dict[str, Check]:
    async def reader() -> str | None:
        return lateness(await g.database.read(backlog.unread_mail), "mail unread", now())

    async def inputs() -> str | None:
        return lateness(await g.database.read(backlog.untaken_inputs), "an input untaken", now())

    async def mail_out() -> str | None:
        due = await g.database.read(outbox.next_due)
        is_late = due is not None and now() - due > LATE
        return Notice(f"a message due and unsent since {due:%FT%TZ}") if is_late else None

    async def sending() -> str | None:
        because = await g.fence.may_send()
        return because and Notice(because)

    return {"reader": reader, "inputs": inputs, "outbox": mail_out, "sending": sending}


def lateness(found: Backlog, what: str, at: datetime) -> str | None:
    """What a backlog says at `at` (aware UTC): nothing moves, or something was left behind, which
    is worth a notice and no reason to refuse everybody else's requests."""
    if found.unmoved is not None and at - found.unmoved > LATE:
        return f"{what} since {found.unmoved:%FT%TZ}, and nothing after it either"
    if found.oldest is not None and at - found.oldest > LATE:
        return Notice(f"{what} since {found.oldest:%FT%TZ}, left behind by what came after it")
    return None
