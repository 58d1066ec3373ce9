"""Signatures that receivers believe, the same for every attempt, and keys that can be used."""

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dkim  # type: ignore[import-untyped]  # dkimpy has no types
import pytest

from adapters.dkim import DkimKey, DkimSigner, is_same_key, read_key, signer_of
from adapters.smtp import Relay, SmtpMailer
from bench.peers.chaos import ChaosServer
from domain.errors import BadInput
from settings import Settings
from tests.adapters.certificates import openssl, private_key

AT = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)  # verifiers refuse signatures of the future
RAW = (
    b"From: Parley <r+abc@parley.example>\r\n"
    b"To: ana@example.org\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Date: Fri, 01 Mar 2024 12:00:00 +0000\r\n"
    b"Message-ID: <1@parley.example>\r\n"
    b"List-Unsubscribe: <https://parley.example/u/abc>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"Content-Type: text/plain\r\n"
    b"\r\n"
    b"Come  at ten.\r\n.\r\n..\r\n\r\n\r\n"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def file(place: Path) -> Path:
    return private_key(place, "genrsa", "2048")


@pytest.fixture(scope="module")
def key(file: Path) -> DkimKey:
    return read_key(file)


@pytest.fixture(scope="module")
def signer(key: DkimKey) -> DkimSigner:
    return DkimSigner("one", "parley.example", key)


def dns(signer: DkimSigner) -> Callable[..., bytes | None]:
    """What a receiver's resolver would find."""
    records = {f"{signer.record_name}.": signer.record.encode()}

    def lookup(name: bytes | str, timeout: int = 5) -> bytes | None:
        return records.get(name if isinstance(name, str) else name.decode())

    return lookup


async def test_a_signature_is_still_good_after_a_server(signer: DkimSigner) -> None:
    """Also for a mail whose lines end as they like."""
    ragged = RAW.replace(b"Come  at ten.\r\n", b"Come  at\nten.\r").removesuffix(b"\r\n")
    async with ChaosServer() as server:
        mailer = SmtpMailer(Relay("127.0.0.1", server.port))

        async def mark() -> bool:
            return True

        for raw in (RAW, ragged):
            signed = (await signer.sign(raw, AT)).encode() + raw
            await mailer.send("b+abc@parley.example", "ana@example.org", signed, mark)
        await mailer.close()

    assert [dkim.verify(mail.raw, dnsfunc=dns(signer)) for mail in server.taken] == [True, True]


async def test_a_signature_does_not_depend_on_when_it_is_made(signer: DkimSigner) -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5)))

    first, second = await signer.sign(RAW, AT), await signer.sign(RAW, elsewhere)

    assert first == second
    assert f"t={int(AT.timestamp())};" in first
    assert await signer.sign(RAW, AT + timedelta(seconds=1)) != first


async def test_it_is_one_header_of_ascii_lines(signer: DkimSigner) -> None:
    signature = await signer.sign(RAW, AT)

    first, *rest = signature.split("\r\n")
    assert first.startswith("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;")
    assert rest.pop() == ""
    assert all(line.startswith(" ") and len(line) < 100 for line in rest)


@pytest.mark.parametrize(
    "forged",
    [
        lambda raw: b"From: eve@example.net\r\n" + raw,
        lambda raw: b"Subject: pay now\r\n" + raw,
        lambda raw: b"Content-Type: text/html\r\n" + raw,
        lambda raw: b"Cc: everybody@example.net\r\n" + raw,
        lambda raw: raw.replace(b"/u/abc", b"/u/xyz"),
        lambda raw: raw.replace(b"One-Click", b"Two-Clicks"),
        lambda raw: raw + b"P.S. pay now\r\n",
        lambda raw: raw.replace(b"at ten", b"at two"),
    ],
)
async def test_what_was_changed_or_put_on_top_is_noticed(
    signer: DkimSigner, forged: Callable[[bytes], bytes]
) -> None:
    signed = (await signer.sign(RAW, AT)).encode() + RAW

    assert dkim.verify(signed, dnsfunc=dns(signer))
    assert not dkim.verify(forged(signed), dnsfunc=dns(signer))


@pytest.mark.parametrize(
    "raw", [b"To: ana@example.org\r\n\r\nhello\r\n", b" folded\r\n", b"what\r\n"]
)
async def test_what_is_no_mail_is_not_signed(signer: DkimSigner, raw: bytes) -> None:
    with pytest.raises(BadInput, match="cannot be signed"):
        await signer.sign(raw, AT)


def test_what_is_published_is_what_openssl_says(key: DkimKey, file: Path) -> None:
    theirs = openssl("rsa", "-in", str(file), "-pubout", "-outform", "DER", cwd=file.parent)
    bare = openssl("rsa", "-in", str(file), "-RSAPublicKey_out", "-outform", "DER", cwd=file.parent)

    assert base64.b64decode(key.public) == theirs
    assert is_same_key(key.public, key)
    assert is_same_key(base64.b64encode(bare).decode(), key)
    assert key.bits == 2048


def test_another_key_is_not_the_same(place: Path, key: DkimKey) -> None:
    other = read_key(private_key(place, "genrsa", "1024"))

    assert not is_same_key(other.public, key)
    assert not is_same_key("", key)
    assert not is_same_key("AAAA", key)
    assert not is_same_key("=", key)


def test_both_forms_of_a_private_key_are_read(place: Path, key: DkimKey, file: Path) -> None:
    old = place / "pkcs1.pem"
    old.write_bytes(openssl("rsa", "-in", str(file), "-traditional", cwd=place))

    assert b"BEGIN RSA PRIVATE KEY" in old.read_bytes()
    assert read_key(old).public == key.public


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (("genrsa", "512"), "has 512 bits"),
        (("genpkey", "-algorithm", "ed25519"), "no RSA private key"),
        (("genrsa", "-aes128", "-passout", "pass:x", "1024"), "without a password"),
        ((), "no RSA private key"),
    ],
)
def test_a_key_that_cannot_be_used_is_refused_by_name(
    place: Path, make: tuple[str, ...], words: str
) -> None:
    file = private_key(place, *make) if make else place / "empty.pem"
    if not make:
        file.touch()

    with pytest.raises(BadInput, match=f"^PARLEY_DKIM_KEY_FILE .*{re.escape(words)}") as refusal:
        signer_of(Settings(dkim_key_file=file, dkim_selector="one"))

    assert refusal.value.field == "PARLEY_DKIM_KEY_FILE"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"dkim_selector": ""}, "PARLEY_DKIM_SELECTOR"),
        ({"dkim_selector": "a b"}, "PARLEY_DKIM_SELECTOR"),
        ({"dkim_domain": "parley.example; s=x"}, "PARLEY_DKIM_DOMAIN"),
        ({"dkim_key_file": Path("/nowhere/dkim.pem")}, "PARLEY_DKIM_KEY_FILE"),
    ],
)
def test_bad_names_are_refused(file: Path, given: dict[str, Any], field: str) -> None:
    usual = {"dkim_key_file": file, "dkim_selector": "one", "mail_domain": "parley.example"}

    with pytest.raises(BadInput) as refusal:
        signer_of(Settings(**{**usual, **given}))

    assert refusal.value.field == field


def test_without_a_key_nothing_is_signed(file: Path) -> None:
    assert signer_of(Settings(dkim_selector="one")) is None
    signer = signer_of(
        Settings(dkim_selector="one", dkim_key_file=file, mail_domain="parley.example")
    )
    assert signer is not None
    assert signer.record_name == "one._domainkey.parley.example"
