"""Postfix in between, as in a real installation: invitations out, answers in, and bounces.

Everything but Parley and Postfix is one server on loopback, where some people have mailboxes.
"""

import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from adapters.attendees.sending import NotAccepted, submit
from adapters.smtp_listener import SmtpListener, content_of, sender_of
from console.installation import Installation
from tests.adapters.postfix_programs import free_port
from tests.e2e.house import PATIENCE, House, slots
from tests.e2e.people import Mail, Person
from tests.e2e.postfix import documented, running_postfix
from tests.needs import TEMPORAL

pytestmark = TEMPORAL

DOMAIN = "meet.example.org"
RAW = b"Subject: hello\r\n\r\nhello\r\n"
_MESSAGE_ID = re.compile(rb"(?mi)^message-id:\s*(<[^>]+>)")


class World:
    """Everybody's mail server: has mailboxes for the people it knows, and refuses the others."""

    def __init__(self, people: dict[str, Person]) -> None:
        self._people = people
        self.mails: list[Mail] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.lower() not in self._people:
            return "550 5.1.1 nobody lives here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = content_of(envelope)
        found = _MESSAGE_ID.search(raw)
        for address in envelope.rcpt_tos:
            name = found[1].decode() if found else ""
            mail = Mail(len(self.mails) + 1, address, sender_of(envelope), name, raw)
            self.mails.append(mail)
        return "250 2.0.0 ok"


class PostfixHouse(House):
    """Whose people have their mail at the world's server, and send theirs to Postfix."""

    def __init__(self, installation: Installation, http: httpx.AsyncClient, port: int) -> None:
        super().__init__(installation, http)
        self.world = World(self.people)
        self._port = port

    def deliver(self) -> None:
        while self.world.mails:
            mail = self.world.mails.pop(0)
            self.people[mail.recipient.lower()].take(mail)

    async def mail(self, raw: bytes, mail_from: str, to: str) -> str:
        return await submit(raw, mail_from, to, "127.0.0.1", self._port, PATIENCE)


@pytest.fixture(scope="module")
def configuration() -> Iterator[dict[str, Any]]:
    """What the installation is told, the ports of which nobody uses yet."""
    chosen = {"PARLEY_SMTP_PORT": free_port(), "PARLEY_LMTP_PORT": free_port()}
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith(("PARLEY_", "TEMPORAL_"))]:
            environment.delenv(name)
        environment.setenv("PARLEY_MAIL_DOMAIN", DOMAIN)
        environment.setenv("PARLEY_SMTP_HOST", "127.0.0.1")
        for name, port in chosen.items():
            environment.setenv(name, str(port))
        yield chosen


@pytest.fixture(scope="module")
async def house(
    configuration: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PostfixHouse]:
    async with (
        Installation(tmp_path_factory.mktemp("postfix") / "data") as installation,
        installation.client() as http,
    ):
        yield PostfixHouse(installation, http, configuration["PARLEY_SMTP_PORT"])


@asynccontextmanager
async def postfix_for(house: PostfixHouse, main: str, port: int) -> AsyncIterator[None]:
    listener = SmtpListener(house.world, hostname="mx.example.org", host="127.0.0.1", port=0)
    await listener.start()
    try:
        async with running_postfix(main, port, listener.port):
            yield
    finally:
        await listener.stop(patience=1.0)


@pytest.fixture(scope="module", params=["smtp", "lmtp"])
async def postfix(
    request: pytest.FixtureRequest, house: PostfixHouse, configuration: dict[str, Any]
) -> AsyncIterator[None]:
    """Postfix as docs/running.md says, with the intake by SMTP, and by LMTP."""
    main = documented(house.installation.intake_port, configuration["PARLEY_LMTP_PORT"])
    async with postfix_for(house, main[request.param], configuration["PARLEY_SMTP_PORT"]):
        yield


@pytest.mark.usefixtures("postfix")
async def test_two_strangers_agree_through_postfix(house: PostfixHouse) -> None:
    ada, bela = house.pair()

    meeting = await house.ask(ada, bela)
    for person in (ada, bela):
        assert await house.send(person.answer("ACCEPTED"), person)
    seen = await meeting.when(lambda one: one["status"] == "confirmed")

    assert [party["partstat"] for party in seen["parties"]] == ["ACCEPTED", "ACCEPTED"]
    assert all(mail.mail_from.startswith("b+") for person in (ada, bela) for mail in person.mails)


@pytest.mark.usefixtures("postfix")
async def test_what_the_world_refuses_comes_back_as_a_bounce(house: PostfixHouse) -> None:
    """Postfix takes the mail first and reports later, to the address that names the party."""
    ada = house.person()
    nobody = house.person("Nobody There")
    del house.people[nobody.address]

    answer = await house.post("/meetings", order(ada, nobody))
    href = (await house.get(answer.headers["Location"]))["_links"]["related"]["href"]

    async def told() -> bool:
        events = (await house.get(f"{href}/events?limit=200"))["_embedded"]["items"]
        return any(event["type"].endswith("PartyUnreachable") for event in events)

    await house.until(told)
    [bounce] = (await house.get(f"{href}/mail"))["_embedded"]["items"]
    assert bounce["verdict"] == "bounce"


@pytest.mark.usefixtures("postfix")
async def test_an_address_that_parley_never_gave_out_is_refused_at_the_border(
    house: PostfixHouse,
) -> None:
    with pytest.raises(NotAccepted) as refusal:
        await house.mail(
            b"Subject: hello\r\n\r\nhello\r\n", "eve@example.net", f"r+{'a' * 26}@{DOMAIN}"
        )

    assert refusal.value.reply_code == 550


def order(*people: Person) -> dict[str, Any]:
    return {
        "title": "Garden plans",
        "parties": [{"name": p.name, "address": p.address, "zone": p.zone} for p in people],
        "slots": [slot.model_dump(mode="json") for slot in slots()],
    }
