"""Instants on the wire: RFC 3339 in UTC."""

from datetime import datetime
from typing import overload


@overload
def rfc3339(instant: datetime) -> str: ...
@overload
def rfc3339(instant: None) -> None: ...
def rfc3339(instant: datetime | None) -> str | None:
    """An aware UTC instant as RFC 3339 with `Z`; None stays None."""
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")
