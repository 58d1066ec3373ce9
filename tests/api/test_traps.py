"""Inputs that break services of this kind (reference: http-api §8): each has a clear answer, and
the application raises nothing (the client would re-raise it)."""

import json
from typing import Any

import httpx
import pytest

from tests.api.house import House, order

KEY = {"Idempotency-Key": "k", "Content-Type": "application/json"}


async def post_raw(house: House, body: bytes, **headers: str) -> httpx.Response:
    return await house.client.post("/meetings", content=body, headers={**KEY, **headers})


def problem(answer: httpx.Response) -> dict[str, Any]:
    """The body, after checking that it is a problem that can be read by anything."""
    assert answer.headers["content-type"] == "application/problem+json"
    shown: dict[str, Any] = answer.json()
    assert shown["status"] == answer.status_code
    assert shown["_links"]["help"]["href"].startswith("/problems/")
    answer.content.decode("utf-8")
    return shown


def with_raw(member: str, raw: str) -> bytes:
    """A good body with one member's JSON text replaced by `raw`."""
    text = json.dumps(order(**{member: "@@"}))
    return text.replace('"@@"', raw).encode()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe\x00", "not valid JSON"),
        (b'{"a": "\xe9"}', "not valid JSON"),
        (with_raw("max_rounds", "NaN"), "NaN"),
        (with_raw("max_rounds", "Infinity"), "NaN"),
        (with_raw("max_rounds", "-Infinity"), "NaN"),
        (with_raw("max_rounds", "1e999999999"), "too large"),
        (with_raw("max_rounds", "9223372036854775808"), "64 bits"),
        (with_raw("max_rounds", "9" * 5000), "not valid JSON"),
        (with_raw("max_rounds", r'"\ud800"'), "surrogate"),
        (with_raw("title", r'"\ud800"'), "surrogate"),
        (with_raw("title", r'"\u0000"'), "NUL"),
        (b'{"\\ud800": 1}', "surrogate"),
        (b'{"a": "\xed\xa0\x80"}', "surrogate"),
        (r'{"a": "\ud800"}'.encode("utf-16"), "surrogate"),
        ('{"a": 9223372036854775808}'.encode("utf-16-le"), "64 bits"),
        (b'{"a": -9223372036854775808000000}', "64 bits"),
        (b'{"a": -1.0E+999}', "too large"),
        (b'{"a": ' * 33 + b"1" + b"}" * 33, "levels deep"),
        (with_raw("title", "[" * 900 + "]" * 900), "levels deep"),
        (b"[" * 100_000, "not valid JSON"),
    ],
    ids=lambda value: repr(value)[:24],
)
async def test_json_that_nothing_could_keep_is_malformed(
    house: House, body: bytes, word: str
) -> None:
    answer = await post_raw(house, body)

    assert answer.status_code == 400
    assert problem(answer)["code"] == "malformed-request"
    assert word in problem(answer)["detail"]


def _slots(start: str, end: str = "2027-03-01T10:00:00Z") -> dict[str, Any]:
    return {"slots": [{"start": start, "end": end}]}


