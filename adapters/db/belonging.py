"""Whose a stream is, and so whose the mail that comes to it."""

import sqlalchemy as sa

from adapters.db.schema import meetings
from domain.access import OPERATOR
from domain.outbox.events import external_owner
from domain.outbox.wishes import general_owner

_OF_MEETING = sa.select(meetings.c.owner).where(meetings.c.id == sa.bindparam("meeting"))


def owner_of(c: sa.Connection, stream: str) -> str:
    """The owner of a meeting, of an integrator's own subject, or of the wishes about its mail;
    every other stream, the doctor's, is the operator's."""
    kind, _, name = stream.partition("/")
    if kind == "meeting":
        found = c.execute(_OF_MEETING, {"meeting": name}).scalar_one_or_none()
    else:
        found = external_owner(stream) or general_owner(stream)
    return found or OPERATOR
