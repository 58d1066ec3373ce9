"""Mail that came in, and what was read from it."""

from enum import StrEnum

from domain.values import Frozen, Instant


class Verdict(StrEnum):
    """What a mail is to the organizer of a meeting."""

    ANSWER = "answer"  # a participant's PARTSTAT
    PROPOSAL = "proposal"  # a new time, in any of its explicit shapes, perhaps with a PARTSTAT
    REFRESH = "refresh"
    DELEGATION = "delegation"
    CANCELLATION = "cancellation"  # a CANCEL sent by a participant
    NOTE = "note"  # a person's mail without a usable calendar part
    BOUNCE = "bounce"
    COMPLAINT = "complaint"  # the recipient, or their provider, calls our mail unwanted
    AUTOMATIC = "automatic"  # vacation notices and the like
    IGNORED = "ignored"  # a calendar object that means nothing to an organizer
    UNREADABLE = "unreadable"


class AnswerLine(Frozen):
    """One participant's line that answers: lower-case address without `mailto:`, PARTSTAT in
    upper case as sent, and its comment."""

    attendee: str
    partstat: str
    comment: str | None = None


class ProposedSlot(Frozen):
    """A proposed time in UTC; `end` is None when neither message nor event shown tells it."""

    start: Instant
    end: Instant | None = None


class Participant(Frozen):
    """One ATTENDEE line of an event: address as in `AnswerLine`, PARTSTAT in upper case
    (NEEDS-ACTION when it has none, as RFC 5545 §3.2.12 says), and whom it delegates to or for.
    `chairs` is ROLE=CHAIR, by which an organizer is known where ORGANIZER is missing."""

    address: str
    partstat: str = "NEEDS-ACTION"
    comment: str | None = None
    delegated_to: tuple[str, ...] = ()
    delegated_from: tuple[str, ...] = ()
    chairs: bool = False


class Statement(Frozen):
    """What a calendar object states about one event, as far as a verdict depends on it.

    `method` is in upper case, None when the object has none. `organizers` are the addresses that
    ORGANIZER gives, none when a client left it out (Exchange, Outlook). `about_event` is False
    for tasks, journals and free-busy. `proposes` tells that it offers a new time in an explicit
    shape, even one whose instant could not be told. `recipients` are those of its mail but its
    sender: one of them is the organizer, if nothing else names it.
    """

    method: str | None
    about_event: bool = True
    organizers: tuple[str, ...] = ()
    participants: tuple[Participant, ...] = ()
    proposes: bool = False
    recipients: tuple[str, ...] = ()


class Delivery(Frozen):
    """What a delivery report says of one of our mails (RFC 3464 §2.3): `action` in lower case
    (failed, delayed, delivered, relayed, expanded), `status` like 5.1.1, the address, and what
    the other server said."""

    action: str
    status: str | None = None
    recipient: str | None = None
    diagnostic: str | None = None


class Complaint(Frozen):
    """A report that somebody called our mail unwanted (RFC 5965): abuse, fraud, opt-out."""

    kind: str


class Reading(Frozen):
    """What one mail says, whoever it is for. Plain data only: it crosses the sandbox wall.

    `sequence` and `dtstamp` are None when absent. `seen_start` is the start of the revision the
    sender was looking at, when the message shows it (an echoed DTSTART, or Outlook's
    X-MS-OLK-ORIGINALSTART), `seen_end` its end in the same way. `attendees` are the addresses of
    all ATTENDEE lines but the organizer's, whether they answer or not. `sender` is the From
    address in lower case. `text` is what the person wrote; `problems` names what was damaged,
    unusual or left out. `delivery` is there for a bounce that says what became of the mail: only
    `failed` means that it will not arrive. `resembles_bounce`: its words are those of a bounce,
    which is too little to call it one, except where nothing but bounces should arrive. `deliveries`
    are what a delivery report says of every recipient, `envelope_id` is the ENVID it repeats.
    `references` are the Message-IDs that the mail says it answers.
    """

    verdict: Verdict
    method: str | None = None
    uid: str | None = None
    recurrence_id: str | None = None
    sequence: int | None = None
    dtstamp: Instant | None = None
    answers: tuple[AnswerLine, ...] = ()
    proposal: ProposedSlot | None = None
    text: str = ""
    problems: tuple[str, ...] = ()
    seen_start: Instant | None = None
    seen_end: Instant | None = None
    attendees: tuple[str, ...] = ()
    sender: str | None = None
    message_id: str | None = None
    subject: str | None = None
    delivery: Delivery | None = None
    resembles_bounce: bool = False
    deliveries: tuple[Delivery, ...] = ()
    envelope_id: str | None = None
    complaint: Complaint | None = None
    references: tuple[str, ...] = ()


class Arrival(Frozen):
    """A mail as it is kept: its key, the stream and party its token names, and its bytes.
    `generation` is its token's: the party may have been given others since."""

    id: int
    key: str
    stream: str
    party: int
    purpose: str
    mail_from: str
    received_at: Instant
    raw: bytes
    generation: int = 1
