"""What `SmtpMailer` does with mails and connections; test_smtp_faults has what it reports."""

from collections.abc import AsyncIterator

import pytest

from adapters.smtp import MarkSending, Relay, SmtpMailer, on_the_wire
from bench.peers.chaos import ChaosServer
from bench.peers.faults import FAULTS
from domain.outbox.model import Phase, Report
from tests.fakes.smtp import CLOSE, Server
from tests.patience import until

FROM = "b+aaaaaaaaaaaaaaaaaaaaaaaaaa@parley.example"
TO = "ana@example.org"
RAW = b"Subject: hello\r\n\r\n.a dot\nand bare breaks\r"


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as running:
        yield running


@pytest.fixture
async def mailer(server: Server) -> AsyncIterator[SmtpMailer]:
    made = mailer_for(server)
    yield made
    await made.close()


def mailer_for(server: Server, timeout: float = 5.0) -> SmtpMailer:
    return SmtpMailer(Relay("127.0.0.1", server.port, timeout=timeout, dot_timeout=timeout))


class Mark:
    """A mark that remembers how much the server had when it was asked."""

    def __init__(self, server: Server, answer: bool = True) -> None:
        self.had: list[int] = []
        self._server = server
        self._answer = answer

    async def __call__(self) -> bool:
        self.had.append(len(self._server.received))
        return self._answer


async def send(mailer: SmtpMailer, mark: MarkSending) -> Report:
    return await mailer.send(FROM, TO, RAW, mark)


async def test_a_mail_is_marked_before_the_server_has_it(
    server: Server, mailer: SmtpMailer
) -> None:
    mark = Mark(server)

    report = await send(mailer, mark)

    assert (report.phase, report.code) == (Phase.DONE, 250)
    assert mark.had == [0]
    [received] = server.received
    assert (received.mail_from, received.recipients) == (FROM, [TO])
    assert received.raw == b"Subject: hello\r\n\r\n.a dot\r\nand bare breaks\r\n"


async def test_connections_are_kept(server: Server, mailer: SmtpMailer) -> None:
    for _ in range(3):
        await send(mailer, Mark(server))

    assert (server.connections, len(server.received)) == (1, 3)


@pytest.mark.parametrize(("deed", "code"), [("552 too big", 552), (CLOSE, None)])
async def test_a_server_that_breaks_off_during_the_body_has_nothing(
    deed: str, code: int | None
) -> None:
    async with Server({"body": [deed]}) as server:

        async def mark() -> bool:
            await server.broke_off.wait()
            return True

        report = await send(mailer_for(server), mark)

        assert report.code == code
        assert server.received == []


async def test_a_lost_claim_sends_no_dot(server: Server, mailer: SmtpMailer) -> None:
    report = await send(mailer, Mark(server, answer=False))

    assert (report.phase, report.code) == (Phase.BODY, None)
    assert server.received == []


async def test_a_mark_that_fails_sends_no_dot(server: Server, mailer: SmtpMailer) -> None:
    async def mark() -> bool:
        raise LookupError("the database is gone")

    with pytest.raises(LookupError):
        await send(mailer, mark)

    assert server.received == []
    assert (await send(mailer, Mark(server))).code == 250


async def test_nobody_listening_is_a_failure_to_connect() -> None:
    async with Server() as server:
        port = server.port

    report = await send(SmtpMailer(Relay("127.0.0.1", port)), Mark(server))

    assert (report.phase, report.code) == (Phase.CONNECT, None)


async def test_a_refused_mail_does_not_spoil_the_next(server: Server, mailer: SmtpMailer) -> None:
    server.plan["rcpt"] = ["550 no such user"]

    assert (await send(mailer, Mark(server))).code == 550
    assert (await send(mailer, Mark(server))).code == 250
    assert server.connections == 1
    assert "RSET" in server.commands


@pytest.mark.parametrize("deed", [CLOSE, "421 idle too long"])
async def test_a_kept_connection_that_ended_is_replaced_at_once(deed: str) -> None:
    async with Server({"mail": ["250 ok", deed]}) as server:
        mailer = mailer_for(server)
        mark = Mark(server)

        first, second = await send(mailer, mark), await send(mailer, mark)

        assert (first.code, second.code, server.connections) == (250, 250, 2)
        assert len(mark.had) == len(server.received) == 2
        await mailer.close()


async def test_an_address_that_is_none_never_reaches_the_server(
    server: Server, mailer: SmtpMailer
) -> None:
    report = await mailer.send(FROM, "ana@example.org>\r\nRCPT TO:<eve", RAW, Mark(server))

    assert (report.phase, report.code) == (Phase.RCPT, 553)
    assert server.connections == 0


async def test_wrong_credentials_are_no_fault_of_the_message() -> None:
    async with Server({"auth": ["535 5.7.8 wrong"] * 3}) as server:
        server.plan["ehlo"] = ["250-relay.example.org\r\n250 AUTH PLAIN"]
        relay = Relay("127.0.0.1", server.port, username="parley", password="x", timeout=5)

        report = await send(SmtpMailer(relay), Mark(server))

        assert (report.phase, report.code) == (Phase.CONNECT, 535)


@pytest.mark.parametrize(
    ("raw", "wire"),
    [
        (b"a\nb\rc\r\n", b"a\r\nb\r\nc\r\n"),
        (b".\n..\nx", b"..\r\n...\r\nx\r\n"),
        (b"a\r.\rb", b"a\r\n..\r\nb\r\n"),
        (b"", b"\r\n"),
    ],
)
def test_no_body_can_end_the_mail_early(raw: bytes, wire: bytes) -> None:
    assert on_the_wire(raw) == wire


@pytest.fixture
async def chaos() -> AsyncIterator[ChaosServer]:
    async with ChaosServer() as running:
        yield running


async def test_a_connection_carries_only_so_many_mails(chaos: ChaosServer) -> None:
    mailer = SmtpMailer(Relay("127.0.0.1", chaos.port, mails_per_connection=2))

    for _ in range(5):
        await send(mailer, yes)
    await mailer.close()

    assert chaos.connections == 3
    assert [line for line in chaos.commands if line in ("QUIT", "DATA")] == (
        ["DATA", "DATA", "QUIT"] * 2 + ["DATA", "QUIT"]
    )


async def test_a_connection_is_left_when_there_is_nothing_to_say(chaos: ChaosServer) -> None:
    mailer = SmtpMailer(Relay("127.0.0.1", chaos.port), idle_for=0.01)

    await send(mailer, yes)
    await until(lambda: chaos.commands[-1] == "QUIT")
    await send(mailer, yes)
    await mailer.close()

    assert chaos.connections == 2


@pytest.mark.parametrize("deed", ["idle-421", "idle-close"])
async def test_a_connection_that_the_server_left_is_not_tried(deed: str) -> None:
    step, what = FAULTS[deed]
    async with ChaosServer({step: [what]}) as chaos:
        mailer = SmtpMailer(Relay("127.0.0.1", chaos.port))

        reports = [await send(mailer, yes) for _ in range(2)]
        await mailer.close()

        assert [report.code for report in reports] == [250, 250]
        assert len(chaos.taken) == 2


async def yes() -> bool:
    return True
