"""A browser without scripts: reads pages, fills in their forms, sends what a browser would."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Self

import httpx
from fastapi import FastAPI

from tests.api.house import BASE_URL


@dataclass
class Form:
    """A form of a page: where it goes, how, and its fields with their first values."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._area: str | None = None
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(named["action"], named.get("method", "get")))
            self._inside = True
        elif self._inside and "name" in named:
            self._field(tag, named)

    def _field(self, tag: str, named: dict[str, str]) -> None:
        form, name = self.forms[-1], named["name"]
        kind = named.get("type", tag)
        form.types[name] = kind
        if tag == "textarea":
            self._area = name
            form.fields[name] = ""
        elif kind in ("checkbox", "radio"):
            if "checked" in named:
                form.fields[name] = named["value"]
        elif tag != "button":
            form.fields[name] = named.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.forms[-1].fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None
        if tag == "form":
            self._inside = False


def forms_of(page: httpx.Response) -> list[Form]:
    parser = _Forms()
    parser.feed(page.text)
    return parser.forms


def form_to(page: httpx.Response, ending: str) -> Form:
    """The form of `page` whose action ends so."""
    found = [form for form in forms_of(page) if form.action.endswith(ending)]
    assert found, f"no form to {ending} in {[form.action for form in forms_of(page)]}"
    return found[0]


def actions_of(page: httpx.Response) -> set[str]:
    """The last parts of the addresses that the page's forms post to."""
    return {form.action.rpartition("/")[2] for form in forms_of(page)}


class Visitor:
    """Somebody with a browser, at Parley's own address unless told otherwise."""

    def __init__(self, app: FastAPI) -> None:
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL)

    @classmethod
    def at(cls, base_url: str) -> Self:
        """A browser that goes over the network."""
        visitor = cls.__new__(cls)
        visitor.client = httpx.AsyncClient(base_url=base_url)
        return visitor

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def send(self, form: Form, **changes: Any) -> httpx.Response:
        """The form as its page's own browser sends it, with some fields filled in anew."""
        return await self.post(form.action, {**form.fields, **changes})

    async def post(
        self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None
    ) -> httpx.Response:
        sent = {"Sec-Fetch-Site": "same-origin", "Origin": "null"} if headers is None else headers
        return await self.client.post(path, data=fields, headers=sent)

    async def follow(self, answer: httpx.Response) -> httpx.Response:
        """Where a redirect leads."""
        assert answer.status_code == 303, (answer.status_code, answer.text)
        return await self.get(answer.headers["Location"])
