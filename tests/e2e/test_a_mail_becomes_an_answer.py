"""From the wire to the saga's input: intake, sandbox, interpretation, in one process."""

import asyncio

from activities.inbox import interpret
from adapters.calendar_mail.sandbox.client import Sandbox
from adapters.db import inputs
from adapters.db.database import Database
from adapters.intake.accepting import Reception
from adapters.intake.reading import InboxReader
from adapters.intake.smtp import Intake
from domain.meetings.messages import Answer, TakenInput
from domain.meetings.model import Partstat
from tests.adapters.intake.letters import ANA, DOMAIN, STREAM, address, given_a_meeting, mail
from tests.patience import until

REPLY = f"""\
From: Ana <{ANA}>
To: {address()}
Subject: Accepted: A talk
Message-ID: <reply-1@example.org>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=x

--x
Content-Type: text/plain; charset=utf-8

Looking forward to it.
--x
Content-Type: text/calendar; charset=utf-8; method=REPLY

BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example//Client//EN
METHOD:REPLY
BEGIN:VEVENT
UID:7f3a@parley.example
SEQUENCE:0
DTSTAMP:20270301T090500Z
DTSTART:20270308T090000Z
DTEND:20270308T100000Z
ORGANIZER:mailto:{address()}
ATTENDEE;PARTSTAT=ACCEPTED;CN=Ana:mailto:{ANA}
END:VEVENT
END:VCALENDAR
--x--
""".replace("\n", "\r\n")


async def test_a_mail_becomes_an_answer(sqlite_database: Database) -> None:
    await given_a_meeting(sqlite_database)
    poked: asyncio.Queue[str] = asyncio.Queue()
    intake = Intake(Reception(sqlite_database, DOMAIN), DOMAIN)
    await intake.start()
    async with Sandbox() as sandbox:
        reader = InboxReader(sqlite_database, sandbox, interpret, poked.put, mail_domain=DOMAIN)
        reading = asyncio.create_task(reader.run())

        await mail(intake.port, address(), REPLY.encode())
        await until(lambda: not poked.empty())

        reader.stop()
        await reading
    await intake.stop()

    _, taken = await sqlite_database.read(lambda c: inputs.take(c, STREAM, 10))
    assert _answer(taken).partstat is Partstat.ACCEPTED
    assert (_answer(taken).sequence, _answer(taken).aligned) == (0, True)
    words = await sqlite_database.read(lambda c: inputs.words_of(c, [taken.id]))
    assert words[taken.id]["text"] == "Looking forward to it."


def _answer(taken: TakenInput) -> Answer:
    assert isinstance(taken.body, Answer)
    return taken.body
