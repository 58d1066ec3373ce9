"""Reports about our own mail: what became of it (RFC 3464), and complaints (RFC 5965)."""

import re

from adapters.calendar_mail.reading.parts import Part
from adapters.calendar_mail.reading.problems import Problems, on_one_line
from domain.inbox.model import Complaint, Delivery

RETURNED = frozenset(
    {"message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"}
)
"""What reports bring back of the mail they are about."""

_STATUS_PARTS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_STATUS_BYTES = 65536
_MOST_GROUPS = 50
_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")


def deliveries_of(parts: list[Part]) -> tuple[Delivery, ...]:
    """What a delivery report says of each recipient, in its order (RFC 3464 §2.3).

    One that lost its machine-readable part, or whose part names nobody, is a failure of nobody
    in particular.
    """
    for part in parts:
        if part.content_type in _STATUS_PARTS:
            found = [_delivery(group) for group in _groups(part) if "action" in group]
            return tuple(found) or (Delivery(action="failed"),)
    if is_report(parts) and reports_delivery(parts):
        return (Delivery(action="failed"),)
    return ()


def decisive(deliveries: tuple[Delivery, ...]) -> Delivery | None:
    """The one that counts where a mail had one recipient: the first that failed, else the first."""
    failed = (one for one in deliveries if one.action == "failed")
    return next(failed, next(iter(deliveries), None))


def envelope_id_of(parts: list[Part]) -> str | None:
    """The ENVID under which the mail was handed over (RFC 3461 §4.4), as the report repeats it."""
    for part in parts:
        if part.content_type in _STATUS_PARTS:
            groups = _groups(part)[:1]
            found = next((group.get("original-envelope-id", "") for group in groups), "")
            return on_one_line(found, 100) or None
    return None


_COMPLAINTS = frozenset({"abuse", "fraud", "opt-out", "opt-out-list", "complaint"})
"""Feedback types by which somebody says that they do not want this mail. Not `not-spam`, which
says the opposite, and not reports about authentication (RFC 6591) or viruses."""


def complaint_of(parts: list[Part]) -> Complaint | None:
    """The complaint in a feedback report (RFC 5965 §3), or None."""
    for part in parts:
        if part.content_type == "message/feedback-report":
            fields = {name: value for group in _groups(part) for name, value in group.items()}
            kind = fields.get("feedback-type", "").strip().lower()
            return Complaint(kind=kind) if kind in _COMPLAINTS else None
    return None


def is_report(parts: list[Part]) -> bool:
    return any("multipart/report" in part.inside for part in parts)


def reports_delivery(parts: list[Part]) -> bool:
    """A delivery report that lost its machine-readable part still quotes the returned mail."""
    types = {part.content_type for part in parts}
    other = {"message/disposition-notification", "message/feedback-report"}
    return not types & other and bool(types & RETURNED)


def _groups(part: Part) -> list[dict[str, str]]:
    """The blocks of fields in a report, divided by blank lines."""
    text = part.content(Problems())[:_STATUS_BYTES].decode("utf-8", "replace")
    blocks = re.split(r"\n\s*\n", text.replace("\r", ""))
    return [_fields(block) for block in blocks[:_MOST_GROUPS] if block.strip()]


def _fields(group: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in re.sub(r"\n[ \t]+", " ", group).split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    return fields


def _delivery(fields: dict[str, str]) -> Delivery:
    status = _STATUS.search(fields.get("status", ""))
    recipient = fields.get("original-recipient") or fields.get("final-recipient") or ""
    return Delivery(
        action=on_one_line(fields["action"].split(" ")[0].strip(";,.").lower(), 40),
        status=status.group() if status else None,
        recipient=on_one_line(_untyped(recipient).strip(" <>"), 320) or None,
        diagnostic=on_one_line(_untyped(fields.get("diagnostic-code", "")), 500) or None,
    )


def _untyped(value: str) -> str:
    """`value` without the type before its semicolon: `rfc822; ana@example.org`, `smtp; 550 …`."""
    kind, semicolon, rest = value.partition(";")
    return rest.strip() if semicolon and re.fullmatch(r"[\w-]+", kind.strip()) else value.strip()
