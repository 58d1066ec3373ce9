"""What each fault of a server means: how far it got, what was said, what becomes of the message,
and whether the server has it, which is the truth the first three must not contradict."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from adapters.smtp import Relay, SmtpMailer
from bench.peers.chaos import ChaosServer
from bench.peers.faults import FAULTS, Deed, Step, Then
from domain.outbox.model import MessageState, Phase, Report
from domain.outbox.rules import rule_on
from domain.postage import OnUnknown
from tests.patience import until

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
PATIENCE = 0.3
"""Seconds for a server that hangs; any other gets what it needs on a busy machine."""
RETRY, FAILED = MessageState.RETRY, MessageState.FAILED
SENT, UNCERTAIN = MessageState.SENT, MessageState.UNCERTAIN
COMMANDS = (("mail", Phase.MAIL), ("rcpt", Phase.RCPT), ("data", Phase.DATA))
LONE = ((), ("PIPELINING", "8BITMIME"))
RAW = b"Message-ID: <1@parley.example>\r\nSubject: hello\r\n\r\nhello\r\n"

Row = tuple[str, Phase, int | None, MessageState, bool]

BEFORE_THE_MAIL: list[Row] = [
    ("greeting-421", Phase.CONNECT, 421, RETRY, False),
    ("greeting-554", Phase.CONNECT, 554, RETRY, False),
    ("greeting-close", Phase.CONNECT, None, RETRY, False),
    ("greeting-reset", Phase.CONNECT, None, RETRY, False),
    ("greeting-hang", Phase.CONNECT, None, RETRY, False),
    ("ehlo-421", Phase.CONNECT, 421, RETRY, False),
    ("ehlo-502", Phase.DONE, 250, SENT, True),  # HELO does
]
AT_A_COMMAND: list[Row] = [
    row
    for step, phase in COMMANDS
    for row in (
        (f"{step}-4xx", phase, 451, RETRY, False),
        (f"{step}-5xx", phase, 550, FAILED, False),
        (f"{step}-421", phase, 421, RETRY, False),
        (f"{step}-close", phase, None, RETRY, False),
        (f"{step}-reset", phase, None, RETRY, False),
        (f"{step}-hang", phase, None, RETRY, False),
        (f"{step}-garbage", phase, None, RETRY, False),
        (f"{step}-many-lines", phase, 450, RETRY, False),
        (f"{step}-endless", phase, None, RETRY, False),
    )
]
FROM_THE_BODY_ON: list[Row] = [
    ("mail-dripping", Phase.DONE, 250, SENT, True),
    ("data-early-250", Phase.BODY, 250, RETRY, False),
    # The dot is on its way before the server's deed can be seen.
    ("body-421", Phase.DONE, 421, RETRY, False),
    ("body-552", Phase.DONE, 552, FAILED, False),
    ("body-close", Phase.DOT, None, UNCERTAIN, False),
    ("body-reset", Phase.DOT, None, UNCERTAIN, False),
    ("body-hang", Phase.DOT, None, UNCERTAIN, False),
    ("dot-4xx", Phase.DONE, 451, RETRY, False),
    ("dot-5xx", Phase.DONE, 550, FAILED, False),
    ("dot-421", Phase.DONE, 421, RETRY, False),
    ("dot-close", Phase.DOT, None, UNCERTAIN, False),
    ("dot-reset", Phase.DOT, None, UNCERTAIN, False),
    ("dot-hang", Phase.DOT, None, UNCERTAIN, False),
    ("dot-garbage", Phase.DOT, None, UNCERTAIN, False),
    ("dot-many-lines", Phase.DONE, 450, RETRY, False),
    ("dot-endless", Phase.DOT, None, UNCERTAIN, False),
    ("dot-taken-close", Phase.DOT, None, UNCERTAIN, True),
    ("dot-taken-reset", Phase.DOT, None, UNCERTAIN, True),
    ("dot-taken-hang", Phase.DOT, None, UNCERTAIN, True),
    ("dot-taken-garbage", Phase.DOT, None, UNCERTAIN, True),
    ("dot-taken-dripping", Phase.DONE, 250, SENT, True),
    ("idle-421", Phase.DONE, 250, SENT, True),
    ("idle-close", Phase.DONE, 250, SENT, True),
]
ROWS = [*BEFORE_THE_MAIL, *AT_A_COMMAND, *FROM_THE_BODY_ON]
OF_THE_LOGIN = {name for name in FAULTS if name.startswith(("starttls", "auth"))}


def mailer_for(server: ChaosServer, fault: str = "") -> SmtpMailer:
    timeout = PATIENCE if fault.endswith("hang") else 10.0
    return SmtpMailer(Relay("127.0.0.1", server.port, timeout=timeout, dot_timeout=timeout))


async def yes() -> bool:
    return True


async def send(mailer: SmtpMailer, raw: bytes = RAW) -> Report:
    return await mailer.send("b+a@parley.example", "ana@example.org", raw, yes)


def state_after(report: Report) -> MessageState:
    return rule_on(
        report,
        on_unknown=OnUnknown.HOLD,
        resends=0,
        attempt=1,
        since=NOW,
        now=NOW,
        jitter=0.0,
    ).state


def test_every_fault_that_has_a_name_is_in_the_table() -> None:
    assert {row[0] for row in ROWS} | OF_THE_LOGIN == set(FAULTS)


@pytest.mark.parametrize("offers", LONE, ids=["one-by-one", "pipelined"])
@pytest.mark.parametrize(("fault", "phase", "code", "state", "taken"), ROWS)
async def test_a_fault_is_called_what_it_is(
    fault: str,
    phase: Phase,
    code: int | None,
    state: MessageState,
    taken: bool,
    offers: tuple[str, ...],
) -> None:
    step, deed = FAULTS[fault]
    async with ChaosServer({step: [deed]}, offers=offers) as server:
        mailer = mailer_for(server, fault)

        report = await send(mailer)
        await mailer.close()

        assert (report.phase, report.code, state_after(report)) == (phase, code, state)
        assert len(server.taken) == taken
        assert report.server == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("fault", sorted(row[0] for row in ROWS if row[3] in (RETRY, FAILED)))
async def test_no_fault_spoils_the_next_mail(fault: str) -> None:
    """Whatever is left on the line is not taken for an answer about another mail."""
    step, deed = FAULTS[fault]
    async with ChaosServer({step: [deed]}) as server:
        mailer = mailer_for(server, fault)
        await send(mailer)

        report = await send(mailer, RAW.replace(b"<1@", b"<2@"))
        await mailer.close()

        assert (report.phase, report.code) == (Phase.DONE, 250)
        assert [mail.message_id for mail in server.taken] == ["<2@parley.example>"]


async def test_a_late_greeting_is_waited_for() -> None:
    late = Deed("220-chaos.example\r\n220 at last", after=PATIENCE / 3, drips=True)
    async with ChaosServer({Step.GREETING: [late]}) as server:
        mailer = mailer_for(server)

        assert (await send(mailer)).code == 250
        await mailer.close()


async def test_an_answer_too_many_is_not_the_answer_to_the_dot() -> None:
    """One packet with `354` and `250`: the mail would be called sent though it is refused."""
    script = {Step.DATA: [FAULTS["data-early-250"][1]], Step.DOT: [Deed("554 5.7.1 spam")]}
    async with ChaosServer(script) as server:
        report = await send(mailer_for(server))

    assert report.phase is Phase.BODY
    assert server.taken == []


async def test_a_refused_recipient_gets_no_dot_where_the_server_asks_for_a_body() -> None:
    """Sent together, DATA may be answered 354 though there is no recipient (RFC 2920 §3.1)."""
    script = {
        Step.RCPT: [FAULTS["rcpt-5xx"][1]],
        Step.DATA: [Deed("354 go ahead")],
        Step.BODY: [Deed(then=Then.CLOSE)],
    }
    async with ChaosServer(script) as server:
        mailer = mailer_for(server)

        first, second = await send(mailer), await send(mailer)
        await mailer.close()

        assert (first.phase, first.code, second.code) == (Phase.RCPT, 550, 250)
        assert (server.connections, len(server.taken)) == (2, 1)
        assert not server.broke_off.is_set(), "something was said after the 354"


async def test_a_reply_in_drops_does_not_draw_out_its_time() -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        await reader.readline()
        writer.write(b"250 me\r\n250-")
        while not reader.at_eof():
            writer.write(b"x")
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1000), PATIENCE / 10)
        writer.close()
        gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, asyncio.timeout(20):
        port = server.sockets[0].getsockname()[1]
        report = await send(SmtpMailer(Relay("127.0.0.1", port, timeout=PATIENCE)))
        await gone.wait()

    assert (report.phase, report.code) == (Phase.MAIL, None)
    assert "no reply for" in report.reply


@pytest.mark.parametrize("offers", LONE, ids=["one-by-one", "pipelined"])
async def test_commands_go_together_only_where_the_server_allows_it(
    offers: tuple[str, ...],
) -> None:
    """Seen by a server that never answers MAIL."""
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        await reader.readline()
        writer.write("".join(f"250-{one}\r\n" for one in ("me", *offers)).encode())
        writer.write(b"250 HELP\r\n")
        heard.extend(await reader.read())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        report = await send(SmtpMailer(Relay("127.0.0.1", port, timeout=PATIENCE)))
        await until(lambda: heard)

    assert report.phase is Phase.MAIL
    assert [line.split(b" ")[0] for line in bytes(heard).splitlines()] == (
        [b"MAIL", b"RCPT", b"DATA"] if offers else [b"MAIL"]
    )


async def test_a_body_that_the_server_does_not_read_is_not_marked() -> None:
    """Megabytes wait in our own memory: the mail is not yet `sending`, and provably not sent."""
    marks = []

    async def mark() -> bool:
        marks.append(1)
        return True

    big = RAW + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 200_000
    async with ChaosServer({Step.BODY: [Deed(then=Then.HANG)]}) as server:
        mailer = mailer_for(server, "body-hang")
        report = await mailer.send("b+a@parley.example", "ana@example.org", big, mark)

    assert (report.phase, report.code, marks) == (Phase.BODY, None, [])


async def test_at_random_nothing_is_sent_twice_unless_it_says_so() -> None:
    """Hundreds of mails with retries, as the outbox does them: copies only of the uncertain."""
    chances = {row[0]: 0.02 for row in ROWS if not row[0].endswith("hang")}
    async with ChaosServer(chances=chances, seed=7) as server:
        mailer = mailer_for(server)
        ends = [await _sent_at_last(mailer, number) for number in range(300)]
        await mailer.close()

    copies = [sum(mail.message_id == f"<{n}@x>" for mail in server.taken) for n in range(300)]
    for end, count in zip(ends, copies, strict=True):
        assert count in {SENT: (1,), FAILED: (0,), UNCERTAIN: (0, 1)}[end]
    assert {SENT, FAILED, UNCERTAIN} == set(ends)


async def _sent_at_last(mailer: SmtpMailer, number: int) -> MessageState:
    raw = f"Message-ID: <{number}@x>\r\n\r\nhello\r\n".encode()
    while (state := state_after(await send(mailer, raw))) is RETRY:
        pass
    return state
