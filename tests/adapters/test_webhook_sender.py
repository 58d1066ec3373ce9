"""One attempt: signed as the specification says, sent only where it may go."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from adapters.webhooks.sender import MOST_BODY, SignedMessage, WebhookSender, signature_headers
from domain.webhooks import targets
from domain.webhooks.rules import Answer, Fault
from tests.adapters.hooks import NOW, OTHER_SECRET, SECRET, secret_bytes
from tests.adapters.receiver import Receiver, is_signed, receiving, resolving, silence, status
from tests.needs import need
from tests.patience import until

MESSAGE = SignedMessage(id="msg_1", body='{"type":"Grüße","n":1}', secrets=(SECRET,))
LOOPBACK = ("127.0.0.1",)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


def sender(trusted: tuple[str, ...] = LOOPBACK, **more: Any) -> WebhookSender:
    more.setdefault("timeouts", (0.5, 0.5))
    return WebhookSender(trusted, **more)


async def test_a_receiver_can_check_the_signature_by_the_specification(
    receiver: Receiver,
) -> None:
    answer = await sender().send(receiver.url, MESSAGE, NOW)

    [request] = receiver.requests
    assert answer == Answer(status=204)
    assert request.line == "POST /hook HTTP/1.1"
    assert request.body == MESSAGE.body.encode()
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert is_signed(request, secret_bytes(SECRET), at=NOW)
    assert not is_signed(request, secret_bytes(OTHER_SECRET))


async def test_the_standard_library_of_receivers_accepts_it(receiver: Receiver) -> None:
    await sender().send(receiver.url, MESSAGE, datetime.now(UTC))

    [request] = receiver.requests
    assert Webhook(SECRET).verify(request.body, request.headers) == {"type": "Grüße", "n": 1}


async def test_both_secrets_sign_while_one_rotates(receiver: Receiver) -> None:
    both = MESSAGE.model_copy(update={"secrets": (OTHER_SECRET, SECRET)})

    await sender().send(receiver.url, both, NOW)

    [request] = receiver.requests
    assert is_signed(request, secret_bytes(SECRET))
    assert is_signed(request, secret_bytes(OTHER_SECRET))


def test_the_zone_of_the_clock_does_not_change_the_signature() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert signature_headers(MESSAGE, elsewhere) == signature_headers(MESSAGE, NOW)


@pytest.mark.parametrize("code", [200, 299, 400, 404, 410, 429, 500, 503])
async def test_the_status_is_what_the_receiver_said(receiver: Receiver, code: int) -> None:
    receiver.replies.append(status(code))

    assert (await sender().send(receiver.url, MESSAGE, NOW)).status == code


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(receiver: Receiver, code: int) -> None:
    async with receiving() as elsewhere:
        receiver.replies.append(status(code, f"Location: {elsewhere.url}"))

        answer = await sender().send(receiver.url, MESSAGE, NOW)

        assert answer.status == code
        assert elsewhere.connections == 0


async def test_the_receiver_may_say_when_to_come_back(receiver: Receiver) -> None:
    receiver.replies.append(status(503, "Retry-After: 90"))

    answer = await sender().send(receiver.url, MESSAGE, NOW)

    assert answer.retry_after == NOW + timedelta(seconds=90)


async def test_a_silent_receiver_is_left_after_the_timeout(receiver: Receiver) -> None:
    receiver.replies.append(silence)

    answer = await sender(timeouts=(0.2, 0.2)).send(receiver.url, MESSAGE, NOW)

    assert answer == Answer(fault=Fault.TIMED_OUT)


async def test_an_endless_answer_is_read_no_further_than_it_must(receiver: Receiver) -> None:
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * 4096)
            sent += 4096
            await writer.drain()

    receiver.replies.append(flood)

    answer = await sender().send(receiver.url, MESSAGE, NOW)

    assert answer.status == 200
    assert MOST_BODY < sent < 64 * MOST_BODY  # socket buffers on both sides lie between


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\x00\xff\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 999999 No\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 200_000,
        b"HTTP/1.1 200 OK\r\nX: \xff\xfe\x00\r\n\r\n",
    ],
)
async def test_garbage_is_a_broken_answer_and_no_crash(receiver: Receiver, garbage: bytes) -> None:
    receiver.replies.append(garbage)

    answer = await sender().send(receiver.url, MESSAGE, NOW)

    assert answer == Answer(fault=Fault.BROKEN_ANSWER)


async def test_a_broken_body_behind_a_status_changes_nothing(receiver: Receiver) -> None:
    receiver.replies.append(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort")

    assert (await sender().send(receiver.url, MESSAGE, NOW)).status == 200


async def test_nobody_listening_is_unreachable(receiver: Receiver) -> None:
    async with receiving() as gone:
        url = gone.url

    assert await sender().send(url, MESSAGE, NOW) == Answer(fault=Fault.UNREACHABLE)


@pytest.mark.parametrize("failure", [OSError("no such name"), UnicodeError("label too long")])
async def test_a_name_nobody_knows_is_said_to_be_unknown(failure: Exception) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise failure

    answer = await sender(resolve=resolve).send("https://hooks.example.org/", MESSAGE, NOW)

    assert answer == Answer(fault=Fault.NAME_UNKNOWN)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["100.64.0.1"],
        ["::1"],
        ["fe80::1%2"],
        ["fd00::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["1.1.1.1", "127.0.0.1"],
        ["127.0.0.1", "1.1.1.1"],
        ["not an address"],
    ],
)
async def test_a_name_that_resolves_to_a_private_address_is_not_connected_to(
    receiver: Receiver, addresses: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve, asked = resolving(addresses)
    monkeypatch.setattr(targets, "PORTS", {receiver.port})

    answer = await sender((), resolve=resolve).send(
        f"https://hooks.example.org:{receiver.port}/", MESSAGE, NOW
    )

    assert answer == Answer(fault=Fault.FORBIDDEN_TARGET)
    assert asked == ["hooks.example.org"]
    assert receiver.connections == 0


async def test_a_name_is_looked_up_once_for_each_attempt(receiver: Receiver) -> None:
    resolve, asked = resolving(["127.0.0.1"])
    posting = sender(("receiver.example.org",), resolve=resolve)
    url = f"http://receiver.example.org:{receiver.port}/"

    await posting.send(url, MESSAGE, NOW)
    await posting.send(url, MESSAGE, NOW)

    assert len(asked) == 2
    assert [each.headers["host"] for each in receiver.requests] == [url[7:-1]] * 2


async def test_a_url_that_was_allowed_once_is_vetted_again() -> None:
    answer = await sender(()).send("http://127.0.0.1:1/", MESSAGE, NOW)

    assert answer == Answer(fault=Fault.FORBIDDEN_TARGET)


async def test_the_next_address_is_tried_when_one_refuses(receiver: Receiver) -> None:
    resolve, _ = resolving(["127.0.0.2", "127.0.0.1"])

    answer = await sender(("receiver",), resolve=resolve).send(
        f"http://receiver:{receiver.port}/", MESSAGE, NOW
    )

    assert answer.status == 204
    assert len(receiver.requests) == 1


async def test_no_attempt_goes_through_a_proxy(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiving() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        answer = await sender().send(receiver.url, MESSAGE, NOW)

        assert answer.status == 204
        assert proxy.connections == 0


async def test_nothing_of_one_attempt_shows_in_the_next(receiver: Receiver) -> None:
    receiver.replies.append(status(200, "Set-Cookie: who=ada; Path=/", "Connection: keep-alive"))
    posting = sender()

    await posting.send(receiver.url, MESSAGE, NOW)
    await posting.send(receiver.url, MESSAGE, NOW)

    assert "cookie" not in receiver.requests[1].headers
    assert receiver.connections == 2


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of its own for hooks.example.org, in one file."""
    need("openssl", "openssl")
    place = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subprocess.run(
        [
            *command.split(),
            *("-subj", "/CN=hooks.example.org"),
            *("-addext", "subjectAltName=DNS:hooks.example.org"),
            *("-keyout", "key.pem", "-out", "cert.pem"),
        ],
        check=True,
        capture_output=True,
        cwd=place,
    )
    both = place / "both.pem"
    both.write_text((place / "key.pem").read_text() + (place / "cert.pem").read_text())
    return both


