"""What `parley mail explain` says: what Parley would make of a mail kept in a file."""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from adapters.calendar_mail.sandbox import limits
from adapters.calendar_mail.sandbox.client import Sandbox
from domain.errors import Unavailable
from domain.inbox.model import Reading, Verdict

PAUSES = (0.5, 2.0)
"""Seconds before reading is tried again: somebody is waiting."""

_KEYS = {
    "verdict",
    "method",
    "uid",
    "recurrence_id",
    "sequence",
    "dtstamp",
    "answers",
    "proposal",
    "text",
    "problems",
    "deliveries",
    "complaint",
}


def explain(paths: Iterable[str | Path]) -> Iterator[dict[str, Any]]:
    """One JSON object per file, in order: what Parley would make of it as organizer.

    A file is a mail, or, if it is called .ics, .ical or .vcs, a calendar object; one that holds
    the other thing is told by its content. Each is read in the sandbox. Never raises for what
    files are or hold, nor when nothing can be read: what cannot be opened or read is
    `unreadable`, with the reason in `problems`.
    """
    with asyncio.Runner() as runner:
        sandbox = runner.run(Sandbox(size=1, pauses=PAUSES).__aenter__())
        try:
            for path in paths:
                yield explained(str(path), runner.run(_read(sandbox, Path(path))))
        finally:
            runner.run(sandbox.__aexit__(None, None, None))


def explained(file: str, reading: Reading) -> dict[str, Any]:
    """`reading` as the JSON object of one file; times are ISO 8601 in UTC."""
    shown = reading.model_dump(mode="json", include=_KEYS)
    return {"file": file, **{key: shown[key] for key in Reading.model_fields if key in _KEYS}}


async def _read(sandbox: Sandbox, path: Path) -> Reading:
    try:
        raw = _content(path)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        return Reading(verdict=Verdict.UNREADABLE, problems=(f"cannot be opened: {why}",))
    is_calendar = path.suffix.lower() in (".ics", ".ical", ".vcs")
    try:
        return await (sandbox.read_calendar(raw) if is_calendar else sandbox.read(raw))
    except Unavailable as error:
        return Reading(verdict=Verdict.UNREADABLE, problems=(f"cannot be read now: {error}",))


def _content(path: Path) -> bytes:
    """At most as many bytes as are ever read. Raises OSError, or ValueError for no file."""
    if not path.exists():
        raise FileNotFoundError(2, "no such file")
    if not path.is_file():  # a pipe or device could block for ever
        raise ValueError("it is not a file")
    with path.open("rb") as file:
        return file.read(limits.MAIL_BYTES)
