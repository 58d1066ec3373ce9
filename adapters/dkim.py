"""Signing mail with our domain's key, so that receivers know that it is ours (RFC 6376).

The signature is a function of the mail, the key and an instant: made twice it is the same, so
every attempt to send a mail has the same bytes.
"""

import asyncio
import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import dkim  # type: ignore[import-untyped]  # dkimpy has no types
from dkim.crypto import (  # type: ignore[import-untyped]
    UnparsableKeyError,
    parse_pem_private_key,
    parse_public_key,
)

from adapters.smtp_talk import in_lines
from domain.errors import BadInput
from settings import Settings

SHORTEST_KEY = 1024
"""Bits; receivers ignore shorter ones (RFC 8301 §3.2)."""

GOOD_KEY = 2048
"""Bits that new keys should have, by the same."""

_SIGNED = (
    *("from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id"),
    *("in-reply-to", "references", "mime-version", "content-type", "content-transfer-encoding"),
    *("auto-submitted", "list-id", "list-unsubscribe", "list-unsubscribe-post"),
)
_SEALED = ("from", "to", "cc", "subject", "date", "message-id", "reply-to", "content-type")
"""Signed once more than they occur, so that nobody can put another one on top (§8.15)."""

_RSA = bytes.fromhex("06092a864886f70d0101010500")  # rsaEncryption, and no parameters (RFC 8017)
_NAME = re.compile(
    r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE
)


@dataclass(frozen=True)
class DkimKey:
    """An RSA key. `public` is what the DNS publishes of it, in the form of its `p=` tag."""

    pem: bytes = field(repr=False)
    public: str
    bits: int


@dataclass(frozen=True)
class DkimSigner:
    """Signs for `domain`; receivers look for the key at `<selector>._domainkey.<domain>`."""

    selector: str
    domain: str
    key: DkimKey

    @property
    def record_name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """What is to be published there, as TXT."""
        return f"v=DKIM1; k=rsa; p={self.key.public}"

    async def sign(self, raw: bytes, at: datetime) -> str:
        """The header line to put in front of `raw`, ending in CRLF. The same for the same `at`.

        Takes some 10 ms of processor time for 2048 bits, beside the event loop. Raises `BadInput`
        for a mail without From, or with something between its headers that is none.
        """
        return await asyncio.to_thread(self._sign, raw, at)

    def _sign(self, raw: bytes, at: datetime) -> str:
        try:
            mail = _Dated(in_lines(raw), at)
            signature: bytes = mail.sign(
                self.selector.encode(),
                self.domain.encode(),
                self.key.pem,
                canonicalize=(b"relaxed", b"relaxed"),
                include_headers=_to_sign(name.decode().lower() for name, _ in mail.headers),
            )
        except (dkim.DKIMException, IndexError) as fault:  # the latter for a first line folded
            raise BadInput(f"This mail cannot be signed: {fault}") from fault
        return signature.decode("ascii")


class _Dated(dkim.DKIM):  # type: ignore[misc]  # untyped
    """Signs as of an instant of ours instead of now."""

    def __init__(self, raw: bytes, at: datetime) -> None:
        super().__init__(raw)
        self._at = str(int(at.timestamp())).encode()

    def gen_header(self, fields: list[tuple[bytes, bytes]], *rest: Any, **more: Any) -> Any:
        dated = [(name, self._at if name == b"t" else value) for name, value in fields]
        return super().gen_header(dated, *rest, **more)


def _to_sign(present: Iterable[str]) -> list[str]:
    found = [name for name in present if name in _SIGNED]
    return found + list(_SEALED) if "from" in found else found  # without: refused by the library


def signer_of(settings: Settings) -> DkimSigner | None:
    """The signer that the settings name, None without a key. Raises `BadInput`, naming the
    setting, for a key or a name that cannot be used."""
    if settings.dkim_key_file is None:
        return None
    selector, domain = settings.dkim_selector, settings.dkim_domain or settings.mail_domain
    for setting, value in (("DKIM_SELECTOR", selector), ("DKIM_DOMAIN", domain)):
        if not _NAME.fullmatch(value):
            raise _refused(setting, f"is {value!r}, which is no name in the DNS")
    return DkimSigner(selector, domain, read_key(settings.dkim_key_file))


def read_key(file: Path) -> DkimKey:
    """The key in a PEM file. Raises `BadInput`."""
    try:
        pem = file.read_bytes().replace(b"\r\n", b"\n")
    except OSError as fault:
        raise _refused("DKIM_KEY_FILE", f"is {file}: {fault.strerror}") from fault
    try:
        parts = parse_pem_private_key(pem)
    except (UnparsableKeyError, ValueError, AssertionError) as fault:
        advice = "make one: openssl genrsa -out dkim.pem 2048"
        said = f"is {file}, which holds no RSA private key in PEM form without a password; {advice}"
        raise _refused("DKIM_KEY_FILE", said) from fault
    bits = int(parts["modulus"]).bit_length()
    if bits < SHORTEST_KEY:
        raise _refused("DKIM_KEY_FILE", f"has {bits} bits; receivers ignore less than 1024")
    return DkimKey(pem, _public(parts["modulus"], parts["publicExponent"]), bits)


def is_same_key(published: str, key: DkimKey) -> bool:
    """Whether a record's `p=` is the public half of `key`, in either of the forms it may have."""
    try:
        theirs, ours = (parse_public_key(base64.b64decode(one)) for one in (published, key.public))
    except (UnparsableKeyError, ValueError, IndexError):
        return False
    return bool(theirs == ours)


def _refused(setting: str, said: str) -> BadInput:
    return BadInput(f"PARLEY_{setting} {said}.", field=f"PARLEY_{setting}")


def _public(modulus: int, exponent: int) -> str:
    """A SubjectPublicKeyInfo in base64 (RFC 5280 §4.1.2.7), as `openssl rsa -pubout` gives it."""
    numbers = _der(0x30, _integer(modulus) + _integer(exponent))
    whole = _der(0x30, _der(0x30, _RSA) + _der(0x03, b"\0" + numbers))
    return base64.b64encode(whole).decode()


def _integer(number: int) -> bytes:
    return _der(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 128 | len(octets)]) + octets + content
