"""What the mailbox shows of a mail: its words with Parley's own links, and its calendar card."""

import re
from typing import NamedTuple

from api.pages.party_view import slot_parts
from api.pages.picker import Picked, picked_for
from api.pages.ports import Context
from domain.outbox.caught import Invitation, OpenedMail
from domain.values import Slot

_MEANING = {
    "REQUEST": "Invitation",
    "CANCEL": "Cancelled",
    "DECLINECOUNTER": "Your proposal was declined",
}

_USUAL_HEADERS = ("From", "To", "Subject", "Date", "Reply-To")


class Piece(NamedTuple):
    """A piece of a text; `href` is empty for plain words."""

    text: str
    href: str = ""


def mail_context(opened: OpenedMail, zone: str, base_url: str) -> Context:
    """Everything `mailbox_mail.html` shows, with times on the clocks of `zone`."""
    slot = _slot(opened.invitation)
    usual = [(name, value) for name, value in opened.headers if name in _USUAL_HEADERS]
    return {
        "mail": opened.mail,
        "zone": zone,
        "usual": usual,
        "all_headers": opened.headers,
        "pieces": linked(opened.text, base_url),
        "has_html": bool(opened.html),
        "invitation": opened.invitation,
        "meaning": _meaning(opened.invitation),
        "may_answer": opened.invitation is not None and opened.invitation.method == "REQUEST",
        "slot": None if slot is None else slot_parts(slot, zone),
        "picked": Picked() if slot is None else picked_for(slot, zone),
    }


def linked(text: str, base_url: str) -> list[Piece]:
    """`text` in pieces, with addresses of Parley's own pages as links and no others: whatever
    else a mail holds stays words."""
    ours = re.compile(rf"{re.escape(base_url)}/[^\s<>\"')\]]*")
    pieces, at = [], 0
    for found in ours.finditer(text):
        pieces += [Piece(text[at : found.start()]), Piece(found[0], found[0])]
        at = found.end()
    return [piece for piece in (*pieces, Piece(text[at:])) if piece.text]


def _meaning(invitation: Invitation | None) -> str:
    if invitation is None:
        return ""
    if invitation.method == "REQUEST" and invitation.sequence > 0:
        return f"Invitation, changed (revision {invitation.sequence})"
    return _MEANING.get(invitation.method, invitation.method)


def _slot(invitation: Invitation | None) -> Slot | None:
    if invitation is None or invitation.start is None or invitation.end is None:
        return None
    if invitation.end <= invitation.start:
        return None
    return Slot(start=invitation.start, end=invitation.end)
