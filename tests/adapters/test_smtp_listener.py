"""Places at the door: for whoever has mail, and never all of them for one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from adapters import smtp_listener
from adapters.smtp_listener import SmtpListener, counted_peer
from tests.patience import until


class Welcome:
    """Takes every mail."""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return "250 2.0.0 Accepted"


@asynccontextmanager
async def listening(*, connections: int = 64, mail_within: float = 60.0) -> AsyncIterator[int]:
    listener = SmtpListener(
        Welcome(),
        hostname="parley.example",
        host="127.0.0.1",
        port=0,
        connections=connections,
        mail_within=mail_within,
    )
    await listener.start()
    yield listener.port
    await listener.stop(patience=0.1)


class Call:
    """A connection from one of the many addresses of loopback."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.greeting = b""

    @classmethod
    async def to(cls, port: int, source: str = "127.0.0.1") -> "Call":
        found = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        call = cls(*found)
        call.greeting = await call.reader.readline()
        return call

    async def say(self, *lines: str) -> bytes:
        for line in lines:
            self.writer.write(line.encode() + b"\r\n")
            answer = await self.reader.readline()
        return answer

    async def end(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)


@pytest.fixture
def everybody_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_listener, "counted_peer", lambda address: address)


@pytest.mark.usefixtures("everybody_counts")
async def test_one_peer_cannot_take_every_place() -> None:
    async with listening(connections=8) as port:
        calls = [await Call.to(port) for _ in range(3)]
        other = await Call.to(port, "127.0.0.2")

        assert [call.greeting[:3] for call in calls] == [b"220", b"220", b"421"]
        assert other.greeting.startswith(b"220")
        await calls[0].end()
        await until(lambda: _is_answered(port))
        for call in (*calls, other):
            await call.end()


async def _is_answered(port: int) -> bool:
    call = await Call.to(port)
    await call.end()
    return call.greeting.startswith(b"220")


async def test_a_relay_of_ours_may_take_every_place() -> None:
    async with listening(connections=4) as port:
        calls = [await Call.to(port) for _ in range(5)]

        assert [call.greeting[:3] for call in calls] == [b"220"] * 4 + [b"421"]
        for call in calls:
            await call.end()


async def test_a_client_without_a_mail_gives_its_place_up() -> None:
    async with listening(connections=1, mail_within=0.1) as port:
        silent = await Call.to(port)

        assert (await silent.reader.readline()).startswith(b"421 4.4.2")
        await until(lambda: _is_answered(port))
        await silent.end()


async def test_saying_nothing_in_many_words_keeps_no_place() -> None:
    async with listening(mail_within=0.1) as port:
        chatting = await Call.to(port)
        await chatting.say("HELO client")

        await until(lambda: _has_lost_its_place(chatting))
        await chatting.end()


async def _has_lost_its_place(call: Call) -> bool:
    try:
        return not (await call.say("NOOP")).startswith(b"250")
    except ConnectionError:
        return True


async def test_a_mail_under_way_has_all_its_time() -> None:
    async with listening(mail_within=0.1) as port:
        slow, silent = await Call.to(port), await Call.to(port)
        await slow.say("HELO client", "MAIL FROM:<>")

        assert (await silent.reader.readline()).startswith(b"421")
        answer = await slow.say("RCPT TO:<ana@example.org>", "DATA", "Subject: x\r\n\r\nx\r\n.")
        assert answer.startswith(b"250")
        assert (await slow.reader.readline()).startswith(b"421")  # and no other mail came
        for call in (slow, silent):
            await call.end()


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("8.8.8.8", "8.8.8.8"),
        ("::ffff:8.8.8.8", "8.8.8.8"),
        ("2a00:1450:4001:81b::200e", "2a00:1450:4001:81b::/64"),
        ("2a00:1450:4001:81b:1::1", "2a00:1450:4001:81b::/64"),
        ("127.0.0.1", None),
        ("::1", None),
        ("10.1.2.3", None),
        ("172.17.0.1", None),
        ("fe80::1%eth0", None),
        ("fd00::1", None),
    ],
)
def test_peers_are_counted_by_what_one_owner_has(address: str, name: str | None) -> None:
    assert counted_peer(address) == name


class Forgetful(Welcome):
    """Cannot keep its first mail; knows whom the others were for."""

    def __init__(self) -> None:
        self.kept: list[list[str]] | None = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.kept is None:
            self.kept = []
            raise OSError("the disk is full")
        self.kept.append(list(envelope.rcpt_tos))
        return await super().handle_DATA(server, session, envelope)


async def test_a_mail_after_our_own_fault_goes_to_its_own_recipients_alone() -> None:
    handler = Forgetful()
    listener = SmtpListener(handler, hostname="parley.example", host="127.0.0.1", port=0)
    await listener.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)

    async def say(line: str) -> bytes:
        writer.write(line.encode() + b"\r\n")
        return await reader.readline()

    await reader.readline()
    await say("HELO client")
    replies = []
    for name in ("ana", "ben"):
        replies.append((await say("MAIL FROM:<sender@example.org>"))[:3])
        await say(f"RCPT TO:<{name}@parley.example>")
        await say("DATA")
        replies.append((await say("Subject: x\r\n\r\nwords\r\n."))[:3])

    assert replies == [b"250", b"451", b"250", b"250"]
    assert handler.kept == [["ben@parley.example"]]
    writer.close()
    await listener.stop(patience=0.1)
