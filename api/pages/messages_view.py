"""What the desk says of messages: pure, from the owner's views to a template's context."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from api.pages.desk_view import letter_words
from api.pages.ports import Context
from domain.meetings.civil import instant_words
from domain.outbox.events import own_subject
from domain.outbox.model import (
    MessageState,
    Phase,
    Suppression,
    SuppressionReason,
    SuppressionScope,
)
from domain.outbox.transitions import Deed, Transition, possible
from domain.outbox.views import MessageStory, MessageView, StateCounts, TimelineLine
from domain.outbox.words import is_planned, state_words
from domain.postage import OnUnknown
from domain.values import Instant

HERE = "/desk/messages"

_UNDER_WAY = frozenset({MessageState.QUEUED, MessageState.CLAIMED, MessageState.SENDING})
_GRAVE = frozenset({Deed.DROP})
_EXPLAINED: Mapping[Deed, str] = {
    Deed.HOLD: "Nothing happens to it until somebody releases it.",
    Deed.RELEASE: "It goes at once, whatever it was held for.",
    Deed.RETRY_NOW: "It is tried at once instead of at the time planned.",
    Deed.CONFIRM: "Somebody knows that it arrived, for instance because its reader said so.",
    Deed.DROP: "It is not sent any more. This cannot be undone; it can be sent again.",
    Deed.RESEND: "The same words go out as another mail. Whoever has the first one gets two.",
}
_RELEASE_UNCERTAIN = "The same bytes go out once more. If the first ones arrived, there are two."
_UNKNOWN: Mapping[OnUnknown, str] = {
    OnUnknown.HOLD: "if nobody knows whether it arrived, a person decides",
    OnUnknown.RESEND_ONCE: "if nobody knows whether it arrived, it is sent once more",
    OnUnknown.ASSUME_SENT: "if nobody knows whether it arrived, it counts as sent",
}
_PHASES: Mapping[Phase, str] = {
    Phase.CONNECT: "Did not get through to the server",
    Phase.MAIL: "Stopped at the sender's address",
    Phase.RCPT: "Stopped at the recipient's address",
    Phase.DATA: "Stopped before the text",
    Phase.BODY: "Stopped in the text",
    Phase.DOT: "Handed over whole, and no answer was read",
    Phase.DONE: "Handed over, and answered",
}
_LINES: Mapping[str, str] = {
    "requested": "Asked for",
    "held": "Held back",
    "released": "Released",
    "retry-now": "Brought forward",
    "dropped": "Dropped",
    "confirmed": "Confirmed: it arrived",
    "resent": "Sent again",
    "merged": "Became a part of a digest",
    "composed": "Composed",
    "proved": "Proved to have arrived",
    "suppressed": "Not sent: its address takes no mail like this",
    "expired": "Not sent: it was not wanted any more",
    "uncertain": "Not sent once more; whether it arrived before nobody knows",
    "delivered": "Delivered",
    "delayed": "Delayed on its way",
    "bounced": "Came back",
    "complained": "Its recipient complained",
}
_REASONS: Mapping[SuppressionReason, str] = {
    SuppressionReason.BOUNCED: "mail to it came back",
    SuppressionReason.COMPLAINED: "its reader complained",
    SuppressionReason.UNSUBSCRIBED: "its reader unsubscribed",
    SuppressionReason.PERSON: "somebody here said so",
}


_TAKES: Mapping[SuppressionScope, str] = {
    SuppressionScope.ALL: "Takes no mail at all",
    SuppressionScope.OPTIONAL: "Takes no optional mail",
}


def list_entry(message: MessageView) -> Context:
    """One line of the list of messages."""
    return {
        "id": message.id,
        "kind": _kind(message),
        "recipient": message.recipient,
        "state": message.state.value,
        "words": state_words(message),
        "subject": _subject(message),
        "at": _at(message.sent_at or message.created_at),
        "again": _at(message.next_at) if is_planned(message) else "",
    }


def chips(counts: StateCounts, chosen: str, kept: Mapping[str, str]) -> list[Context]:
    """The states there are, with how many there are of each; each leads to its own list."""
    shown = [
        {"state": state.value, "count": counts[state], "is_chosen": state.value == chosen}
        for state in MessageState
        if counts.get(state) or state.value == chosen
    ]
    for chip in shown:
        query = {**kept, "state": chip["state"]} if not chip["is_chosen"] else kept
        chip["href"] = f"{HERE}?{urlencode(query)}" if query else HERE
    return shown


def message_context(story: MessageStory, cause: str, temporal: str, may_write: bool) -> Context:
    """Everything `desk_message.html` shows. `cause` is the event behind it in a sentence."""
    message = story.message
    deeds = possible(message.standing) if may_write else ()
    return {
        "message": message,
        "kind": _kind(message),
        "words": state_words(message),
        "about": _about(message),
        "facts": _facts(message),
        "deeds": [_deed(row, message) for row in deeds],
        "timeline": _timeline(story, cause),
        "resent_as": story.resent_as,
        "has_bytes": message.raw_forgotten_at is None,
        "temporal": _run(message, temporal),
        "refresh": 3 if message.state in _UNDER_WAY and not deeds else None,
    }


def _kind(message: MessageView) -> str:
    return message.kind if own_subject(message.subject) else letter_words(message.kind)


def _subject(message: MessageView) -> str:
    return own_subject(message.subject) or message.subject


def _about(message: MessageView) -> Context:
    """What it is about, with an address where there is a page of that."""
    kind, _, name = message.subject.partition("/")
    href = f"/desk/meetings/{quote(name, safe='')}" if kind == "meeting" else ""
    return {"words": _subject(message), "href": href}


def _facts(message: MessageView) -> list[tuple[str, str]]:
    """What stands beside the story; what is empty is left out."""
    facts = [
        ("To", message.recipient),
        ("Asked for", _at(message.created_at)),
        ("Sent", _at(message.sent_at)),
        ("Next", _at(message.next_at) if is_planned(message) else ""),
        ("Not wanted after", _at(message.expires_at)),
        ("Last answer", message.last_reply or ""),
        ("Occasion", message.occasion),
        ("Priority", message.priority.name.lower()),
        ("In doubt", _UNKNOWN[message.on_unknown]),
        ("Message-ID", message.message_id),
    ]
    return [(name, value) for name, value in facts if value]


def _deed(row: Transition, message: MessageView) -> Context:
    again = row.deed is Deed.RELEASE and message.state is MessageState.UNCERTAIN
    return {
        "name": row.deed.value,
        "title": row.title,
        "explained": _RELEASE_UNCERTAIN if again else _EXPLAINED[row.deed],
        "is_grave": row.deed in _GRAVE or again,
    }


def _timeline(story: MessageStory, cause: str) -> list[Context]:
    lines = [_line(line) for line in reversed(story.timeline)]
    if cause:
        at = story.message.created_at if story.cause is None else story.cause.at
        lines.append(_entry(at, cause, ""))
    return lines


def _line(line: TimelineLine) -> Context:
    if line.phase is not None:
        code = "" if line.code is None else f"{line.code} "
        server = f" ({line.server})" if line.server else ""
        again = f", {line.times} times until {_at(line.until)}" if line.until else ""
        text = f"{_PHASES[Phase(line.phase)]}{server}: {line.state}{again}"
        return _entry(line.at, text, f"{code}{line.text}".strip())
    by = f", by key {line.by}" if line.by else ""
    return _entry(line.at, f"{_LINES.get(line.type, line.type)}{by}", line.text)


def _entry(at: Instant, text: str, words: str) -> Context:
    return {"at": _at(at), "machine": at.isoformat(), "text": text, "words": words}


def _run(message: MessageView, temporal: str) -> str:
    if not temporal or own_subject(message.subject):
        return ""
    return f"{temporal}/workflows/{quote(message.subject, safe='')}"


def suppression_entries(found: Sequence[Suppression]) -> list[dict[str, Any]]:
    """The lines of the page of addresses that take no mail."""
    return [
        {
            "id": one.id,
            "address": one.address,
            "takes": _TAKES[one.scope],
            "reason": one.reason.value,
            "words": _REASONS[one.reason],
            "detail": one.detail,
            "at": _at(one.created_at),
            "until": _at(one.until) or "until somebody lifts it",
            "message": one.message,
        }
        for one in found
    ]


def _at(instant: Instant | None) -> str:
    return "" if instant is None else instant_words(instant, "UTC")
