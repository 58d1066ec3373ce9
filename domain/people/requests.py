"""What may be asked about people, once it has been checked."""

from typing import Annotated

from pydantic import Field

from domain.values import Address, Frozen, Line, ZoneName

Name = Annotated[Line, Field(min_length=1, max_length=200)]
Mailbox = Annotated[Address, Field(max_length=320)]


class PersonOrder(Frozen):
    """A person to add to the book."""

    name: Name
    address: Mailbox
    zone: ZoneName


class PeopleFilter(Frozen):
    """A page of an owner's people: with this address, with `name` within their name, after the
    person with the id `after`."""

    owner: str
    address: str | None = None
    name: str | None = None
    after: str | None = None
    limit: int = Field(default=50, ge=1, le=200)
