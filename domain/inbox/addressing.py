"""Whose word a mail is: the token it was sent to says who answers, the addresses in it agree or
do not (DESIGN §3, mail identity)."""

from collections.abc import Mapping, Sequence

from domain.access import read_token_address
from domain.inbox.model import AnswerLine, Reading
from domain.values import Frozen, same_mailbox

_DELEGATED = "DELEGATED"


class Circle(Frozen):
    """The parties around one token: `party` is the one it belongs to, `addresses` are those
    known of each party by number, `domain` is where our own token addresses live. `uid` is that
    of the party's own copy of the event, None where there is no such copy."""

    party: int
    addresses: Mapping[int, tuple[str, ...]]
    domain: str
    uid: str | None = None

    def has_copy(self, uid: str | None, recurrence_id: str | None) -> bool:
        """Whether an object about this event is about the party's copy. One without a UID is
        taken for it. Compared trimmed and without regard to case, which MAPI changes; an
        instance is never meant, because the copy is no series (calendar-mail A1, A2)."""
        if recurrence_id is not None:
            return False
        return uid is None or self.uid is None or _folded(uid) == _folded(self.uid)

    def is_own(self, address: str) -> bool:
        """Whether `address` is known for the token's party."""
        return _is_among(address, self.addresses.get(self.party, ()))

    def is_another(self, address: str) -> bool:
        """Whether `address` is another party's: a known one, or an alias we gave it."""
        if read_token_address(address, self.domain) is not None:
            return True
        others = (known for party, known in self.addresses.items() if party != self.party)
        return not self.is_own(address) and any(_is_among(address, known) for known in others)

    def party_at(self, address: str | None) -> int | None:
        """The party known under `address`, if there is one."""
        if address is None:
            return None
        found = (n for n, known in sorted(self.addresses.items()) if _is_among(address, known))
        return next(found, None)


class Bound(Frozen):
    """The line of a mail that counts as the party's answer, and how sure that is.

    `is_aligned`: it names, and comes from, an address we know for the party; where it is not,
    the answer counts but the party gets a notice. `is_anothers`: it names another party.
    `is_foreign`: it is about another event than the party's copy, or about one instance.
    """

    line: AnswerLine | None
    is_aligned: bool
    is_anothers: bool
    is_foreign: bool = False


def bind(reading: Reading, circle: Circle) -> Bound:
    """The party's line in `reading`: its own, else the only one that is nobody else's.

    A delegate or a second address of the party answers in a line we do not know (a delegate's
    answer repeats the delegator's line, RFC 5546 §4.2.6); two such lines say nothing. Clients
    that echo all attendees also carry the others' lines, which never count.
    """
    own = [line for line in reading.answers if circle.is_own(line.attendee)]
    unknown = [line for line in reading.answers if not _is_known(line, circle)]
    line = _chosen(own, unknown)
    is_from_own = reading.sender is not None and circle.is_own(reading.sender)
    names_another = line is None and bool(reading.answers) and not unknown
    # A proposal that merely echoes the others' lines is still its sender's own.
    is_anothers = names_another and not (reading.proposal and is_from_own)
    is_aligned = (line is None or line in own) and is_from_own
    return Bound(
        line=line,
        is_aligned=is_aligned,
        is_anothers=is_anothers,
        is_foreign=not circle.has_copy(reading.uid, reading.recurrence_id),
    )


def may_cancel(reading: Reading, circle: Circle) -> bool:
    """Whether a CANCEL is the party's own word about its own copy, and so may end a meeting.

    Ending cannot be undone, so the sender must be known for the party: its address stands in
    every copy that is passed on, beside the token (mail-safety section 2). It may echo the
    others' lines, but not theirs alone.
    """
    is_from_own = reading.sender is not None and circle.is_own(reading.sender)
    names_own = any(circle.is_own(address) for address in reading.attendees)
    names_another = any(circle.is_another(address) for address in reading.attendees)
    has_copy = circle.has_copy(reading.uid, reading.recurrence_id)
    return is_from_own and has_copy and (names_own or not names_another)


def _chosen(own: Sequence[AnswerLine], unknown: Sequence[AnswerLine]) -> AnswerLine | None:
    answers = [line for line in own if line.partstat != _DELEGATED]
    delegates = unknown if len(unknown) == 1 else []
    return next(iter([*answers, *delegates, *own]), None)


def _is_known(line: AnswerLine, circle: Circle) -> bool:
    return circle.is_own(line.attendee) or circle.is_another(line.attendee)


def _folded(uid: str) -> str:
    return uid.strip().casefold()


def _is_among(address: str, known: Sequence[str]) -> bool:
    return any(same_mailbox(address, one) for one in known)
