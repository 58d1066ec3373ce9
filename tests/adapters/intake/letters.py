"""A meeting with addresses, a client that mails to them, and a look at what was kept."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from aiosmtplib import SMTP

from adapters.db import capabilities, meetings
from adapters.db import inbox as arrivals
from adapters.db.database import Database
from adapters.db.schema import inbox, inputs
from domain.access import Capability, Purpose, derive_token, token_address
from domain.inbox.acceptance import NESTING_LIMIT
from domain.inbox.model import Reading, Verdict
from domain.meetings.model import Terms
from domain.meetings.requests import MeetingOrder, PartyOrder
from domain.values import Slot

DOMAIN = "parley.example"
SECRET = b"a secret for tests"
STREAM = "meeting/7f3a"
ANA, BEN = "ana@example.org", "ben@example.net"
NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
MAIL = b"From: ana@example.org\r\nMessage-ID: <1@example.org>\r\nSubject: yes\r\n\r\nfine\r\n"
NESTED = MAIL + b"Content-Type: multipart/mixed; boundary=b\r\n" * (NESTING_LIMIT + 1)


async def given_a_meeting(
    database: Database, *, owner: str = "main", meeting_id: str = "7f3a"
) -> None:
    """Ana (1) and Ben (2) are asked to meet; nothing has been mailed yet."""
    start = NOW + timedelta(days=7)
    order = MeetingOrder(
        title="A talk",
        parties=(
            PartyOrder(name="Ana", address=ANA, zone="Europe/Lisbon"),
            PartyOrder(name="Ben", address=BEN, zone="Asia/Tokyo"),
        ),
        terms=Terms(slots=(Slot(start=start, end=start + timedelta(hours=1)),)),
    )
    await database.write(
        lambda c: meetings.request(
            c, meeting_id=meeting_id, owner=owner, order=order, secret=SECRET, at=NOW
        )
    )


def token(purpose: Purpose = Purpose.REPLY, party: int = 1, stream: str = STREAM) -> str:
    return derive_token(SECRET, Capability(purpose=purpose, stream=stream, party=party))


def address(purpose: Purpose = Purpose.REPLY, party: int = 1, stream: str = STREAM) -> str:
    return token_address(purpose, token(purpose, party, stream), DOMAIN)


async def revoke(database: Database, purpose: Purpose = Purpose.REPLY, party: int = 1) -> None:
    await database.write(lambda c: capabilities.revoke(c, STREAM, party, purpose, NOW))


async def mail(
    port: int, recipients: str | Sequence[str], raw: bytes = MAIL, sender: str = ANA
) -> tuple[dict[str, Any], str]:
    """Send `raw`; gives the refused recipients and the server's last words."""
    client = SMTP(hostname="127.0.0.1", port=port, start_tls=False, local_hostname="client")
    async with client:
        await client.ehlo()
        return await client.sendmail(sender, recipients, raw)


async def kept(database: Database) -> Sequence[sa.Row[Any]]:
    """Every mail in the inbox."""
    return await database.read(lambda c: c.execute(sa.select(inbox).order_by(inbox.c.id)).all())


async def mail_inputs(database: Database) -> Sequence[sa.Row[Any]]:
    """Every input that a mail became."""
    query = sa.select(inputs).where(inputs.c.inbox_id.is_not(None)).order_by(inputs.c.id)
    return await database.read(lambda c: c.execute(query).all())


async def read(database: Database, verdict: Verdict = Verdict.UNREADABLE) -> None:
    """What a reader does with every unread mail."""
    reading = Reading(verdict=verdict, problems=("damaged",))

    def work(c: sa.Connection) -> None:
        for claim in arrivals.claim_unread(c, 10, LATER, LATER + timedelta(minutes=1)):
            body = {"type": "remark", "party": 1, "verdict": verdict.value}
            arrivals.record_reading(c, claim.arrival.id, reading, body, None, LATER)

    await database.write(work)
