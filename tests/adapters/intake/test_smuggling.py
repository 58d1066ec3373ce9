"""Two servers that disagree about where a mail ends must never make two mails of one.

Source: smtpsmuggling.com, VU#302671; mail-safety §6. There is no STARTTLS here, and so nothing to
inject before it.
"""

from collections.abc import AsyncIterator

import pytest

from adapters.db.database import Database
from adapters.intake.accepting import Reception
from adapters.intake.smtp import Intake
from domain.inbox.acceptance import Way
from tests.adapters.intake.letters import DOMAIN, MAIL, address, given_a_meeting, kept
from tests.adapters.intake.talk import Talk

ODD_ENDS = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\r\n\0.\r\n",
]


@pytest.fixture(params=[Way.SMTP, Way.LMTP])
async def intake(
    sqlite_database: Database, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[int, str]]:
    """Port and greeting of an intake that speaks the one or the other."""
    await given_a_meeting(sqlite_database)
    started = Intake(Reception(sqlite_database, DOMAIN), DOMAIN, way=request.param)
    await started.start()
    yield started.port, "LHLO client" if request.param is Way.LMTP else "HELO client"
    await started.stop()


def message(recipient: str, body: bytes) -> bytes:
    """A whole transaction, pipelined, with its proper end."""
    commands = f"MAIL FROM:<eve@example.net>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n"
    return commands.encode() + body + b"\r\n.\r\n"


@pytest.mark.parametrize("end", ODD_ENDS)
async def test_an_odd_end_does_not_make_a_second_mail(
    intake: tuple[int, str], sqlite_database: Database, end: bytes
) -> None:
    port, greeting = intake
    talk = await Talk.to(port)
    await talk.until_data(address(), greeting=greeting)
    smuggled = message(address(party=2), b"Subject: forged\r\n\r\nI decline")
    honest = message(address(party=2), b"Subject: honest\r\n\r\nI accept")

    talk.writer.write(MAIL + end + smuggled + honest)  # all at once, as a pipelining sender does
    answers = [await talk.line() for _ in range(5)]

    assert [answer[:3] for answer in answers] == [b"250", b"250", b"250", b"354", b"250"]
    first, second = await kept(sqlite_database)
    assert (first.party, second.party) == (1, 2)
    assert b"Subject: forged" in first.raw
    assert second.raw == b"Subject: honest\r\n\r\nI accept\r\n"
    await talk.end()


@pytest.mark.parametrize("end", ODD_ENDS)
async def test_bare_breaks_do_not_stay_for_the_next_server(
    intake: tuple[int, str], sqlite_database: Database, end: bytes
) -> None:
    port, greeting = intake
    talk = await Talk.to(port)
    await talk.until_data(address(), greeting=greeting)

    assert (await talk.say(MAIL + end + b"more\r\n.\r\n")).startswith(b"250")

    [row] = await kept(sqlite_database)
    without_breaks = row.raw.replace(b"\r\n", b"")
    assert b"\r" not in without_breaks
    assert b"\n" not in without_breaks
    await talk.end()
