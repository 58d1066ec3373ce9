"""Places at the door: for whoever has mail, and never all of them for one."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from adapters import smtp_listener, smtp_session
from adapters.smtp_listener import SmtpListener, counted_peer
from adapters.smtp_session import BOUNDS, Bounds, MailHandler
from tests.patience import until

MAIL = ("MAIL FROM:<>", "RCPT TO:<ana@example.org>")
DATA = ("DATA", "Subject: x\r\n\r\nx\r\n.")


class Welcome:
    """Takes every mail."""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return "250 2.0.0 Accepted"


class Refusing(Welcome):
    """Takes no mail."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return "552 5.3.4 This mail is too large"


@asynccontextmanager
async def listening(
    handler: MailHandler | None = None,
    *,
    connections: int = 64,
    speaks_lmtp: bool = False,
    **bounds: Any,
) -> AsyncIterator[int]:
    listener = SmtpListener(
        handler or Welcome(),
        hostname="parley.example",
        host="127.0.0.1",
        port=0,
        connections=connections,
        bounds=Bounds(**bounds),
        speaks_lmtp=speaks_lmtp,
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

    async def say_for_ever(self, *lines: str) -> bytes:
        """The 421 that ends it, or nothing where the connection just ended."""
        while True:
            for line in lines:
                self.writer.write(line.encode() + b"\r\n")
                answer = await self.reader.readline()
                if answer[:3] in (b"421", b""):
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


NO_PROGRESS = {
    "NOOP": ("NOOP",),
    "RSET and another MAIL": ("RSET", "MAIL FROM:<>"),
    "a greeting": ("HELO client", "MAIL FROM:<>"),
    "recipients": ("RCPT TO:<ana@example.org>",),
    "a mail that is refused": (*MAIL, *DATA),
}


@pytest.mark.parametrize("says", NO_PROGRESS.values(), ids=NO_PROGRESS)
async def test_a_mail_that_is_begun_and_never_taken_keeps_no_place(says: tuple[str, ...]) -> None:
    many = 1_000_000
    async with listening(
        Refusing(), connections=1, done_within=0.2, commands=many, errors=many
    ) as port:
        call = await Call.to(port)
        await call.say("HELO client", "MAIL FROM:<>")

        assert (await call.say_for_ever(*says)).startswith(b"421 4.4.2")
        await until(lambda: _is_answered(port))
        await call.end()


async def test_data_that_never_ends_keeps_no_place() -> None:
    async with listening(connections=1, done_within=0.2) as port:
        call = await Call.to(port)
        await call.say("HELO client", *MAIL, "DATA")

        answer = asyncio.create_task(call.reader.readline())
        while not answer.done():
            call.writer.write(b"x\r\n")
            await asyncio.wait([answer], timeout=0.01)

        assert answer.result().startswith(b"421 4.4.2")
        await until(lambda: _is_answered(port))
        await call.end()


async def test_a_client_that_does_not_listen_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last words never leave, and a connection that is closed in order waits for them."""
    monkeypatch.setattr(smtp_session, "_LAST_WORDS_WITHIN", 0.1)
    listener = SmtpListener(
        Welcome(), hostname="parley.example", host="127.0.0.1", port=0, connections=1
    )
    await listener.start()
    assert listener._server is not None
    listener._server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await asyncio.to_thread(deaf.connect, ("127.0.0.1", listener.port))

    await asyncio.to_thread(deaf.sendall, b"HELP\r\n" * 2 * BOUNDS.commands)

    await until(lambda: _is_answered(listener.port))
    deaf.close()
    await listener.stop(patience=0.1)


class Slow(Welcome):
    """Takes longer to keep a mail than a client may take to send it."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        await asyncio.sleep(0.8)
        return await super().handle_DATA(server, session, envelope)


async def test_the_time_that_we_take_is_not_the_clients() -> None:
    async with listening(Slow(), done_within=0.6) as port:
        call = await Call.to(port)

        assert (await call.say("HELO client", *MAIL, *DATA)).startswith(b"250")
        await call.end()


async def test_each_mail_that_is_taken_begins_the_time_anew() -> None:
    async with listening(done_within=1.2, commands=8, errors=2) as port:
        call = await Call.to(port)
        await call.say("HELO client")

        for _ in range(3):
            await asyncio.sleep(0.5)
            answer = await call.say("RCPT nonsense", *MAIL, *DATA)
            assert answer.startswith(b"250")
        await call.end()


@pytest.mark.parametrize("speaks_lmtp", [False, True])
async def test_endless_talk_without_a_mail_is_ended(speaks_lmtp: bool) -> None:
    async with listening(commands=20, speaks_lmtp=speaks_lmtp) as port:
        call = await Call.to(port)

        assert (await call.say_for_ever("NOOP")).startswith(b"421 4.7.0 Too many commands")
        assert await call.reader.read() == b""
        await call.end()


async def test_error_upon_error_is_ended() -> None:
    async with listening(Refusing(), errors=4) as port:
        call = await Call.to(port)
        await call.say("HELO client", *MAIL)

        assert (await call.say_for_ever("RCPT nonsense")).startswith(b"421 4.7.0 Too many errors")
        assert await call.reader.read() == b""
        await call.end()


async def test_what_may_be_tried_again_is_no_error_of_the_client() -> None:
    """A relay has more recipients than are taken at once, and brings its mails in an outage."""
    async with listening(Forgetful(99), errors=1) as port:
        call = await Call.to(port)
        await call.say("HELO client")

        for _ in range(5):
            assert (await call.say(*MAIL, *DATA)).startswith(b"451")
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
    """Cannot keep its first mails; knows whom the others were for."""

    def __init__(self, faults: int = 1) -> None:
        self.faults = faults
        self.kept: list[list[str]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.faults:
            self.faults -= 1
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
