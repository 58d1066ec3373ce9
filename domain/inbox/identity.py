"""When two mails are one: the key under which a mail is kept once, however often it arrives.

A sender that did not see our 250 sends again; on the way only trace headers change. Message-ID
alone would let whoever guesses one suppress the real mail, so the whole content counts.
"""

import hashlib

_TRACE = frozenset(
    {
        b"arc-authentication-results",
        b"arc-message-signature",
        b"arc-seal",
        b"authentication-results",
        b"delivered-to",
        b"dkim-signature",
        b"envelope-to",
        b"received",
        b"received-spf",
        b"return-path",
        b"x-original-to",
        b"x-received",
    }
)


def with_crlf(raw: bytes) -> bytes:
    """`raw` with every line break as CRLF: a bare CR or LF, read differently by the next server,
    is how a second message is smuggled in (mail-safety §6)."""
    return raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def message_key(token: str, raw: bytes) -> str:
    """The key of the mail `raw` (with CRLF) to the address of `token`: equal for every copy of
    it, whichever way each came; 40 characters."""
    head, _, body = raw.partition(b"\r\n\r\n")
    digest = hashlib.sha256(token.lower().encode() + b"\n")
    for line in _lasting_lines(head):
        digest.update(line + b"\r\n")
    digest.update(b"\r\n" + body.rstrip(b"\r\n"))
    return digest.hexdigest()[:40]


def _lasting_lines(head: bytes) -> list[bytes]:
    kept: list[bytes] = []
    keeps = True
    for line in head.split(b"\r\n"):
        if not line.startswith((b" ", b"\t")):
            keeps = line.partition(b":")[0].strip().lower() not in _TRACE
        if keeps:
            kept.append(line)
    return kept
