"""Suppressed addresses as documents, with the form that lifts each."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from api.addresses import LONGEST_ADDRESS
from api.hypermedia import Document, Form, Property
from api.instants import rfc3339
from api.message_documents import message_href
from domain.outbox.model import Suppression, SuppressionScope

_ADD = Form(
    "/suppressions",
    title="Suppress an address",
    properties=(
        Property("address", type="email", required=True, max_length=LONGEST_ADDRESS),
        Property("scope", "Which mail", value="all", options=tuple(SuppressionScope)),
        Property("until", "Until then; for good when left out", "datetime"),
        Property("detail", "Why", max_length=200),
    ),
)


def suppression_href(id: int) -> str:
    return f"/suppressions/{id}"


def suppression_document(one: Suppression, *, may_write: bool) -> Document:
    """The suppression, with the message it came of."""
    here = suppression_href(one.id)
    members = {
        "id": one.id,
        "address": one.address,
        "scope": one.scope.value,
        "reason": one.reason.value,
        "detail": one.detail,
        "created_at": rfc3339(one.created_at),
        "until": rfc3339(one.until),
    }
    document = Document(members).link("self", here).link("collection", "/suppressions")
    if one.message is not None:
        document.link("related", message_href(one.message), title="The message it came of")
    if may_write:
        document.form("lift", Form(here, "DELETE", "Let mail go there again"))
    return document


def page_document(
    found: Sequence[Suppression], limit: int, query: Mapping[str, Any], *, may_write: bool
) -> Document:
    """A page of `limit`; `found` may hold one more, which says that there is a next page. `query`
    are the parameters this page was asked for with."""
    shown = found[:limit]
    document = Document({"count": len(shown)}).link("self", _with(query))
    if len(found) > limit:
        document.link("next", _with({**query, "before": shown[-1].id}))
    document.link("first", _with({name: one for name, one in query.items() if name != "before"}))
    document.link("parley:find", "/suppressions{?address,before,limit}", templated=True)
    if may_write:
        document.link("create-form", "/suppressions")
        document.link("describedby", "/schemas/SuppressionBody").form("default", _ADD)
    items = [suppression_document(one, may_write=may_write) for one in shown]
    return document.embed("items", items)


def _with(query: Mapping[str, Any]) -> str:
    return f"/suppressions?{urlencode(query)}" if query else "/suppressions"
