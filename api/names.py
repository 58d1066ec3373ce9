"""Names in paths: what cannot be an id of ours is simply not found."""

import re
from typing import Annotated

from fastapi import Depends

from domain.errors import NotFound

_NAME = re.compile(r"[0-9A-Za-z_-]{1,64}")


def _name(value: str, what: str) -> str:
    """Also keeps NUL, surrogates and over-long text away from the database."""
    if not _NAME.fullmatch(value):
        raise NotFound(f"There is no such {what}.")
    return value


async def _meeting(meeting_id: str) -> str:
    return _name(meeting_id, "meeting")


async def _command(command_id: str) -> str:
    return _name(command_id, "command")


MeetingId = Annotated[str, Depends(_meeting)]
CommandId = Annotated[str, Depends(_command)]
