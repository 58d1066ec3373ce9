"""Records one history per ending of each saga, for `test_replay` to replay for ever.

Run as `python -m tests.replay.recording NAME` in the change that adds a patch; recorded files are
never edited and never recorded again. The manifest keeps the true workflow ids.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from adapters.temporal.client import parley_plugin
from domain.meetings.messages import (
    AddressCorrection,
    Answer,
    Cancellation,
    MailPreference,
    MailWish,
    ProposedTime,
    Refresh,
    Undelivered,
)
from domain.meetings.model import Partstat
from tests.workflows.meeting_saga import Saga, playing, slot_in
from tests.workflows.temporal import temporal_server
from workflows.meetings import MEETING_STATUS

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


async def record(release: str) -> None:
    """Play every ending and keep its history under `histories/meetings/<release>-<ending>.json`."""
    folder = HISTORIES / "meetings"
    folder.mkdir(parents=True, exist_ok=True)
    manifest_file = HISTORIES / "manifest.json"
    manifest = json.loads(manifest_file.read_text()) if manifest_file.exists() else {}
    async with temporal_server(
        plugins=[parley_plugin()],
        search_attributes=[MEETING_STATUS],
        identity="recording",  # histories name their workers, and ours would name a machine
    ) as environment:
        for ending, play in ENDINGS.items():
            async with playing(environment, slot_in(10), slot_in(11)) as saga:
                await saga.opened()
                await play(saga)
                assert await saga.handle.result() == _ENDS_AS.get(ending, ending)
                history = await saga.handle.fetch_history()
                name = f"meetings/{release}-{ending}.json"
                (HISTORIES / name).write_text(history.to_json())
                manifest[name] = saga.id
    manifest_file.write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1]))
