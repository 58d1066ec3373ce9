"""What may be asked about people, once it has been checked."""

from typing import Annotated

from pydantic import Field

from domain.values import Frozen, Line

LONGEST_NAME = 200

Name = Annotated[Line, Field(min_length=1, max_length=LONGEST_NAME)]
"""A person's name: one clean line, not empty."""


class PeopleFilter(Frozen):
    """A page of an owner's people: with this address, with `name` within their name, after the
    person with the id `after`."""

    owner: str
    address: str | None = None
    name: str | None = None
    after: str | None = None
    limit: int = Field(default=50, ge=1, le=201)
