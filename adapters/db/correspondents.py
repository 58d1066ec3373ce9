"""Who may be writing in a meeting: the addresses its parties are known by, and the UID each has."""

import sqlalchemy as sa

from adapters.db.schema import parties, people

_KNOWN = (
    sa.select(parties.c.number, parties.c.address, people.c.address.label("newer"))
    .outerjoin(people, people.c.id == parties.c.person_id)
    .where(parties.c.meeting_id == sa.bindparam("meeting"))
    .order_by(parties.c.number)
)


def addresses_of(c: sa.Connection, stream: str) -> dict[int, tuple[str, ...]]:
    """The addresses known for each party of a stream, by number: the one it was invited at, and
    the present one of its person. Empty for a stream that is no meeting's."""
    meeting_id = _meeting_of(stream)
    if meeting_id is None:
        return {}
    return {
        number: tuple(dict.fromkeys(one for one in (address, newer) if one))
        for number, address, newer in c.execute(_KNOWN, {"meeting": meeting_id})
    }


_UID = sa.select(parties.c.uid).where(
    parties.c.meeting_id == sa.bindparam("meeting"), parties.c.number == sa.bindparam("number")
)


def uid_of(c: sa.Connection, stream: str, party: int) -> str | None:
    """The UID of a party's own copy of the event; None for a stream that is no meeting's."""
    meeting_id = _meeting_of(stream)
    if meeting_id is None:
        return None
    return c.execute(_UID, {"meeting": meeting_id, "number": party}).scalar_one_or_none()


def _meeting_of(stream: str) -> str | None:
    kind, _, meeting_id = stream.partition("/")
    return meeting_id if kind == "meeting" else None
