"""What names a mail for ever: its Message-ID, the thread it stands in, its MIME boundaries."""

import base64
import hashlib

from domain.meetings.letters import CORRECTED, Letter, LetterKind
from domain.meetings.messages import stream_of


def message_id(letter: Letter, meeting_id: str, recipient: str, mail_domain: str) -> str:
    """The Message-ID of a letter, from its business key: the same on every attempt.

    An invitation is the first mail of a party's thread, and there is one only, so its id leaves
    the occasion out: later letters can then name it without looking anything up. The one to a
    corrected address is a mail of its own, and stands in the same thread.
    """
    if letter.kind is LetterKind.INVITATION and letter.reason != CORRECTED:
        return thread_id(letter.party, meeting_id, mail_domain)
    key = (letter.kind.value, stream_of(meeting_id), str(letter.occasion), recipient)
    return f"<{digest(*key)}@{mail_domain}>"


def thread_id(party: int, meeting_id: str, mail_domain: str) -> str:
    """The Message-ID of the party's invitation, which the rest of its thread refers to."""
    key = (LetterKind.INVITATION.value, stream_of(meeting_id), "thread", str(party))
    return f"<{digest(*key)}@{mail_domain}>"


def digest(*parts: str) -> str:
    """130 bits of SHA-256 in lower-case base32."""
    octets = hashlib.sha256("\n".join(parts).encode()).digest()
    return base64.b32encode(octets).decode("ascii").lower()[:26]
