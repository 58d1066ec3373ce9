"""What a person does about a message, on both engines, and what a dispatcher makes of it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from adapters.db import journal, outbox_claims, outbox_results
from adapters.db.database import Database
from adapters.db.outbox_claims import Held
from adapters.db.outbox_results import Result
from domain.commands import CommandState, Submission
from domain.errors import KeyReused, NotFound, Refused
from domain.outbox.model import Claim, Hold, MessageState, Phase, Proof, Report
from domain.outbox.requests import DigestOrder, Every
from domain.outbox.rules import Ruling
from domain.outbox.transitions import Deed
from domain.outbox.views import MessageView
from domain.postage import Postage
from domain.values import LATEST
from tests.adapters.message_orders import asked, messages_of
from tests.adapters.outbox_rows import NOON, draft, enqueue

LATER = NOON + timedelta(minutes=5)


def intent(key: str = "k", owner: str = "main", **data: Any) -> Submission:
    return Submission(
        id=f"{key}-{owner}",
        owner=owner,
        kind="message.deed",
        route="POST /messages",
        key=key,
        fingerprint=str(data),
        data=data,
        at=LATER,
    )


async def act(database: Database, message: int, deed: Deed, key: str = "k") -> int:
    """Carries the deed out; gives the id of the message it led to."""
    command, _ = await messages_of(database).act(intent(f"{key}-{deed}"), message, deed, "me")
    return int(command.stream.partition("/")[2])


async def look(database: Database, message: int) -> MessageView:
    return await messages_of(database).get("main", message)


async def claimed(database: Database) -> Claim:
    [claim] = await database.write(lambda c: outbox_claims.claim(c, "one", 1, LATER, LATEST))
    return claim


async def in_state(database: Database, message: int, state: MessageState) -> Claim:
    """An attempt that leaves the message so."""
    claim = await claimed(database)
    assert claim.id == message
    await database.write(
        lambda c: outbox_claims.mark_sending(c, [Held(claim.id, claim.token)], LATER, LATEST)
    )
    if state is not MessageState.SENDING:
        ruling = Ruling(state=state, is_unknown=state is MessageState.UNCERTAIN)
        result = Result(claim, Report(phase=Phase.DONE, code=250), ruling, LATER)
        await database.write(lambda c: outbox_results.finish(c, [result]))
    return claim


async def lines(database: Database, message: int) -> list[tuple[str, str | None]]:
    story = await messages_of(database).story("main", message)
    return [(line.type, line.by) for line in story.timeline if line.type != "attempt"]


async def test_what_is_held_leaves_only_when_released(database: Database) -> None:
    message = await asked(database)

    await act(database, message.id, Deed.HOLD)
    held = await look(database, message.id)
    nothing = await database.write(lambda c: outbox_claims.claim(c, "one", 1, LATER, LATEST))
    await act(database, message.id, Deed.RELEASE)
    claim = await claimed(database)

    assert (held.state, held.held_because) == (MessageState.HELD, Hold.PERSON)
    assert nothing == []
    assert claim.id == message.id
    assert await lines(database, message.id) == [
        ("requested", "key"),
        ("held", "me"),
        ("released", "me"),
    ]


async def test_what_is_dropped_never_leaves(database: Database) -> None:
    message = await asked(database)

    await act(database, message.id, Deed.DROP)

    assert (await look(database, message.id)).state is MessageState.CANCELLED
    assert await database.write(lambda c: outbox_claims.claim(c, "one", 1, LATEST, LATEST)) == []


@pytest.mark.parametrize("state", [MessageState.CLAIMED, MessageState.SENDING])
async def test_what_is_being_sent_cannot_be_dropped(
    database: Database, state: MessageState
) -> None:
    message = await asked(database)
    if state is MessageState.CLAIMED:
        await claimed(database)
    else:
        await in_state(database, message.id, state)

    with pytest.raises(Refused, match="being sent right now; look again"):
        await act(database, message.id, Deed.DROP)

    assert (await look(database, message.id)).state is state


async def test_a_drop_and_a_claim_at_once_leave_one_of_the_two(database: Database) -> None:
    for number in range(8):
        message = await asked(database, occasion=str(number + 1))

        dropped, claims = await asyncio.gather(
            act(database, message.id, Deed.DROP, str(number)),
            database.write(lambda c: outbox_claims.claim(c, "one", 1, LATER, LATEST)),
            return_exceptions=True,
        )

        assert isinstance(claims, list)
        assert isinstance(dropped, Refused) == (len(claims) == 1)


async def test_an_uncertain_message_that_is_released_goes_once_more(database: Database) -> None:
    message = await asked(database)
    first = await in_state(database, message.id, MessageState.UNCERTAIN)

    await act(database, message.id, Deed.RELEASE)
    second = await claimed(database)

    assert (second.id, second.raw, second.resends) == (first.id, first.raw, 1)


async def test_an_uncertain_message_that_is_released_too_late_is_still_in_doubt(
    database: Database,
) -> None:
    message = await asked(database, postage=Postage(expires_at=LATER + timedelta(hours=1)))
    await in_state(database, message.id, MessageState.UNCERTAIN)
    await act(database, message.id, Deed.RELEASE)
    too_late = LATER + timedelta(hours=1)

    nothing = await database.write(lambda c: outbox_claims.claim(c, "one", 1, too_late, LATEST))

    assert nothing == []
    assert (await look(database, message.id)).state is MessageState.UNCERTAIN


async def test_an_uncertain_message_that_is_confirmed_counts_as_sent(database: Database) -> None:
    message = await asked(database)
    await in_state(database, message.id, MessageState.UNCERTAIN)

    await act(database, message.id, Deed.CONFIRM)

    seen = await look(database, message.id)
    assert (seen.state, seen.proof, seen.sent_at) == (MessageState.SENT, Proof.PERSON, LATER)


async def test_a_retry_may_be_brought_forward(database: Database) -> None:
    message = await asked(database)
    claim = await claimed(database)
    tomorrow = NOON + timedelta(days=1)
    ruling = Ruling(state=MessageState.RETRY, next_at=tomorrow)
    result = Result(claim, Report(phase=Phase.RCPT, code=450), ruling, LATER)
    await database.write(lambda c: outbox_results.finish(c, [result]))

    await act(database, message.id, Deed.RETRY_NOW)

    assert (await claimed(database)).attempt == 2


async def test_a_message_sent_again_is_another_message(database: Database) -> None:
    message = await asked(database)
    first = await in_state(database, message.id, MessageState.SENT)

    new = await act(database, message.id, Deed.RESEND)
    second = await claimed(database)

    seen = await look(database, new)
    assert new != message.id
    assert (second.id, seen.occasion) == (new, "1/again/1")
    assert first.raw != second.raw
    assert first.raw.partition(b"\r\n\r\n")[2] == second.raw.partition(b"\r\n\r\n")[2]
    assert seen.message_id.encode() in second.raw
    assert (await look(database, message.id)).state is MessageState.SENT


async def test_a_resend_of_a_resend_counts_on(database: Database) -> None:
    message = await asked(database)
    await in_state(database, message.id, MessageState.SENT)
    first = await act(database, message.id, Deed.RESEND, "a")
    await in_state(database, first, MessageState.SENT)

    second = await act(database, first, Deed.RESEND, "b")

    assert (await look(database, second)).occasion == "1/again/2"


async def test_of_two_people_who_resend_at_once_one_does(database: Database) -> None:
    message = await asked(database)
    await in_state(database, message.id, MessageState.SENT)

    answers = await asyncio.gather(
        *(act(database, message.id, Deed.RESEND, key) for key in "ab"), return_exceptions=True
    )

    [refusal] = [one for one in answers if isinstance(one, BaseException)]
    assert isinstance(refusal, Refused)
    assert "being sent again already" in str(refusal)


async def test_a_deed_that_comes_again_is_done_once(database: Database) -> None:
    message = await asked(database)
    await in_state(database, message.id, MessageState.SENT)
    messages = messages_of(database)

    answers = await asyncio.gather(
        *(messages.act(intent(), message.id, Deed.RESEND, "me") for _ in range(4))
    )

    assert len({command.stream for command, _ in answers}) == 1
    assert sorted(replayed for _, replayed in answers) == [False, True, True, True]
    assert answers[0][0].state is CommandState.SUCCEEDED


async def test_one_key_for_two_deeds_is_refused(database: Database) -> None:
    message = await asked(database)
    messages = messages_of(database)
    await messages.act(intent(body="a"), message.id, Deed.HOLD, "me")

    with pytest.raises(KeyReused):
        await messages.act(intent(body="b"), message.id, Deed.HOLD, "me")


async def test_the_messages_of_others_are_not_found(database: Database) -> None:
    message = await asked(database)

    with pytest.raises(NotFound):
        await messages_of(database).act(intent(owner="other"), message.id, Deed.DROP, "me")


async def test_a_part_of_a_digest_that_is_released_goes_alone(database: Database) -> None:
    message = await asked(database, digest=DigestOrder(every=Every.DAY))

    await act(database, message.id, Deed.RELEASE)

    seen = await look(database, message.id)
    assert (seen.state, seen.digest, seen.next_at) == (MessageState.QUEUED, None, LATER)


async def test_deeds_are_told_to_the_owner_of_an_own_message_only(database: Database) -> None:
    message = await asked(database)
    [letter] = await enqueue(database, draft())
    for one in (message.id, letter):
        await act(database, one, Deed.HOLD, str(one))
        await act(database, one, Deed.DROP, str(one))

    told = await database.read(lambda c: journal.read_stream(c, f"message/{message.id}"))
    silent = await database.read(lambda c: journal.read_stream(c, f"message/{letter}"))

    assert [event.type for event in told] == ["MessageRequested", "MessageHeld", "MessageCancelled"]
    assert told[1].data["because"] == "person"
    assert silent == []
