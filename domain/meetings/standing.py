"""Where a meeting stands and what comes next, in plain words for its parties and its owner."""

from collections.abc import Mapping

from domain.meetings.civil import slot_words
from domain.meetings.messages import Effect
from domain.meetings.model import OWNER, MeetingState, Partstat, Status
from domain.meetings.words import Reader
from domain.values import Instant


def headline(state: MeetingState, zone: str) -> str:
    """Where the meeting stands, in one sentence."""
    if state.slot is None:
        return _WITHOUT_TIME.get(state.status, "The meeting is being prepared.")
    return _HEADLINE[state.status].format(when=slot_words(state.slot, zone))


def status_words(status: Status) -> str:
    """The status as people say it: `not agreed yet`."""
    return _STATUS[status]


def what_next(state: MeetingState, names: Mapping[int, str], zone: str) -> str:
    """What happens next and by when, in a sentence or two."""
    reader = Reader(names, zone)
    if state.status is Status.REQUESTED:
        return "The invitations are about to be sent."
    if state.status is Status.NEGOTIATING:
        return _while_negotiating(state, reader)
    if state.status is Status.CONFIRMED:
        return _while_confirmed(state, reader)
    return "Nothing more will happen; the meeting has ended."


def asked_of(party: int, state: MeetingState, names: Mapping[int, str], zone: str) -> str | None:
    """What is asked of `party` and by when; None when nothing is."""
    reader = Reader(names, zone)
    proposal = state.proposal
    if proposal is not None and party not in (proposal.party, *proposal.accepted_by):
        return (
            f"{reader.starting(proposal.party)} asks to move the meeting to "
            f"{reader.slot(proposal.slot)}. Please say by {reader.instant(proposal.answer_by)} "
            "whether that suits you; until everybody agrees, the agreed time stays."
        )
    if state.status is not Status.NEGOTIATING or state.answer_by is None:
        return None
    if state.party(party).partstat is Partstat.ACCEPTED:
        return None
    return f"Please say by {reader.instant(state.answer_by)} whether this time suits you."


def outcome(effect: Effect, code: str, detail: str) -> str:
    """What came of something a person sent or clicked, in their words.

    `detail` is the rule's own sentence and is shown where it explains a refusal.
    """
    if effect in (Effect.REFUSED, Effect.SET_ASIDE):
        reason = detail or f"the rules refuse it ({code})"
        return f"This could not be carried out: {reason}"
    return _OUTCOME[effect]


def partstat_words(partstat: Partstat) -> str:
    """A party's answer as a state: `accepted`, `no answer yet`."""
    return _PARTSTAT[partstat]


_STATUS = {
    Status.REQUESTED: "being prepared",
    Status.NEGOTIATING: "not agreed yet",
    Status.CONFIRMED: "confirmed",
    Status.DECLINED: "no time suited everybody",
    Status.EXPIRED: "not answered in time",
    Status.CANCELLED: "called off",
    Status.OVER: "over",
}

_OUTCOME = {
    Effect.APPLIED: "Your choice has been carried out.",
    Effect.DUPLICATE: "You had already said so; nothing changed.",
    Effect.SUPERSEDED: "You gave a newer answer in the meantime; that one counts.",
    Effect.STALE: "The time has changed meanwhile, so your answer was not taken for the new time. "
    "Please look at the time below and answer again.",
}

_PARTSTAT = {
    Partstat.NEEDS_ACTION: "no answer yet",
    Partstat.ACCEPTED: "accepted",
    Partstat.DECLINED: "declined",
    Partstat.TENTATIVE: "perhaps",
    Partstat.DELEGATED: "passed on",
}

_WITHOUT_TIME = {
    Status.DECLINED: "No time suited everybody.",
    Status.EXPIRED: "The meeting did not come about: nobody answered in time.",
    Status.CANCELLED: "The meeting was called off.",
}

_HEADLINE = {
    Status.REQUESTED: "The meeting is being prepared.",
    Status.NEGOTIATING: "A time is being asked about: {when}.",
    Status.CONFIRMED: "Confirmed: {when}.",
    Status.DECLINED: "No time suited everybody; the last one asked about was {when}.",
    Status.EXPIRED: "The meeting did not come about: an answer was missing for {when}.",
    Status.CANCELLED: "Called off; the time had been {when}.",
    Status.OVER: "The meeting is over; it was on {when}.",
}


def _while_negotiating(state: MeetingState, reader: Reader) -> str:
    owing = [p.number for p in state.parties if p.partstat is not Partstat.ACCEPTED]
    if not owing:
        return "Everybody has accepted; the confirmations are about to be sent."
    waiting = f"An answer is still missing from {reader.all_of(owing)}."
    return (
        waiting + _deadline(state.answer_by, _after_silence(state), reader) + _lost(state, reader)
    )


def _after_silence(state: MeetingState) -> str:
    """What the rules do when nobody answers in time (see `deadlines`)."""
    if state.origin != OWNER:
        return "the proposal lapses"
    cut_short = state.slot is not None and state.answer_by == state.slot.start
    if cut_short and state.slot_index + 1 < len(state.terms.slots):
        return "the next offered time is tried"
    return "the meeting ends"


def _lost(state: MeetingState, reader: Reader) -> str:
    lost = [party.number for party in state.parties if party.unreachable]
    return f" Mail to {reader.all_of(lost)} cannot be delivered." if lost else ""


def _while_confirmed(state: MeetingState, reader: Reader) -> str:
    if state.proposal is None:
        is_due = state.terms.remind_before is not None and not state.meeting_reminder_sent
        reminder = " A reminder goes out before it begins." if is_due else ""
        return f"Everybody has the time in their calendar.{reminder}{_lost(state, reader)}"
    asked = [n for n in state.others(state.proposal.party) if n not in state.proposal.accepted_by]
    return (
        f"{reader.starting(state.proposal.party)} proposed {reader.slot(state.proposal.slot)}; "
        f"an answer to that is still missing from {reader.all_of(asked)}."
        + _deadline(state.proposal.answer_by, "the agreed time stays", reader)
    )


def _deadline(answer_by: Instant | None, then: str, reader: Reader) -> str:
    if answer_by is None:
        return ""
    return f" If it does not come by {reader.instant(answer_by)}, {then}."