@pytest.fixture
async def secure(certificate: Path) -> AsyncIterator[Receiver]:
    """A receiver with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with receiving(context) as running:
        yield running


SecureSend = Callable[[str], Awaitable[Answer]]


@pytest.fixture
def send_to(certificate: Path, secure: Receiver) -> SecureSend:
    """Sends to that receiver under a name, whatever the name, trusting its certificate."""
    resolve, _ = resolving(["127.0.0.1"])
    tls = ssl.create_default_context(cafile=str(certificate))

    async def send(name: str) -> Answer:
        posting = sender((name,), resolve=resolve, tls=tls)
        return await posting.send(f"https://{name}:{secure.port}/", MESSAGE, NOW)

    return send


async def test_the_name_is_told_to_tls_though_the_address_is_connected_to(
    secure: Receiver, send_to: SecureSend
) -> None:
    answer = await send_to("hooks.example.org")

    assert answer == Answer(status=204)
    assert secure.server_names == ["hooks.example.org"]
    assert secure.requests[0].headers["host"] == f"hooks.example.org:{secure.port}"


async def test_a_certificate_for_another_name_is_refused(
    secure: Receiver, send_to: SecureSend
) -> None:
    answer = await send_to("other.example.org")

    assert answer == Answer(fault=Fault.NOT_SECURE)
    assert secure.requests == []


async def test_a_certificate_nobody_vouches_for_is_refused(secure: Receiver) -> None:
    resolve, _ = resolving(["127.0.0.1"])
    posting = sender(("hooks.example.org",), resolve=resolve)

    answer = await posting.send(f"https://hooks.example.org:{secure.port}/", MESSAGE, NOW)

    assert answer == Answer(fault=Fault.NOT_SECURE)
    assert secure.requests == []


async def test_a_receiver_without_tls_gets_nothing_meant_to_be_secret(receiver: Receiver) -> None:
    async def not_tls(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    receiver.replies.append(not_tls)
    resolve, _ = resolving(["127.0.0.1"])
    posting = sender(("receiver",), resolve=resolve)

    answer = await posting.send(f"https://receiver:{receiver.port}/", MESSAGE, NOW)

    await until(lambda: receiver.connections == 1)
    assert answer.fault in (Fault.NOT_SECURE, Fault.TIMED_OUT)
    assert receiver.requests == []
