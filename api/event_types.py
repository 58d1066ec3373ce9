"""The types of events that exist, for filters that should not wait for one that never comes."""

from collections.abc import Sequence
from typing import get_args

from domain.errors import BadInput
from domain.meetings.events import MeetingEvent
from domain.outbox.events import MessageEvent
from domain.people.events import PersonEvent
from domain.webhooks.events import WebhookEvent

_UNION = get_args(MeetingEvent)[0]

EVENT_TYPES: tuple[str, ...] = (
    *(str(each.model_fields["type"].default) for each in get_args(_UNION)),
    *PersonEvent,
    *MessageEvent,
    *WebhookEvent,
)


def check_types(types: Sequence[str]) -> None:
    """Raises `BadInput`, naming the field, for a type that no event has."""
    for index, each in enumerate(types):
        if each not in EVENT_TYPES:
            known = ", ".join(EVENT_TYPES)
            raise BadInput(f"No event has this type; there are {known}.", field=f"events[{index}]")
