"""How a mail is to be treated on its way: shared by whoever writes mail and by the outbox."""

from enum import IntEnum, StrEnum

from domain.values import Frozen, Instant


class Priority(IntEnum):
    """Who goes first when not everything can go at once; lower goes first."""

    URGENT = 0  # somebody waits in front of a screen: tickets, codes, cancellations of today
    NORMAL = 1
    BULK = 2  # reminders, digests, campaigns


class OnUnknown(StrEnum):
    """What to do with a mail whose final dot was written and whose reply nobody read.

    Nobody can know whether the server has it (RFC 1047), so each kind of mail says which error
    would be the worse one.
    """

    HOLD = "hold"  # a person or evidence decides: whatever has to do with money
    RESEND_ONCE = "resend-once"  # the same bytes once more: calendar objects, which are idempotent
    ASSUME_SENT = "assume-sent"  # a copy would be worse than a loss: digests


class MailWish(StrEnum):
    """Which mail somebody wants from whoever writes to them here."""

    EVERYTHING = "everything"
    NO_REMINDERS = "no-reminders"  # nothing that is optional
    NOTHING = "nothing"


class Postage(Frozen):
    """How one mail is to be treated.

    `expires_at`: later than this it is not wanted any more. `zone`: the recipient's IANA zone,
    for quiet hours, which only hold back what is `quiet`. `optional`: the recipient may
    unsubscribe from mail like this. `revision`: the SEQUENCE of the calendar object it carries,
    by which an answer proves that it arrived.
    """

    priority: Priority = Priority.NORMAL
    on_unknown: OnUnknown = OnUnknown.HOLD
    expires_at: Instant | None = None
    zone: str | None = None
    quiet: bool = False
    optional: bool = False
    revision: int | None = None
