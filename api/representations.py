"""Facts as readers see them: CloudEvents with names, words and a sentence joined in."""

from collections.abc import Mapping, Sequence
from typing import Any

from api.ports import Journal
from domain.journal import JournalEvent
from domain.meetings.words import sentence
from domain.outbox.events import sentence as message_sentence
from domain.webhooks.envelope import cloud_event

_INTERNAL = frozenset({"key", "input", "resend"})
"""Fields that steer the saga and tell a reader nothing."""

Names = Mapping[str, Mapping[int, str]]


async def event_documents(
    journal: Journal, events: Sequence[JournalEvent], base_url: str, zone: str
) -> list[dict[str, Any]]:
    """The events as CloudEvents 1.0; sentences write times in `zone`.

    The journal itself names nobody: names come from the parties, words from the input that an
    event followed from.
    """
    streams = sorted({event.stream for event in events if _is_of_meeting(event)})
    names = await journal.names(streams) if streams else {}
    inputs = [event.data["input"] for event in events if event.data.get("input") is not None]
    words = await journal.words(inputs) if inputs else {}
    return [_document(event, names, words, base_url, zone) for event in events]


def _document(
    event: JournalEvent,
    names: Names,
    words: Mapping[int, dict[str, Any]],
    base_url: str,
    zone: str,
) -> dict[str, Any]:
    return cloud_event(
        id=str(event.position),
        source=source_of(base_url),
        type=event.type,
        subject=event.stream,
        at=event.at,
        data=event_data(event, names.get(event.stream, {}), words, zone),
    )


def source_of(base_url: str) -> str:
    """The CloudEvents source of this installation."""
    return f"{base_url.rstrip('/')}/"


def _is_of_meeting(event: JournalEvent) -> bool:
    return event.stream.startswith("meeting/")


def event_data(
    event: JournalEvent,
    names: Mapping[int, str],
    words: Mapping[int, dict[str, Any]],
    zone: str,
) -> dict[str, Any]:
    """The fact with names, a sentence in `zone`, and the `words` by input joined in."""
    shown: dict[str, Any] = {"version": event.version}
    if _is_of_meeting(event):
        shown["sentence"] = sentence(event, names, zone)
    elif event.stream.startswith("message/"):
        shown["sentence"] = message_sentence(event.type, event.data)
    shown |= {name: value for name, value in event.data.items() if name not in _INTERNAL}
    if isinstance(party := event.data.get("party"), int) and party:
        shown["party"] = {"number": party, "name": names.get(party)}
    said = words.get(event.data.get("input") or 0)
    if said:
        shown["words"] = said
    if event.command:
        shown["command"] = event.command
    return shown
