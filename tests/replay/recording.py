"""Records one history per ending of each saga, for `test_replay` to replay for ever.

Run as `python -m tests.replay.recording RELEASE SAGA` in the change that adds a patch; recorded
files are never edited and never recorded again. The manifest keeps the true workflow ids.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.testing import WorkflowEnvironment

from adapters.temporal.client import parley_plugin
from domain.meetings.messages import (
    AddressCorrection,
    Answer,
    Cancellation,
    MailPreference,
    ProposedTime,
    Refresh,
    Undelivered,
)
from domain.meetings.model import Partstat
from domain.postage import MailWish
from tests.fakes.dispatchers import FakeDispatchers
from tests.patience import until
from tests.workflows.meeting_saga import Saga, playing, slot_in
from tests.workflows.outbox_shares import dispatching, host, staffing
from tests.workflows.temporal import temporal_server
from workflows.meetings import MEETING_STATUS
from workflows.outbox import OutboxWorkflow

HISTORIES = Path(__file__).with_name("histories")
DAY = timedelta(days=1)


async def agreed_and_over(saga: Saga) -> None:
    """A counter-proposal, a stale yes, agreement, a reminder, and the meeting takes place."""
    other = slot_in(12)
    await saga.say(Answer(party=1, partstat=Partstat.ACCEPTED, sequence=0))
    time = ProposedTime(start=other.start, end=other.end)
    await saga.say(Answer(party=2, proposal=time, sequence=0))
    await saga.say(Answer(party=1, partstat=Partstat.ACCEPTED, sequence=0))
    await saga.say(Answer(party=1, partstat=Partstat.ACCEPTED, sequence=1))
    await saga.advance(11.5 * DAY)
    await saga.advance(DAY)


async def declined(saga: Saga) -> None:
    await saga.say(Answer(party=1, partstat=Partstat.DECLINED, sequence=0))
    await saga.say(Answer(party=2, partstat=Partstat.DECLINED, sequence=1))


async def expired(saga: Saga) -> None:
    await saga.say(Refresh(party=1))
    await saga.advance(3 * DAY)
    await saga.advance(5 * DAY)


async def cancelled(saga: Saga) -> None:
    await saga.say(Cancellation())


async def corrected_and_cancelled(saga: Saga) -> None:
    """The invitation bounces, the address is corrected, and one party wants no reminders."""
    await saga.say(Undelivered(party=2, letter="meeting.invitation", reason="no-such-mailbox"))
    await saga.say(AddressCorrection(party=2))
    await saga.say(MailPreference(party=1, wish=MailWish.NO_REMINDERS))
    await saga.say(Answer(party=2, partstat=Partstat.ACCEPTED, sequence=0))
    await saga.say(Cancellation())


ENDINGS: dict[str, Callable[[Saga], Awaitable[None]]] = {
    "over": agreed_and_over,
    "declined": declined,
    "expired": expired,
    "cancelled": cancelled,
    "corrected": corrected_and_cancelled,
}


_ENDS_AS = {"corrected": "cancelled"}


class Book:
    """Keeps histories as `histories/<saga>/<release>-<name>.json`."""

    def __init__(self, saga: str, release: str) -> None:
        self._prefix = f"{saga}/{release}"
        self._manifest_file = HISTORIES / "manifest.json"

    async def keep(self, name: str, handle: WorkflowHandle[Any, Any]) -> None:
        file = f"{self._prefix}-{name}.json"
        (HISTORIES / file).parent.mkdir(parents=True, exist_ok=True)
        (HISTORIES / file).write_text((await handle.fetch_history()).to_json())
        manifest = json.loads(self._manifest_file.read_text())
        manifest[file] = handle.id
        self._manifest_file.write_text(json.dumps(manifest, indent=2) + "\n")


async def record_meetings(environment: WorkflowEnvironment, book: Book) -> None:
    """Play every ending of a meeting."""
    for ending, play in ENDINGS.items():
        async with playing(environment, slot_in(10), slot_in(11)) as saga:
            await saga.opened()
            await play(saga)
            assert await saga.handle.result() == _ENDS_AS.get(ending, ending)
            await book.keep(ending, saga.handle)


async def record_outbox(environment: WorkflowEnvironment, book: Book) -> None:
    """Dispatchers that move, become more and fewer; the run before a new one, and that one."""
    client, here = environment.client, FakeDispatchers("here")
    async with dispatching(client, staffing(1)) as outbox:
        async with host(client, here, beat=0.05):
            await until(lambda: here.running == 1)
            await outbox.signal(OutboxWorkflow.staff, staffing(3, after=1))
            await until(lambda: here.running == 3)
            await outbox.signal(OutboxWorkflow.staff, staffing(2, after=2))
            await until(lambda: here.running == 2)
        first = client.get_workflow_handle(outbox.id, run_id=(await outbox.describe()).run_id)
        async with host(client, here, beat=0.05, turn=timedelta(seconds=0.1)):
            await until(lambda: _is_over(first))
            begun = len(here.engaged)
            await until(lambda: len(here.engaged) == begun + 4)
        await book.keep("moved", first)
        await book.keep("continued", outbox)


async def _is_over(handle: WorkflowHandle[Any, Any]) -> bool:
    status = (await handle.describe()).status
    return status is WorkflowExecutionStatus.CONTINUED_AS_NEW


SAGAS = {"meetings": record_meetings, "outbox": record_outbox}


async def record(release: str, saga: str) -> None:
    """Play the story of `saga` and keep its histories."""
    async with temporal_server(
        ["limit.historyCount.suggestContinueAsNew=60"],
        plugins=[parley_plugin()],
        search_attributes=[MEETING_STATUS],
        identity="recording",  # histories name their workers, and ours would name a machine
    ) as environment:
        await SAGAS[saga](environment, Book(saga, release))


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1], sys.argv[2]))
