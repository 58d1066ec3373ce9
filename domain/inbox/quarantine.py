"""Mail for an operator: in quarantine, or in the inbox and to be looked at. One table says what
may be done about each, behind links, forms, buttons and refusals."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import BadInput, BytesForgotten, NotFound, Refused
from domain.inbox.acceptance import Reason
from domain.values import Frozen, Instant


class Custody(StrEnum):
    """Where a mail for an operator stands. The first three are of the quarantine, the others of
    the inbox."""

    KEPT = "kept"
    REPLAYED = "replayed"  # it went into the inbox after all
    DISCARDED = "discarded"
    UNREAD = "unread"
    READ = "read"


class Deed(StrEnum):
    """What an operator may do about a mail."""

    REPLAY = "replay"  # into the inbox; or, being there, to be read again
    DISCARD = "discard"
    RAW = "raw"  # look at its bytes


class Forgotten(BytesForgotten):
    """The bytes of a mail are kept for so long and no longer."""

    def __init__(self) -> None:
        super().__init__(
            "The bytes of this mail were forgotten when their time was over, so it can be neither "
            "looked at nor replayed; what is known of it stays."
        )


class Incomplete(Refused):
    """Only the beginning of a mail was kept, which means nothing to a saga."""

    def __init__(self) -> None:
        super().__init__(
            "This mail was so large that only the beginning of what came was kept; let its sender "
            "send less, or look for it at the provider."
        )


class ReplaysMissing(BadInput):
    """A mail of the inbox is asked to be read again, and nobody says how often it was already."""

    code = "replays-missing"

    def __init__(self) -> None:
        super().__init__(
            "Say in `replays` how often you have seen this mail read again, as the mail itself "
            "says; so a request that comes twice has it read once.",
            field="replays",
        )


class Stray(Frozen):
    """A mail for an operator. `reason` is why it is in quarantine, or the verdict of its reading;
    `octets` is what is kept of its bytes; `inbox` is the id that a replay gave it there."""

    id: str
    custody: Custody
    reason: str
    source: str
    mail_from: str
    recipient: str
    received_at: Instant
    settled_at: Instant | None = None
    copies: int = 1
    replays: int = 0
    octets: int = 0
    inbox: str | None = None
    raw_forgotten_at: Instant | None = None
    problems: tuple[str, ...] = ()


class StrayName(Frozen):
    """The two halves of the id of a stray: which table, and which row."""

    in_inbox: bool
    row: int

    def __str__(self) -> str:
        return f"{'m' if self.in_inbox else 'q'}{self.row}"


def read_name(text: str) -> StrayName:
    """The name written as `q12` for the quarantine, `m34` for the inbox. Raises `NotFound`."""
    kind, digits = text[:1], text[1:]
    if kind not in ("q", "m") or not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise NotFound("There is no such mail; its id begins with q or m.")
    return StrayName(in_inbox=kind == "m", row=int(digits))


@dataclass(frozen=True)
class Transition:
    """One row: in which states a deed may be asked for, and how it is offered."""

    deed: Deed
    custodies: frozenset[Custody]
    guard: Callable[[Stray], bool]
    title: str


def _has_bytes(stray: Stray) -> bool:
    return stray.raw_forgotten_at is None


def _is_replayable(stray: Stray) -> bool:
    return _has_bytes(stray) and stray.reason != Reason.CUT


def _always(stray: Stray) -> bool:
    return True


TRANSITIONS = (
    Transition(
        Deed.REPLAY,
        frozenset({Custody.KEPT, Custody.READ}),
        _is_replayable,
        "Give it to the inbox, or read it again",
    ),
    Transition(Deed.DISCARD, frozenset({Custody.KEPT}), _always, "Discard it"),
    Transition(Deed.RAW, frozenset(Custody), _has_bytes, "The mail as it came"),
)


def possible(stray: Stray) -> Iterator[Transition]:
    """The rows of what may be done about `stray` now."""
    return (row for row in TRANSITIONS if stray.custody in row.custodies and row.guard(stray))


def need_possible(deed: Deed, stray: Stray) -> None:
    """Raises `Forgotten` where only the bytes are missing, `Incomplete` where only a part of them
    is there, and `Refused`."""
    if any(row.deed is deed for row in possible(stray)):
        return
    if any(row.deed is deed and stray.custody in row.custodies for row in TRANSITIONS):
        raise Incomplete if _has_bytes(stray) else Forgotten
    raise Refused(f"This mail is {stray.custody.value}; {deed.value} is not possible now.")
