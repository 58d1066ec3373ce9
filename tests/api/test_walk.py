"""A link or form is there exactly when following it is accepted."""

import random
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.hypermedia import HAL_FORMS
from domain.meetings.messages import Answer, Cancellation, Refresh
from domain.meetings.model import Partstat
from domain.outbox.transitions import Deed
from tests.api.house import BASE_URL, NOW, House, order, slot

BODIES: dict[str, dict[str, Any]] = {
    "/meetings": order(),
    "reschedule": {"slots": [slot(NOW.replace(month=6))]},
    "/messages": {
        "kind": "order.shipped",
        "subject": "order-1",
        "recipient": {"address": "cleo@example.net"},
        "template": {"subject": "Hello", "text": "It is on its way."},
    },
    "/suppressions": {"address": "nobody@example.net"},
    "/people": {"name": "Cleo", "address": "cleo@example.net", "zone": "Europe/Berlin"},
    "/webhooks": {"url": "https://hooks.example.org/parley"},
    "/keys": {"name": "another", "scopes": ["people"]},
    "rename": {"name": "Cleopatra"},
    "correct-address": {"address": "cleo2@example.net"},
    "move": {"zone": "Africa/Cairo"},
}


def hrefs(document: Any) -> set[str]:
    """Every link that is no template, wherever it stands in a document."""
    found: set[str] = set()
    if isinstance(document, dict):
        for links in document.get("_links", {}).values():
            each = links if isinstance(links, list) else [links]
            found |= {link["href"] for link in each if not link.get("templated")}
        document = list(document.values())
    if isinstance(document, list):
        for value in document:
            found |= hrefs(value)
    return found


def forms(document: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if isinstance(document, dict):
        found += document.get("_templates", {}).values()
        document = [value for name, value in document.items() if name != "_templates"]
    if isinstance(document, list):
        for value in document:
            found += forms(value)
    return found


def is_deed(path: str) -> bool:
    """A link whose target takes POST only; it is walked through its form."""
    deeds = {"cancel", "reschedule", *BODIES, "enable", "retry", "revoke", "rotate-secret", *Deed}
    return path.rpartition("/")[2] in deeds


async def follow_links(house: House, entrance: str) -> list[dict[str, Any]]:
    """Every document that can be reached by GET; each link must be accepted."""
    pending, seen, documents = [entrance], {entrance}, []
    while pending:
        href = pending.pop()
        if "/stream" in href:
            answer = await house.client.head(href)  # GET of a stream does not end
            assert answer.status_code == 200, href
            continue
        answer = await house.client.get(href)
        assert answer.status_code == 200, (href, answer.text)
        if answer.headers["content-type"] != HAL_FORMS:
            continue
        documents.append(answer.json())
        new = {link.replace(BASE_URL, "") for link in hrefs(answer.json())} - seen
        new = {link for link in new if not is_deed(urlsplit(link).path)}
        seen |= new
        pending += sorted(new)
    return documents


async def submit(house: House, form: dict[str, Any]) -> int:
    target = form["target"]
    body = BODIES.get(target, BODIES.get(target.rpartition("/")[2], {}))
    if target.startswith("/meetings/") and target.endswith("/correct-address"):
        body = {"party": 1, "address": "adam@example.net"}
    headers = {"Idempotency-Key": f"walk-{random.random()}"}
    content = None if form["method"] == "DELETE" else body
    answer = await house.client.request(form["method"], target, json=content, headers=headers)
    return answer.status_code


async def in_every_state(house: House) -> dict[str, str]:
    """One meeting in each state that a test can bring about."""
    accepted = {"partstat": Partstat.ACCEPTED, "sequence": 0}
    requested = (await house.ask()).json()["_links"]["related"]["href"].rpartition("/")[2]
    found = {"requested": requested}
    for name in ("negotiating", "confirmed", "cancelled"):
        found[name] = await house.invited()
    for party in (1, 2):
        await house.say(found["confirmed"], Answer(party=party, **accepted))
    await house.say(found["cancelled"], Cancellation())
    await house.say(found["negotiating"], Refresh(party=1))
    return found


async def test_every_link_is_accepted(house: House) -> None:
    meetings = await in_every_state(house)

    documents = await follow_links(house, "/api")

    reached = {document.get("id") for document in documents}
    assert set(meetings.values()) <= reached


@pytest.mark.parametrize("state", ["requested", "negotiating", "confirmed", "cancelled"])
async def test_every_form_of_a_meeting_is_accepted_and_no_other(house: House, state: str) -> None:
    meetings = await in_every_state(house)
    path = f"/meetings/{meetings[state]}"

    for deed in ("reschedule", "correct-address", "cancel"):  # the one that ends it comes last
        offered = (await house.client.get(path)).json().get("_templates", {})
        form = offered.get(deed, {"method": "POST", "target": f"{path}/{deed}"})
        status = await submit(house, form)
        assert status == (202 if deed in offered else 409)


async def test_every_form_anywhere_is_accepted(house: House) -> None:
    await in_every_state(house)
    documents = await follow_links(house, "/api")
    found = {(form["method"], form["target"]): form for form in forms(documents)}
    ending = [form for form in found.values() if form["target"].endswith("cancel")]
    others = [form for form in found.values() if form not in ending and form["method"] == "POST"]
    assert others

    for form in others + ending:
        status = await submit(house, form)
        assert status in {200, 201, 202, 204}, (form, status)


async def test_every_schema_a_form_names_is_served(house: House) -> None:
    meeting_id = await house.invited()
    shown = (await house.client.get(f"/meetings/{meeting_id}")).json()

    for link in shown["_links"]["describedby"]:
        schema = (await house.client.get(link["href"])).json()
        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False
