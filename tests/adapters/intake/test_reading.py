"""The inbox reader: every mail becomes an input once, in the order of acceptance."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from activities.inbox import interpret
from adapters.db import correspondents, inbox, inputs, outbox
from adapters.db.database import Database
from adapters.db.opening import open_database
from adapters.db.schema import inbox as inbox_table
from adapters.db.schema import outbox as outbox_table
from adapters.intake.reading import MAX_ATTEMPTS, InboxReader
from adapters.loops import LoopEnded
from domain.access import Capability, Purpose
from domain.inbox.model import AnswerLine, Reading, Verdict
from domain.meetings.messages import Answer, MeetingInput, Remark, Undelivered
from domain.meetings.model import Partstat
from domain.outbox.events import returning_stream
from domain.outbox.model import Draft
from tests.adapters.intake.letters import (
    ANA,
    BEN,
    DOMAIN,
    NOW,
    STREAM,
    given_a_meeting,
    kept,
    mail_inputs,
    revoke,
)
from tests.patience import until


class FakeReader:
    """Reads a mail that consists of a PARTSTAT, or of a verdict; may be told to wait or fail."""

    def __init__(self) -> None:
        self.read_raws: list[bytes] = []
        self.slow: dict[bytes, asyncio.Event] = {}
        self.faults: list[Exception] = []

    async def read(self, raw: bytes) -> Reading:
        self.read_raws.append(raw)
        if raw in self.slow:
            await self.slow[raw].wait()
        if self.faults:
            raise self.faults.pop(0)
        word = raw.partition(b"\r\n")[0].decode()
        if word in set(Partstat):
            answers = (AnswerLine(attendee=ANA, partstat=word, comment="c\x00omment"),)
            return Reading(verdict=Verdict.ANSWER, answers=answers, sender=ANA, text="t\x00ext")
        return Reading(verdict=Verdict(word), sender=ANA)


class Poked:
    def __init__(self) -> None:
        self.streams: list[str] = []

    async def __call__(self, stream: str) -> None:
        self.streams.append(stream)


async def accept(
    database: Database, raw: bytes, purpose: Purpose = Purpose.REPLY, about: int | None = None
) -> int:
    capability = Capability(purpose=purpose, stream=STREAM, party=1)
    id, _ = await database.write(
        lambda c: inbox.accept(
            c,
            key=f"{purpose}{raw!r}",
            capability=capability,
            mail_from=ANA,
            source="smtp",
            raw=raw,
            received_at=NOW,
            about=about,
        )
    )
    return id


@asynccontextmanager
async def running(
    database: Database, reader: FakeReader, poked: Poked | None = None
) -> AsyncIterator[None]:
    loop = InboxReader(database, reader, interpret, poked or Poked(), mail_domain=DOMAIN)
    task = asyncio.create_task(loop.run())
    try:
        yield
    finally:
        loop.stop(patience=2.0)
        await task


async def bodies(database: Database) -> list[MeetingInput]:
    """What the saga would take of what came by mail."""
    taken = await database.read(lambda c: inputs.take(c, STREAM, 100))
    return [one.body for one in taken if one.body.kind != "opening"]


async def have_come(database: Database, number: int) -> None:
    async def holds() -> bool:
        return len(await bodies(database)) == number

    await until(holds)


async def test_a_mail_becomes_an_input_with_its_words_and_the_saga_is_poked(
    database: Database,
) -> None:
    await given_a_meeting(database)
    poked = Poked()

    async with running(database, FakeReader(), poked):
        await accept(database, b"ACCEPTED")
        await until(lambda: poked.streams)

    assert await bodies(database) == [Answer(party=1, partstat=Partstat.ACCEPTED)]
    assert poked.streams == [STREAM]
    [row], [waiting] = await kept(database), await mail_inputs(database)
    assert row.verdict == "answer"
    assert row.reading["answers"][0]["partstat"] == "ACCEPTED"
    assert row.read_at is not None
    assert waiting.words == {"text": "text", "comment": "comment", "sender": ANA}


async def test_a_slow_mail_holds_back_the_effect_of_those_behind_it(database: Database) -> None:
    await given_a_meeting(database)
    reader = FakeReader()
    reader.slow[b"ACCEPTED"] = asyncio.Event()
    await accept(database, b"ACCEPTED")
    await accept(database, b"DECLINED")

    async with running(database, reader):
        await until(lambda: _is_read(database, b"DECLINED"))
        assert await bodies(database) == []
        reader.slow[b"ACCEPTED"].set()
        await have_come(database, 2)

    found = [one.partstat for one in await bodies(database) if isinstance(one, Answer)]
    assert found == [Partstat.ACCEPTED, Partstat.DECLINED]


async def _is_read(database: Database, raw: bytes) -> bool:
    return any(row.raw == raw and row.read_at for row in await kept(database))


async def test_what_was_accepted_before_a_crash_is_read_after_it(database: Database) -> None:
    await given_a_meeting(database)
    await accept(database, b"note")
    lapsed = datetime.now(UTC)
    await database.write(lambda c: inbox.claim_unread(c, 10, NOW, lapsed))  # and then it died

    async with running(database, FakeReader()):
        await have_come(database, 1)

    assert await bodies(database) == [Remark(party=1, verdict="note")]


async def test_a_reader_that_cannot_work_loses_no_mail(database: Database) -> None:
    await given_a_meeting(database)
    reader = FakeReader()
    reader.faults = [ConnectionError("the sandbox is gone")]
    await accept(database, b"ACCEPTED")

    async with running(database, reader):
        await have_come(database, 1)

    assert len(reader.read_raws) == 2
    assert [row.attempts for row in await kept(database)] == [1]


async def attempts(database: Database) -> list[int]:
    return [row.attempts for row in await kept(database)]


async def test_a_mail_whose_reading_was_not_begun_is_not_counted(database: Database) -> None:
    await given_a_meeting(database)
    reader = FakeReader()
    for number in range(6):
        await accept(database, b"ACCEPTED\r\n%d" % number)
        reader.slow[b"ACCEPTED\r\n%d" % number] = asyncio.Event()
    loop = InboxReader(database, reader, interpret, Poked(), mail_domain=DOMAIN, parallel=2)
    task = asyncio.create_task(loop.run())
    await until(lambda: len(reader.read_raws) == 2)

    assert await attempts(database) == [1, 1, 0, 0, 0, 0]  # as a kill would leave it now
    loop.stop(patience=0)
    await task


async def test_a_reader_that_is_stopped_counts_against_no_mail(database: Database) -> None:
    await given_a_meeting(database)
    await accept(database, b"ACCEPTED")

    reader = FakeReader()
    reader.slow[b"ACCEPTED"] = asyncio.Event()
    for _ in range(MAX_ATTEMPTS + 1):
        reader.read_raws.clear()
        loop = InboxReader(database, reader, interpret, Poked(), mail_domain=DOMAIN)
        task = asyncio.create_task(loop.run())
        await until(lambda: reader.read_raws)
        loop.stop(patience=0)
        await task

    assert await attempts(database) == [0]
    async with running(database, FakeReader()):
        await have_come(database, 1)
    assert await bodies(database) == [Answer(party=1, partstat=Partstat.ACCEPTED)]


async def test_readers_side_by_side_read_a_mail_once(postgres_url: str) -> None:
    database = open_database(postgres_url)
    await given_a_meeting(database)
    reader = FakeReader()
    reader.slow[b"ACCEPTED"] = asyncio.Event()
    loops = [
        InboxReader(database, reader, interpret, Poked(), mail_domain=DOMAIN)
        for _ in range(MAX_ATTEMPTS + 1)
    ]
    tasks = [asyncio.create_task(loop.run()) for loop in loops]
    await accept(database, b"ACCEPTED")
    await accept(database, b"DECLINED")  # when it is read, the other one has been looked for
    await until(lambda: _is_read(database, b"DECLINED"))
    reader.slow[b"ACCEPTED"].set()
    await have_come(database, 2)
    for loop in loops:
        loop.stop()
    await asyncio.gather(*tasks)

    assert sorted(reader.read_raws) == [b"ACCEPTED", b"DECLINED"]
    assert await attempts(database) == [1, 1]
    await database.close()


async def test_a_claim_of_a_dead_reader_ends_with_its_lease(postgres_url: str) -> None:
    database = open_database(postgres_url)
    await given_a_meeting(database)
    await accept(database, b"ACCEPTED")
    soon = timedelta(minutes=2)

    async def claims(now: datetime) -> list[tuple[int, int]]:
        found = await database.write(lambda c: inbox.claim_unread(c, 10, now, now + soon))
        return [(one.token, one.attempt) for one in found]

    assert await claims(NOW) == [(1, 1)]
    assert await claims(NOW + soon / 2) == []
    assert await claims(NOW + soon) == [(2, 2)]
    await database.close()


async def test_claims_in_a_file_end_with_its_process(sqlite_database: Database) -> None:
    await given_a_meeting(sqlite_database)
    await accept(sqlite_database, b"ACCEPTED")
    far = datetime.now(UTC) + timedelta(days=1)
    await sqlite_database.write(lambda c: inbox.claim_unread(c, 10, NOW, far))  # and it died

    async with running(sqlite_database, FakeReader()):
        await have_come(sqlite_database, 1)


async def test_a_late_put_back_leaves_the_next_reader_alone(database: Database) -> None:
    await given_a_meeting(database)
    await accept(database, b"ACCEPTED")
    later = NOW + timedelta(minutes=5)
    old = await database.write(lambda c: inbox.claim_unread(c, 1, NOW, NOW))
    await database.write(lambda c: inbox.claim_unread(c, 1, NOW, later))

    await database.write(lambda c: inbox.put_back(c, old))

    [row] = await kept(database)
    assert (row.attempts, row.claimed_until) == (2, later)


async def test_a_mail_that_keeps_killing_its_reader_is_given_up(database: Database) -> None:
    await given_a_meeting(database)
    await accept(database, b"ACCEPTED")
    await accept(database, b"DECLINED", Purpose.ALIAS)
    await database.write(
        lambda c: (
            c.execute(
                sa.update(inbox_table).where(inbox_table.c.id == 1).values(attempts=MAX_ATTEMPTS)
            )
            and None
        )
    )
    reader = FakeReader()

    async with running(database, reader):
        await have_come(database, 2)

    assert reader.read_raws == [b"DECLINED"]
    assert (await bodies(database))[0] == Remark(party=1, verdict="unreadable")


async def test_an_interpreter_that_fails_holds_nothing_back(database: Database) -> None:
    await given_a_meeting(database)
    await accept(database, b"ACCEPTED")

    def fail(*_: object) -> object:
        raise ZeroDivisionError

    loop = InboxReader(database, FakeReader(), fail, Poked(), mail_domain=DOMAIN)  # type: ignore[arg-type]  # on purpose
    task = asyncio.create_task(loop.run())
    await have_come(database, 1)
    loop.stop()
    await task

    assert await bodies(database) == [Remark(party=1, verdict="unreadable")]


async def test_a_bounce_names_the_letter_it_brings_back(database: Database) -> None:
    await given_a_meeting(database)
    invitation, reschedule = letter(0, "meeting.invitation"), letter(1, "meeting.reschedule")
    await database.write(lambda c: outbox.enqueue(c, "main", invitation, NOW))
    await database.write(lambda c: outbox.enqueue(c, "main", reschedule, NOW))
    await accept(database, b"bounce\r\n\r\nMessage-ID: <0@parley.example>", Purpose.BOUNCE)
    await accept(database, b"bounce\r\n\r\nof some mail", Purpose.BOUNCE)

    async with running(database, FakeReader()):
        await have_come(database, 2)

    assert await bodies(database) == [
        Undelivered(party=1, letter="meeting.invitation", reason="other"),
        Undelivered(
            party=1, letter="meeting.reschedule", reason="other"
        ),  # the newest, when none is named
    ]


async def test_a_bounce_of_a_general_message_is_heeded_and_waits_for_no_saga(
    database: Database,
) -> None:
    stream = "external/main/order-7"
    general = letter(0, "order.paid").model_copy(update={"subject": stream, "party": None})
    about = await database.write(lambda c: outbox.enqueue(c, "main", general, NOW))
    back = returning_stream(stream, general.recipient)
    await database.write(
        lambda c: inbox.accept(
            c,
            key="general",
            capability=Capability(purpose=Purpose.BOUNCE, stream=back, party=0),
            mail_from="",
            source="smtp",
            raw=b"bounce",
            received_at=NOW,
            about=about,
        )
    )

    poked = Poked()
    async with running(database, FakeReader(), poked):
        await until(lambda: _is_read(database, b"bounce"))

    assert poked.streams == []
    fate = sa.select(outbox_table.c.fate)
    assert await database.read(lambda c: c.execute(fate).scalars().all()) == ["bounced"]
    assert await database.read(lambda c: inputs.untaken_streams(c, NOW, 10)) == []


async def test_a_bounce_of_an_address_that_was_corrected_is_no_loss(database: Database) -> None:
    await given_a_meeting(database)
    old = letter(0, "meeting.invitation").model_copy(update={"recipient": "anna@example.org"})
    about = await database.write(lambda c: outbox.enqueue(c, "main", old, NOW))
    await accept(database, b"bounce", Purpose.BOUNCE, about)

    async with running(database, FakeReader()):
        await have_come(database, 1)

    assert await bodies(database) == [Remark(party=1, verdict="bounce")]


def letter(number: int, kind: str) -> Draft:
    return Draft(
        kind=kind,
        subject=STREAM,
        occasion=str(number),
        recipient=ANA,
        party=1,
        mail_from="",
        message_id=f"<{number}@parley.example>",
        raw=b"",
    )


async def test_known_addresses_are_those_of_the_parties(database: Database) -> None:
    await given_a_meeting(database)

    assert await database.read(lambda c: correspondents.addresses_of(c, STREAM)) == {
        1: (ANA,),
        2: (BEN,),
    }
    assert await database.read(lambda c: correspondents.addresses_of(c, "order/1")) == {}


async def test_the_uid_known_is_that_of_the_partys_own_copy(database: Database) -> None:
    await given_a_meeting(database)

    anas = await database.read(lambda c: correspondents.uid_of(c, STREAM, 1))
    bens = await database.read(lambda c: correspondents.uid_of(c, STREAM, 2))

    assert anas
    assert bens
    assert anas != bens
    assert await database.read(lambda c: correspondents.uid_of(c, "order/1", 1)) is None
    assert await database.read(lambda c: correspondents.uid_of(c, STREAM, 9)) is None


async def test_a_stopped_reader_leaves_the_rest_unread(database: Database) -> None:
    await given_a_meeting(database)
    reader = FakeReader()
    reader.slow[b"ACCEPTED"] = asyncio.Event()
    await accept(database, b"ACCEPTED")
    await accept(database, b"DECLINED")

    loop = InboxReader(database, reader, interpret, Poked(), mail_domain=DOMAIN, parallel=1)
    task = asyncio.create_task(loop.run())
    await until(lambda: reader.read_raws)
    loop.stop()
    reader.slow[b"ACCEPTED"].set()
    await task

    assert [bool(row.read_at) for row in await kept(database)] == [True, False]
    async with running(database, FakeReader()):
        await have_come(database, 2)


class Cut:
    """A database that cancels whoever asks it to write."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, work: object) -> Any:
        raise asyncio.CancelledError


async def test_a_reader_whose_feeding_died_ends(database: Database) -> None:
    """So that its process ends, and is started anew."""
    loop = InboxReader(Cut(database), FakeReader(), interpret, Poked(), mail_domain=DOMAIN)

    with pytest.raises(LoopEnded, match="inbox feeder"):
        await loop.run()


async def test_a_wish_that_was_read_after_a_correction_is_not_the_partys(
    database: Database,
) -> None:
    await given_a_meeting(database)
    await accept(database, b"note", Purpose.UNSUBSCRIBE)
    await revoke(database, Purpose.UNSUBSCRIBE)

    async with running(database, FakeReader()):
        await have_come(database, 1)

    assert await bodies(database) == [Remark(party=1, verdict="note")]
