"""Documents with links and forms: HAL with HAL-FORMS templates, mirrored in `Link` headers.

One document serves `application/prs.hal-forms+json`, `application/hal+json` and
`application/json`. Relations of our own are CURIEs (`parley:cancel`), described at `/rels/…`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.responses import Response

from api.errors import NotAcceptable

HAL_FORMS = "application/prs.hal-forms+json"
HAL = "application/hal+json"
JSON = "application/json"
CURIE = "parley"


@dataclass(frozen=True)
class Link:
    """One link. `templated` hrefs are RFC 6570 templates and stay out of `Link` headers."""

    href: str
    title: str | None = None
    type: str | None = None
    templated: bool = False

    def to_json(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"href": self.href}
        if self.templated:
            shown["templated"] = True
        if self.title:
            shown["title"] = self.title
        if self.type:
            shown["type"] = self.type
        return shown


@dataclass(frozen=True)
class Property:
    """One field of a form, in the words of HAL-FORMS: `type` is an HTML input type, `prompt` the
    label, `options` the values to choose from, `regex`, `min` and `max` what a value must meet."""

    name: str
    prompt: str = ""
    type: str = "text"
    required: bool = False
    value: str | None = None
    placeholder: str | None = None
    regex: str | None = None
    min: float | None = None
    max: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    options: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "name": self.name,
            "prompt": self.prompt or self.name.replace("_", " "),
            "type": self.type,
            "required": self.required,
            "value": self.value,
            "placeholder": self.placeholder,
            "regex": self.regex,
            "min": self.min,
            "max": self.max,
            "minLength": self.min_length,
            "maxLength": self.max_length,
        }
        if self.options:
            shown["options"] = {"inline": [{"prompt": o, "value": o} for o in self.options]}
        return {name: value for name, value in shown.items() if value is not None}


@dataclass(frozen=True)
class Form:
    """A deed that would be accepted now. `schema` names the JSON Schema of the body, for bodies
    that flat properties cannot describe."""

    target: str
    method: str = "POST"
    title: str = ""
    properties: tuple[Property, ...] = ()
    content_type: str = JSON

    def to_json(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "target": self.target,
            "title": self.title,
            "contentType": self.content_type,
            "properties": [each.to_json() for each in self.properties],
        }


@dataclass
class Document:
    """A HAL document under construction; `data` are its plain members."""

    data: Mapping[str, Any]
    links: dict[str, list[Link]] = field(default_factory=dict)
    forms: dict[str, Form] = field(default_factory=dict)
    embedded: dict[str, "list[Document] | Document"] = field(default_factory=dict)

    def link(self, rel: str, href: str, **more: Any) -> Self:
        """Adds a link; a relation may have several."""
        self.links.setdefault(rel, []).append(Link(href, **more))
        return self

    def form(self, name: str, form: Form) -> Self:
        """Adds a HAL-FORMS template; a document with one form calls it `default`."""
        self.forms[name] = form
        return self

    def embed(self, rel: str, documents: "list[Document] | Document") -> Self:
        self.embedded[rel] = documents
        return self

    def to_json(self, *, top: bool = True) -> dict[str, Any]:
        """The document as JSON-ready data; CURIEs are declared once, at the top."""
        shown = dict(self.data)
        links: dict[str, Any] = {rel: _one_or_many(each) for rel, each in self.links.items()}
        if top:
            links["curies"] = [{"name": CURIE, "href": "/rels/{rel}", "templated": True}]
        if links:
            shown["_links"] = links
        if self.forms:
            shown["_templates"] = {name: form.to_json() for name, form in self.forms.items()}
        if self.embedded:
            shown["_embedded"] = {rel: _inside(each) for rel, each in self.embedded.items()}
        return shown

    def link_header(self, base_url: str) -> str:
        """The links as one RFC 8288 field value; our relations as absolute URIs."""
        return ", ".join(
            f'<{quote(link.href, safe=_URI_SAFE)}>; rel="{full_rel(rel, base_url)}"'
            for rel, links in self.links.items()
            for link in links
            if not link.templated
        )


_URI_SAFE = "/:?&=#%+,;@!$()*[]~-._"


def full_rel(rel: str, base_url: str) -> str:
    """`parley:cancel` as the URI it stands for; registered relations stay as they are."""
    prefix, colon, name = rel.partition(":")
    return f"{base_url.rstrip('/')}/rels/{name}" if colon and prefix == CURIE else rel


def _one_or_many(links: Sequence[Link]) -> Any:
    shown = [link.to_json() for link in links]
    return shown[0] if len(shown) == 1 else shown


def _inside(documents: "list[Document] | Document") -> Any:
    if isinstance(documents, Document):
        return documents.to_json(top=False)
    return [each.to_json(top=False) for each in documents]


def preferred_type(accept: str) -> str:
    """Which of our three media types `accept` wants most; browsers get plain JSON, which they
    can show. Raises `NotAcceptable`."""
    ranges = _ranges(accept)
    if not ranges:
        return HAL_FORMS
    offers = (JSON, HAL_FORMS, HAL) if "text/html" in ranges else (HAL_FORMS, HAL, JSON)
    best = max(offers, key=lambda offer: _quality(offer, ranges))
    if _quality(best, ranges) <= 0:
        raise NotAcceptable(f"Ask for {HAL_FORMS}, {HAL} or {JSON}.")
    return best


def _ranges(accept: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in accept.split(",")[:40]:
        media, _, parameters = part.partition(";")
        if media.strip():
            found[media.strip().lower()] = _q(parameters)
    return found


def _q(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _quality(offer: str, ranges: Mapping[str, float]) -> float:
    for candidate in (offer, "application/*", "*/*"):
        if candidate in ranges:
            return ranges[candidate]
    return 0.0


def answer(
    request: Request,
    document: Document,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """`document` in the media type the client prefers, with its links as a header.

    Raises `NotAcceptable`.
    """
    media_type = preferred_type(request.headers.get("accept", ""))
    base_url = str(request.app.state.ports.settings.base_url)
    sent = {"Cache-Control": "no-cache", "Vary": "Accept", **(headers or {})}
    if document.links:
        sent["Link"] = document.link_header(base_url)
    return JSONResponse(document.to_json(), status, sent, media_type)
