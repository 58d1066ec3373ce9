"""People as documents, with the forms of what can have happened to them."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from api.addresses import LONGEST_ADDRESS
from api.hypermedia import Document, Form, Property
from api.instants import rfc3339
from domain.people.model import Person
from domain.people.requests import LONGEST_NAME

_NAME = Property("name", required=True, min_length=1, max_length=LONGEST_NAME)
_ADDRESS = Property("address", type="email", required=True, max_length=LONGEST_ADDRESS)
_ZONE = Property("zone", "Time zone", required=True, placeholder="Europe/Lisbon")
_EDITS = (
    ("rename", "They have another name", _NAME),
    ("correct-address", "They are reached at another address", _ADDRESS),
    ("move", "They live in another time zone", _ZONE),
)
_ADD = Form("/people", title="Add a person", properties=(_NAME, _ADDRESS, _ZONE))


def person_href(person_id: str) -> str:
    return f"/people/{person_id}"


def person_document(person: Person) -> Document:
    """The person; every edit is always possible."""
    here = person_href(person.id)
    members = person.model_dump(include={"id", "name", "address", "zone", "version"})
    members["created_at"] = rfc3339(person.created_at)
    members["updated_at"] = rfc3339(person.updated_at)
    document = Document(members).link("self", here).link("collection", "/people")
    for name, title, field in _EDITS:
        document.link(f"parley:{name}", f"{here}/{name}", title=title)
        document.form(name, Form(f"{here}/{name}", title=title, properties=(field,)))
    return document


def page_document(found: Sequence[Person], limit: int, query: Mapping[str, Any]) -> Document:
    """A page of `limit` people; `found` may hold one more, which says that there is a next page.
    `query` are the parameters this page was asked for with."""
    shown = found[:limit]
    document = Document({"count": len(shown)}).link("self", _with(query))
    if len(found) > limit:
        document.link("next", _with({**query, "after": shown[-1].id}))
    document.link("first", _with({name: each for name, each in query.items() if name != "after"}))
    document.link("parley:find", "/people{?address,name,after,limit}", templated=True)
    document.link("create-form", "/people").link("describedby", "/schemas/PersonBody")
    document.form("default", _ADD)
    return document.embed("items", [person_document(each) for each in shown])


def _with(query: Mapping[str, Any]) -> str:
    return f"/people?{urlencode(query)}" if query else "/people"
