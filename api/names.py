"""Names in paths: what cannot be an id of ours is simply not found."""

import re
from typing import Annotated

from fastapi import Depends

from domain.errors import NotFound
from domain.inbox.quarantine import StrayName, read_name

_NAME = re.compile(r"[0-9A-Za-z_-]{1,64}")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


def _name(value: str, what: str) -> str:
    """Also keeps NUL, surrogates and over-long text away from the database."""
    if not _NAME.fullmatch(value):
        raise NotFound(f"There is no such {what}.")
    return value


async def _meeting(meeting_id: str) -> str:
    return _name(meeting_id, "meeting")


async def _command(command_id: str) -> str:
    return _name(command_id, "command")


async def _person(person_id: str) -> str:
    return _name(person_id, "person")


async def _webhook(webhook_id: str) -> str:
    return _name(webhook_id, "webhook")


async def _delivery(delivery_id: str) -> str:
    return _name(delivery_id, "delivery")


async def _message(message_id: str) -> int:
    return _number(message_id, "message")


async def _suppression(suppression_id: str) -> int:
    return _number(suppression_id, "suppression")


def _number(value: str, what: str) -> int:
    if not _NUMBER.fullmatch(value):
        raise NotFound(f"There is no such {what}.")
    return int(value)


async def _key(key_id: str) -> str:
    return _name(key_id, "key")


async def _probe(probe_id: str) -> str:
    return _name(probe_id, "probe")


async def _stray(mail_id: str) -> StrayName:
    return read_name(mail_id)


MeetingId = Annotated[str, Depends(_meeting)]
CommandId = Annotated[str, Depends(_command)]
PersonId = Annotated[str, Depends(_person)]
WebhookId = Annotated[str, Depends(_webhook)]
DeliveryId = Annotated[str, Depends(_delivery)]
MessageId = Annotated[int, Depends(_message)]
SuppressionId = Annotated[int, Depends(_suppression)]
KeyId = Annotated[str, Depends(_key)]
ProbeId = Annotated[str, Depends(_probe)]
StrayId = Annotated[StrayName, Depends(_stray)]