def _party(**changes: Any) -> dict[str, Any]:
    parties = order()["parties"]
    parties[1] |= changes
    return {"parties": parties}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "   "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "Lunch\r\nBcc: all@example.org"}, "title"),
        ({"title": "right\u202eto left"}, "title"),
        ({"title": 7}, "title"),
        ({"title": ["Lunch"]}, "title"),
        ({"description": "x" * 4001}, "description"),
        ({"description": "bell\u0007"}, "description"),
        ({"location": "x\ny"}, "location"),
        ({"organizer": "Ann\nX: y"}, "organizer"),
        ({"max_rounds": 51}, "max_rounds"),
        ({"max_rounds": 9223372036854775807}, "max_rounds"),
        ({"max_rounds": 1.5}, "max_rounds"),
        ({"max_rounds": True}, "max_rounds"),
        ({"surprise": 1}, "surprise"),
        ({"é": 1}, "é"),
        ({"parties": []}, "parties"),
        ({"parties": order()["parties"] * 2}, "parties"),
        (_party(name="Ben\r\nBcc: x"), "parties[1].name"),
        (_party(name=" "), "parties[1].name"),
        (_party(role="boss"), "parties[1].role"),
        (_party(shows_address="yes"), "parties[1].shows_address"),
        (_party(zone=None), "parties[1]"),
        (_party(person="p1"), "parties[1]"),
        (_party(person="../x"), "parties[1].person"),
        (_party(zone="Mars/Olympus"), "parties[1].zone"),
        (_party(zone="../../etc/passwd"), "parties[1].zone"),
        (_party(zone=""), "parties[1].zone"),
        (_party(zone="Europe"), "parties[1].zone"),
        (_party(zone="localtime"), "parties[1].zone"),
        (_party(zone="x" * 5000), "parties[1].zone"),
        (_party(zone="Europe/Lisbon\u0085"), "parties[1].zone"),
        (_party(address="ben"), "parties[1].address"),
        (_party(address="ben@example.com\r\nBcc: x@example.org"), "parties[1].address"),
        (_party(address="a@b, c@d"), "parties[1].address"),
        (_party(address='"a b"@example.com'), "parties[1].address"),
        (_party(address="ben@[127.0.0.1]"), "parties[1].address"),
        (_party(address="ben@ｅxample.com"), "parties[1].address"),
        (_party(address="ben＠example.com"), "parties[1].address"),
        (_party(address="béñ@example.com"), "parties[1].address"),
        (_party(address="x" * 250 + "@example.com"), "parties[1].address"),
        (_party(address="ADA@example.org"), "parties[1].address"),
        (_party(address="ben@parley.example.org"), "parties[1].address"),
        (_party(address="ben@mail.Parley.Example.ORG"), "parties[1].address"),
        ({"slots": []}, "slots"),
        ({"slots": order()["slots"] * 11}, "slots"),
        ({"slots": order()["slots"] + order()["slots"][:1]}, "slots[2]"),
        (_slots("0001-01-01T00:00:00+14:00"), "slots[0].start"),
        (_slots("2027-03-01T09:00:00Z", "9999-12-31T23:59:59-14:00"), "slots[0].end"),
        (_slots("2027-03-01T10:00:00Z"), "slots[0]"),
        (_slots("2027-03-01T11:00:00Z"), "slots[0]"),
        (_slots("2027-02-19T09:00:00Z"), "slots[0].start"),
        (_slots("2027-02-28T09:00:00Z"), "slots[0].end"),
        (_slots("2034-03-01T09:00:00Z", "2034-03-01T10:00:00Z"), "slots[0].start"),
        (_slots("2027-03-01T09:00:00.5Z"), "slots[0]"),
        (_slots("2027-03-01T09:00:00"), "slots[0].start"),
        (_slots("2027-03-01"), "slots[0].start"),
        (_slots("2027-02-30T09:00:00Z"), "slots[0].start"),
        (_slots("tomorrow"), "slots[0].start"),
        ({"slots": [{"start": 1800000000, "end": 1800003600}]}, "slots[0].start"),
        ({"answer_for": "PT59M"}, "answer_for"),
        ({"answer_for": "P61D"}, "answer_for"),
        ({"answer_for": "P9999D"}, "answer_for"),
        ({"answer_for": "P1Y"}, "answer_for"),
        ({"answer_for": 7}, "answer_for"),
        ({"answer_for": "P" + "9" * 400 + "D"}, "answer_for"),
        ({"remind_after": ["P8D"]}, "remind_after"),
        ({"remind_after": ["P1D"] * 6}, "remind_after"),
        ({"remind_before": "P15D"}, "remind_before"),
    ],
    ids=lambda value: repr(value)[:50],
)
async def test_what_does_not_fit_is_named(
    house: House, changes: dict[str, Any], field: str
) -> None:
    answer = await house.ask(order(**changes))

    assert answer.status_code == 422, answer.text
    assert field in [each["field"] for each in problem(answer)["errors"]]
    listed = await house.client.get("/meetings")
    assert listed.json()["count"] == 0


