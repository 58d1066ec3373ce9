"""Mail to the address that ends optional mail: who means it, and what only answers by itself."""

import re

from domain.inbox.model import Reading, Verdict

_ASKED_FOR = re.compile(r"\s*unsubscribe\s*", re.IGNORECASE)


def asks_to_stop(reading: Reading, mail_from: str) -> bool:
    """Whether a mail to an unsubscribe address asks for an end of optional mail.

    What a person writes there does, whatever it says: the address has no other use. A program's
    mail does only under the very subject that our `mailto:` link has (RFC 2369 §3.2), as mail
    programs send it when their button is pressed. An automatic reply has another subject
    (`Re: …`, `Automatic reply: …`) or no envelope sender (RFC 3834 §4), and changes nothing.
    """
    if not mail_from:
        return False
    if reading.verdict is Verdict.NOTE:
        return True
    is_asked_for = _ASKED_FOR.fullmatch(reading.subject or "") is not None
    return reading.verdict is Verdict.AUTOMATIC and is_asked_for
