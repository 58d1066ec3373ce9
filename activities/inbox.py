"""What a mail that was read means to the meeting its address belongs to. Pure translation."""

from typing import NamedTuple

from domain.access import Purpose
from domain.inbox.addressing import Bound, Circle, bind, may_cancel
from domain.inbox.model import ProposedSlot, Reading, Verdict
from domain.inbox.returned import failure_in, is_returned
from domain.inbox.wishes import asks_to_stop
from domain.meetings.messages import (
    Answer,
    Cancellation,
    MailPreference,
    MeetingInput,
    ProposedTime,
    Refresh,
    Remark,
    Undelivered,
)
from domain.meetings.model import Partstat
from domain.outbox.bounces import cause_of
from domain.postage import MailWish
from domain.values import scrubbed

_PARTSTATS = frozenset(Partstat)
_TEXT_LIMIT = 4000
_LINE_LIMIT = 300


class Interpretation(NamedTuple):
    """An input for the saga, and the words that stay behind in the database.

    `words` has `text`, `subject`, `comment` and `sender`, each only if the mail had it.
    """

    body: MeetingInput
    words: dict[str, str]


def interpret(
    reading: Reading, circle: Circle, purpose: Purpose, letter: str | None, mail_from: str = ""
) -> Interpretation:
    """What `reading` says for the party its token belongs to.

    `letter` is the kind of mail a bounce is about, and None for a bounce of, or a wish from, an
    address that the party no longer has; `mail_from` the envelope sender, '' for the null path.
    Whatever cannot be acted on becomes a `Remark`, so that the owner sees it and nothing is lost.
    """
    bound = bind(reading, circle)
    return Interpretation(
        _input_of(reading, circle, purpose, letter, mail_from, bound), _words(reading, bound)
    )


def _input_of(
    reading: Reading,
    circle: Circle,
    purpose: Purpose,
    letter: str | None,
    mail_from: str,
    bound: Bound,
) -> MeetingInput:
    match purpose:
        case Purpose.BOUNCE if is_returned(reading):
            return _returned(reading, circle.party, letter)
        case Purpose.REPLY:
            return _reply(reading, circle, bound)
        case Purpose.UNSUBSCRIBE if letter is not None and asks_to_stop(reading, mail_from):
            return MailPreference(party=circle.party, wish=MailWish.NO_REMINDERS)
        case Purpose.ALIAS:  # whoever wrote there is not the party that the alias stands for
            writer = circle.party_at(reading.sender) or _somebody_else(circle)
            return Remark(party=writer, verdict=reading.verdict.value)
        case _:  # vacation notices come to the envelope sender too (RFC 3834 §4)
            return Remark(party=circle.party, verdict=reading.verdict.value)


def _returned(reading: Reading, party: int, letter: str | None) -> MeetingInput:
    """A delay is no loss: the other server goes on trying (RFC 3464 §2.3.3). Nor is it one that
    an address failed which the party no longer has."""
    is_delayed = reading.delivery is not None and reading.delivery.action != "failed"
    if is_delayed or letter is None:
        return Remark(party=party, verdict=reading.verdict.value)
    return Undelivered(party=party, letter=letter, reason=cause_of(*failure_in(reading)).value)


def _reply(reading: Reading, circle: Circle, bound: Bound) -> MeetingInput:
    party = circle.party
    match reading.verdict:
        case Verdict.ANSWER | Verdict.PROPOSAL:
            return _answer(reading, party, bound)
        case Verdict.REFRESH:
            return Refresh(party=party)
        case Verdict.CANCELLATION if may_cancel(reading, circle):
            return Cancellation(party=party, sequence=reading.sequence)
        case verdict:
            return Remark(party=party, verdict=verdict.value)


def _answer(reading: Reading, party: int, bound: Bound) -> MeetingInput:
    partstat = _partstat(bound)
    proposal = _proposed(reading.proposal)
    if partstat is None and proposal is None and not bound.is_anothers:
        return Remark(party=party, verdict=Verdict.UNREADABLE.value)
    return Answer(
        party=party,
        partstat=partstat,
        proposal=proposal,
        sequence=reading.sequence,
        seen_start=reading.seen_start,
        seen_end=reading.seen_end,
        dtstamp=reading.dtstamp,
        aligned=bound.is_aligned,
        other_party=bound.is_anothers,
        foreign=bound.is_foreign,
    )


def _partstat(bound: Bound) -> Partstat | None:
    if bound.line is None or bound.line.partstat not in _PARTSTATS:
        return None
    return Partstat(bound.line.partstat)


def _proposed(slot: ProposedSlot | None) -> ProposedTime | None:
    if slot is None:
        return None
    end = slot.end if slot.end is not None and slot.end > slot.start else None
    return ProposedTime(start=slot.start, end=end)


def _somebody_else(circle: Circle) -> int:
    return next((n for n in sorted(circle.addresses) if n != circle.party), circle.party)


def _words(reading: Reading, bound: Bound) -> dict[str, str]:
    comment = bound.line.comment if bound.line else None
    found = {
        "text": scrubbed(reading.text, limit=_TEXT_LIMIT),
        "subject": scrubbed(reading.subject or "", limit=_LINE_LIMIT),
        "comment": scrubbed(comment or "", limit=_TEXT_LIMIT),
        "sender": scrubbed(reading.sender or "", limit=_LINE_LIMIT),
    }
    return {name: words for name, words in found.items() if words}
