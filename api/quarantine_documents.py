"""Mail for an operator as documents, with what may be done about each."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from api.hypermedia import Document, Form, Property
from api.instants import rfc3339
from domain.inbox.quarantine import Deed, Stray, possible

HERE = "/quarantine"


def stray_document(stray: Stray) -> Document:
    """The mail, without a word of what it says."""
    here = f"{HERE}/{stray.id}"
    document = Document(_members(stray)).link("self", here).link("collection", HERE)
    if stray.inbox is not None:
        document.link("related", f"{HERE}/{stray.inbox}", title="What a replay made of it")
    for row in possible(stray):
        title = row.title
        if row.deed is Deed.RAW:
            document.link("parley:raw", f"{here}/raw", title=title, type="message/rfc822")
            continue
        document.link(f"parley:{row.deed}", f"{here}/{row.deed}", title=title)
        fields = _fields(stray) if row.deed is Deed.REPLAY else ()
        document.form(row.deed.value, Form(f"{here}/{row.deed}", title=title, properties=fields))
    return document


def _members(stray: Stray) -> dict[str, Any]:
    shown = stray.model_dump(
        mode="json", exclude={"custody", "inbox", "received_at", "settled_at", "raw_forgotten_at"}
    )
    return {
        **shown,
        "state": stray.custody.value,
        "received_at": rfc3339(stray.received_at),
        "settled_at": rfc3339(stray.settled_at),
        "raw_forgotten_at": rfc3339(stray.raw_forgotten_at),
    }


def _fields(stray: Stray) -> tuple[Property, ...]:
    if stray.id.startswith("m"):
        return (Property("replays", "Replays seen", "hidden", value=str(stray.replays)),)
    return (Property("address", "The token address it is for", "email", max_length=320),)


def quarantine_document(
    found: Sequence[Stray], unreadable: Sequence[Stray], limit: int, query: Mapping[str, Any]
) -> Document:
    """A page of `limit` mails; `found` may hold one more, which says that there is a next page.
    `query` are the parameters this page was asked for with."""
    shown = found[:limit]
    document = Document({"count": len(shown)}).link("self", _with(query))
    if len(found) > limit:
        document.link("next", _with({**query, "before": shown[-1].id[1:]}))
    document.embed("items", [stray_document(each) for each in shown])
    return document.embed("unreadable", [stray_document(each) for each in unreadable])


def _with(query: Mapping[str, Any]) -> str:
    return f"{HERE}?{urlencode(query)}" if query else HERE
