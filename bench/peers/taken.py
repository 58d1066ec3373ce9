"""The mails a server has, in memory and in its log."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

_MESSAGE_ID = re.compile(rb"(?mi)^message-id:\s*(<[^>\s]+>)")


@dataclass(frozen=True)
class Taken:
    """A mail the server has. `digest` is of its content, the SHA-256 in hexadecimal; `said` is
    the reply given for it, '' for none."""

    message_id: str
    digest: str
    mail_from: str
    recipients: tuple[str, ...]
    arguments: str  # of MAIL, after the address
    said: str
    raw: bytes = field(default=b"", repr=False)

    @classmethod
    def of(
        cls, raw: bytes, mail_from: str, recipients: tuple[str, ...], arguments: str, said: str
    ) -> Self:
        found = _MESSAGE_ID.search(raw)
        message_id = found[1].decode() if found else ""
        digest = hashlib.sha256(raw).hexdigest()
        return cls(message_id, digest, mail_from, recipients, arguments, said, raw)

    def as_line(self) -> bytes:
        """For a log; without the content."""
        line = {name: value for name, value in asdict(self).items() if name != "raw"}
        return json.dumps(line).encode() + b"\n"


def read_log(log: Path) -> list[Taken]:
    """What a server with this log has, without the contents."""
    if not log.exists():
        return []
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [Taken(**{**line, "recipients": tuple(line["recipients"])}) for line in lines]


def copies(mails: Sequence[Taken]) -> Counter[str]:
    """How often each Message-ID was taken."""
    return Counter(mail.message_id for mail in mails)