async def test_values_are_not_echoed(house: House) -> None:
    answer = await house.ask(order(title=["hunter2-secret"], answer_for="hunter2-secret"))

    assert answer.status_code == 422
    assert "hunter2" not in answer.text


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"x"', b"1"])
async def test_a_body_that_is_no_object_does_not_fit(house: House, body: bytes) -> None:
    answer = await post_raw(house, body)

    assert answer.status_code == 422
    problem(answer)


async def test_a_body_announced_too_large_is_refused_unread(house: House) -> None:
    answer = await post_raw(house, b"{}", **{"Content-Length": "262145"})

    assert answer.status_code == 413
    assert problem(answer)["code"] == "body-too-large"


async def test_a_body_that_grows_too_large_is_refused(house: House) -> None:
    async def chunks() -> Any:
        for _ in range(300):
            yield b" " * 1024

    answer = await house.client.post("/meetings", content=chunks(), headers=KEY)

    assert answer.status_code == 413


async def test_a_body_without_its_media_type_is_not_read(house: House) -> None:
    text = json.dumps(order()).encode()

    plain = await post_raw(house, text, **{"Content-Type": "text/plain"})
    form = await post_raw(house, text, **{"Content-Type": "application/x-www-form-urlencoded"})

    assert (plain.status_code, form.status_code) == (415, 415)
    assert problem(plain)["code"] == "unsupported-media-type"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=99999999999999999999999",
        "limit=" + "9" * 5000,
        "limit=NaN",
        "limit=%00",
        "status=happy",
        "cursor=!!!",
        "cursor=AAAA",
        "cursor=OTk5OTk5OTk5OTk5OTk5OTk6YQ",
        "cursor=" + "A" * 300,
        "text=%00",
        "text=a%0Ab",
        "address=%E2%80%AE",
        "created_from=yesterday",
        "created_from=0001-01-01T00:00:00%2B14:00",
        "starts_before=9999-12-31T23:59:59-14:00",
        "starts_before=2027-03-01",
    ],
    ids=lambda value: value[:30],
)
async def test_a_query_that_does_not_fit_is_named(house: House, query: str) -> None:
    answer = await house.client.get(f"/meetings?{query}")

    assert answer.status_code == 422
    name = query.partition("=")[0]
    assert problem(answer)["errors"][0]["field"].startswith(f"query.{name}")


@pytest.mark.parametrize(
    "query",
    ["after=-1", "after=9223372036854775808", "zone=Mars", "zone=../../etc/passwd", "type=1"],
)
async def test_event_queries_are_bounded(house: House, query: str) -> None:
    answer = await house.client.get(f"/events?{query}")

    assert answer.status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/meetings/%00",
        "/meetings/%ED%A0%80",
        "/meetings/99999999999999999999999999",
        "/meetings/..%2F..%2Fetc",
        "/meetings/" + "x" * 5000,
        "/meetings/a'--",
        "/meetings/%00/events",
        "/commands/%00",
        "/commands/nope",
        "/problems/nope",
        "/rels/nope",
        "/schemas/nope",
        "/nothing/here",
        "/meetings/",
    ],
    ids=lambda value: value[:30],
)
async def test_names_that_are_not_ours_are_not_found(house: House, path: str) -> None:
    answer = await house.client.get(path)

    assert answer.status_code == 404
    problem(answer)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
async def test_other_methods_are_told_what_is_allowed(house: House, method: str) -> None:
    answer = await house.client.request(method, "/meetings")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"
    assert problem(answer)["code"] == "method-not-allowed"


async def test_responses_carry_the_headers_that_protect_browsers(house: House) -> None:
    answer = await house.client.get("/api")

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_problem_types_can_be_opened(house: House) -> None:
    shown = (await house.client.get("/problems")).json()["problems"]

    for each in shown:
        opened = await house.client.get(f"/problems/{each['code']}")
        assert opened.json() == each
        assert each["meaning"]
