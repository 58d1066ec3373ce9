"""How each kind of a meeting's mail is to be treated on its way."""

from domain.meetings.letters import Letter, LetterKind
from domain.postage import Postage, Priority
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


def postage_of(letter: Letter, zone: str) -> Postage:
    """The postage of `letter` to a party that lives in the IANA zone `zone`.

    A reminder can wait for morning and for everything else, its recipient may unsubscribe from it,
    and once there is nothing more to be reminded of it is not wanted.
    """
    if letter.kind in REMINDERS:
        return Postage(
            priority=Priority.BULK,
            expires_at=_too_late(letter),
            zone=zone,
            quiet=True,
            optional=True,
        )
    return Postage(zone=zone, revision=letter.sequence if letter.kind in _REQUESTS else None)


def _too_late(letter: Letter) -> Instant | None:
    """When there is nothing more to be reminded of: the meeting begins, or the answer is due."""
    begins = None if letter.slot is None else letter.slot.start
    return begins if letter.kind is LetterKind.MEETING_REMINDER else letter.answer_by
