"""The line to the relay: protected as asked or not used at all, and no password in the clear."""

from pathlib import Path
from typing import Any, Literal

import pytest

from adapters.smtp import Relay, SmtpMailer
from adapters.smtp_relay import relay_of, tls_context
from bench.peers.chaos import ChaosServer
from bench.peers.faults import FAULTS, Deed, Step
from domain.errors import BadInput
from domain.outbox.model import Phase, Report
from settings import Settings
from tests.adapters.certificates import self_signed, server_context

RAW = b"Message-ID: <1@parley.example>\r\nSubject: hello\r\n\r\nhello\r\n"
WHO = ("parley", "pass word")
Security = Literal["starttls", "tls"]
SECURITIES: tuple[Security, ...] = ("starttls", "tls")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"), "IP:127.0.0.1", "DNS:relay.example.org")


def secure_server(certificate: Path, security: Security, *scripts: Any, **more: Any) -> ChaosServer:
    tls = server_context(certificate)
    return ChaosServer(*scripts, tls=tls, implicit=security == "tls", **more)


def relay_at(server: ChaosServer, security: Security, ca_file: Path | None, **more: Any) -> Relay:
    context = tls_context(ca_file)
    return Relay(
        "127.0.0.1", server.port, security, tls_context=context, timeout=5, dot_timeout=5, **more
    )


async def sent(relay: Relay, raw: bytes = RAW) -> Report:
    async def mark() -> bool:
        return True

    mailer = SmtpMailer(relay)
    report = await mailer.send("b+a@parley.example", "ana@example.org", raw, mark)
    await mailer.close()
    return report


@pytest.mark.parametrize("security", SECURITIES)
async def test_a_mail_goes_over_tls_to_a_server_that_is_trusted(
    certificate: Path, security: Security
) -> None:
    async with secure_server(certificate, security) as server:
        report = await sent(relay_at(server, security, certificate))

    assert (report.phase, report.code) == (Phase.DONE, 250)
    assert report.server == f"127.0.0.1:{server.port} TLSv1.3"
    assert [mail.raw for mail in server.taken] == [RAW]


@pytest.mark.parametrize("security", SECURITIES)
async def test_a_certificate_of_an_unknown_authority_is_refused_and_says_what_to_do(
    certificate: Path, security: Security
) -> None:
    async with secure_server(certificate, security) as server:
        report = await sent(relay_at(server, security, None))

    assert (report.phase, report.code) == (Phase.CONNECT, None)
    assert "not trusted (self-signed certificate)" in report.reply
    assert "PARLEY_SMTP_CA_FILE" in report.reply
    assert server.taken == []


@pytest.mark.parametrize("security", SECURITIES)
async def test_a_certificate_for_another_name_is_refused(
    tmp_path: Path, security: Security
) -> None:
    elsewhere = self_signed(tmp_path, "DNS:elsewhere.example.org")
    async with secure_server(elsewhere, security) as server:
        report = await sent(relay_at(server, security, elsewhere))

    assert report.phase is Phase.CONNECT
    assert "PARLEY_SMTP_HOST" in report.reply
    assert server.taken == []


async def test_a_server_without_starttls_gets_nothing() -> None:
    async with ChaosServer() as server:
        report = await sent(relay_at(server, "starttls", None))

    assert (report.phase, report.code) == (Phase.CONNECT, None)
    assert "STARTTLS" in report.reply
    assert server.commands == ["EHLO localhost"]


async def test_a_refused_starttls_is_not_followed_by_clear_text(certificate: Path) -> None:
    script = {Step.STARTTLS: [FAULTS["starttls-454"][1]]}
    async with secure_server(certificate, "starttls", script) as server:
        report = await sent(relay_at(server, "starttls", certificate))

    assert (report.phase, report.code) == (Phase.CONNECT, 454)
    assert server.commands == ["EHLO localhost", "STARTTLS"]


async def test_what_was_injected_before_tls_is_not_believed(certificate: Path) -> None:
    """RFC 3207 §4.2; the injected line offers AUTH, the real server does not (CVE-2011-0411)."""
    script = {Step.STARTTLS: [FAULTS["starttls-injected"][1]]}
    async with secure_server(certificate, "starttls", script) as server:
        relay = relay_at(server, "starttls", certificate, username=WHO[0], password=WHO[1])
        report = await sent(relay)

    assert report.phase is Phase.CONNECT
    assert not any(command.startswith("AUTH") for command in server.commands)
    assert server.taken == []


