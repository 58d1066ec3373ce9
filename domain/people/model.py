"""People: participants an owner writes to again and again."""

from domain.values import Address, Frozen, Instant, Line, ZoneName


class Person(Frozen):
    """A person in an owner's book. Editing is done by task-shaped commands, each one an event."""

    id: str
    owner: str
    name: Line
    address: Address
    zone: ZoneName
    version: int
    created_at: Instant
    updated_at: Instant
