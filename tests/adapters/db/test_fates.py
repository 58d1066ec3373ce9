"""What a saga and an owner hear of messages that did not arrive, on both engines."""

from typing import Any

import pytest
import sqlalchemy as sa

from adapters.db import fates, inputs, outbox, refusals, suppressions
from adapters.db.database import Database
from adapters.db.fates import Fate
from adapters.db.refusals import Attempt
from adapters.db.schema import outbox as outbox_table
from domain.meetings.messages import Undelivered
from domain.outbox.model import Draft, MessageState, Phase, Report
from domain.postage import Postage
from tests.adapters.intake.letters import ANA, NOW, STREAM, given_a_meeting

INVITATION = Undelivered(party=1, letter="meeting.invitation")


async def told(
    database: Database, state: MessageState, *, optional: bool = False, **columns: Any
) -> list[Undelivered]:
    """What the saga would take after a letter to Ana came to `state`."""
    await given_a_meeting(database)
    letter = Draft(
        kind="meeting.invitation",
        subject=STREAM,
        occasion="1",
        recipient=columns.pop("recipient", ANA),
        party=1,
        mail_from="",
        message_id="<1@parley.example>",
        raw=b"",
        postage=Postage(optional=optional),
    )

    def work(c: sa.Connection) -> list[Undelivered]:
        id = outbox.enqueue(c, "main", letter, NOW)
        c.execute(sa.update(outbox_table).values(state=state.value, **columns))
        for _ in range(2):  # the second time changes nothing
            fates.tell_sagas(c, [Fate(id, letter.kind, STREAM, 1, state, NOW)])
        bodies = [one.body for one in inputs.take(c, STREAM, 10)]
        return [body for body in bodies if isinstance(body, Undelivered)]

    return await database.write(work)


@pytest.mark.parametrize(
    ("state", "reply", "change"),
    [
        (MessageState.FAILED, "550 5.1.1 no such user", {"reason": "no-such-mailbox"}),
        (MessageState.FAILED, "554 5.7.1 go away", {"reason": "refused-by-policy"}),
        (MessageState.SUPPRESSED, None, {"reason": "suppressed"}),
        (MessageState.EXPIRED, None, {"reason": "expired"}),
        (MessageState.UNCERTAIN, None, {"certain": False}),
    ],
)
async def test_a_saga_hears_once_that_its_letter_was_lost_and_why(
    database: Database, state: MessageState, reply: str | None, change: dict[str, Any]
) -> None:
    found = await told(database, state, last_reply=reply)

    assert found == [INVITATION.model_copy(update=change)]


@pytest.mark.parametrize("state", [MessageState.SUPPRESSED, MessageState.EXPIRED])
async def test_a_reminder_that_was_held_back_says_nothing_of_the_address(
    database: Database, state: MessageState
) -> None:
    assert await told(database, state, optional=True) == []


async def test_a_letter_to_an_address_that_was_corrected_is_no_loss(database: Database) -> None:
    assert await told(database, MessageState.FAILED, recipient="anna@example.org") == []


REFUSED = Report(phase=Phase.RCPT, code=550, reply="5.1.1 no such user")


@pytest.mark.parametrize(
    ("report", "state", "suppressed"),
    [
        (REFUSED, MessageState.FAILED, True),
        (REFUSED, MessageState.RETRY, False),
        (Report(phase=Phase.RCPT, code=550, reply="No such user here"), MessageState.FAILED, True),
        (Report(phase=Phase.RCPT, code=552, reply="5.2.2 full"), MessageState.FAILED, False),
        (Report(phase=Phase.RCPT, code=554, reply="5.7.1 spam"), MessageState.FAILED, False),
        (Report(phase=Phase.DONE, code=550, reply="5.1.1 no"), MessageState.FAILED, False),
        (Report(phase=Phase.MAIL, code=550, reply="5.1.1 no"), MessageState.FAILED, False),
    ],
)
async def test_an_address_that_the_relay_refuses_for_good_is_left_alone(
    database: Database, report: Report, state: MessageState, suppressed: bool
) -> None:
    await told(database, MessageState.FAILED)
    attempt = Attempt(1, report, state, NOW)

    await database.write(lambda c: refusals.heed(c, [attempt, attempt]))

    found = await database.read(lambda c: suppressions.list_page(c, "main", NOW))
    assert [one.address for one in found] == ([ANA] if suppressed else [])