@pytest.mark.parametrize("methods", ["PLAIN", "LOGIN"])
async def test_who_may_send_is_proved_under_tls(certificate: Path, methods: str) -> None:
    hello = Deed(f"250-chaos.example\r\n250 AUTH {methods}")
    script = {Step.EHLO: [Deed("250-chaos.example\r\n250 STARTTLS"), hello]}
    async with secure_server(certificate, "starttls", script, credentials=WHO) as server:
        relay = relay_at(server, "starttls", certificate, username=WHO[0], password=WHO[1])
        report = await sent(relay)

    assert (report.phase, report.code) == (Phase.DONE, 250)
    assert any(command.startswith(f"AUTH {methods}") for command in server.commands)


@pytest.mark.parametrize(("fault", "code"), [("auth-454", 454), ("auth-535", 535)])
async def test_a_refused_password_is_no_fault_of_the_message(fault: str, code: int) -> None:
    async with ChaosServer({Step.AUTH: [FAULTS[fault][1]] * 2}, credentials=WHO) as server:
        relay = Relay("127.0.0.1", server.port, username=WHO[0], password=WHO[1], timeout=5)
        report = await sent(relay)

    assert (report.phase, report.code) == (Phase.CONNECT, code)


async def test_the_password_is_in_no_report(certificate: Path) -> None:
    async with secure_server(certificate, "tls", credentials=("somebody", "else")) as server:
        relay = relay_at(server, "tls", certificate, username=WHO[0], password=WHO[1])
        report = await sent(relay)

    assert (report.phase, report.code) == (Phase.CONNECT, 535)
    assert WHO[1] not in report.model_dump_json() + repr(relay)


@pytest.mark.parametrize("host", ["relay.example.org", "192.0.2.1", "localhost.example.org"])
def test_no_password_crosses_a_network_in_the_clear(host: str) -> None:
    settings = Settings(smtp_host=host, smtp_username="parley", smtp_password="x")

    with pytest.raises(BadInput, match="PARLEY_SMTP_SECURITY") as refusal:
        relay_of(settings)

    assert refusal.value.field == "PARLEY_SMTP_SECURITY"
    assert "x" not in str(refusal.value).split()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_on_this_machine_it_may(host: str) -> None:
    settings = Settings(smtp_host=host, smtp_username="parley", smtp_password="x")

    assert relay_of(settings).username == "parley"


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_bad_authority_file_is_refused_by_name(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(BadInput, match=r"PARLEY_SMTP_CA_FILE is .*ca\.pem"):
        relay_of(Settings(smtp_ca_file=file))


EIGHT = "Subject: hello\r\n\r\nGrüße\r\n".encode()
EIGHT_HEADERS = "Subject: Grüße\r\n\r\nhello\r\n".encode()


@pytest.mark.parametrize(
    ("raw", "offers", "arguments"),
    [
        (RAW, ("8BITMIME", "SMTPUTF8"), ""),
        (EIGHT, ("8BITMIME",), "BODY=8BITMIME"),
        (EIGHT_HEADERS, ("8BITMIME", "SMTPUTF8"), "BODY=8BITMIME SMTPUTF8"),
    ],
)
async def test_a_mail_says_what_it_needs(
    raw: bytes, offers: tuple[str, ...], arguments: str
) -> None:
    async with ChaosServer(offers=offers) as server:
        report = await sent(Relay("127.0.0.1", server.port), raw)

    assert report.code == 250
    assert [(mail.raw, mail.arguments) for mail in server.taken] == [(raw, arguments)]


@pytest.mark.parametrize(
    ("raw", "offers", "size", "code", "words"),
    [
        (EIGHT, (), 0, 554, "5.6.3 this mail is 8-bit"),
        (EIGHT_HEADERS, ("8BITMIME",), 0, 554, "5.6.9 headers"),
        (RAW, (), 20, 552, "5.3.4 57 octets are more than the relay takes (20)"),
    ],
)
async def test_what_the_server_cannot_take_is_refused_before_it_is_asked(
    raw: bytes, offers: tuple[str, ...], size: int, code: int, words: str
) -> None:
    """Changing the mail would break its signature, and attempts must not differ."""
    async with ChaosServer(offers=offers, size=size) as server:
        report = await sent(Relay("127.0.0.1", server.port), raw)

    assert (report.phase, report.code) == (Phase.MAIL, code)
    assert report.reply.startswith(words)
    assert not any(command.startswith("MAIL") for command in server.commands)


async def test_the_size_is_said_where_the_server_wants_to_know_it() -> None:
    async with ChaosServer(size=1000) as server:
        await sent(Relay("127.0.0.1", server.port))

    assert [mail.arguments for mail in server.taken] == [f"SIZE={len(RAW)}"]
