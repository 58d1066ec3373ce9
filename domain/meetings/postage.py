"""How each kind of a meeting's mail is to be treated on its way."""

from datetime import timedelta

from domain.meetings.letters import Letter, LetterKind
from domain.postage import OnUnknown, Postage, Priority
from domain.values import Instant

REMINDERS = frozenset(
    {LetterKind.ANSWER_REMINDER, LetterKind.PROPOSAL_REMINDER, LetterKind.MEETING_REMINDER}
)
"""Letters that a party may do without and still know where the meeting stands."""

_REQUESTS = frozenset(
    {
        LetterKind.INVITATION,
        LetterKind.RESCHEDULE,
        LetterKind.CONFIRMATION,
        LetterKind.CURRENT,
    }
)
"""Letters whose calendar object is answered, under its SEQUENCE."""


_IDEMPOTENT = _REQUESTS | {LetterKind.CANCELLATION, LetterKind.PROPOSAL_DECLINED}
"""Letters with a calendar object: by UID and SEQUENCE a calendar takes a copy for what it has
already (RFC 5546 §2.1.5), so a copy is better than a party that does not know."""

_SOON = timedelta(hours=24)


def postage_of(letter: Letter, zone: str) -> Postage:
    """The postage of `letter` to a party that lives in the IANA zone `zone`.

    A reminder can wait for morning and for everything else, its recipient may unsubscribe from it,
    and once there is nothing more to be reminded of it is not wanted. That a meeting of the next
    day is off is urgent.
    """
    if letter.kind in REMINDERS:
        return Postage(
            priority=Priority.BULK,
            expires_at=_too_late(letter),
            zone=zone,
            quiet=True,
            optional=True,
        )
    return Postage(
        priority=Priority.URGENT if _is_urgent(letter) else Priority.NORMAL,
        on_unknown=OnUnknown.RESEND_ONCE if letter.kind in _IDEMPOTENT else OnUnknown.HOLD,
        zone=zone,
        revision=letter.sequence if letter.kind in _REQUESTS else None,
    )


def _is_urgent(letter: Letter) -> bool:
    if letter.kind is not LetterKind.CANCELLATION or letter.slot is None:
        return False
    return letter.slot.start - letter.at <= _SOON


def _too_late(letter: Letter) -> Instant | None:
    """When there is nothing more to be reminded of: the meeting begins, or the answer is due."""
    begins = None if letter.slot is None else letter.slot.start
    return begins if letter.kind is LetterKind.MEETING_REMINDER else letter.answer_by
