"""Whatever is sent, the answer is a document that says what to do, and never a fault of ours."""

import json
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.house import House, order

JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=30)
    | st.sampled_from(["2027-03-01T09:00:00Z", "P7D", "Europe/Lisbon", "a@example.org", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
MEMBERS = st.dictionaries(
    st.sampled_from([*order(), "description", "answer_for", "remind_after", "remind_before", "x"]),
    JSON_VALUES,
    max_size=3,
)
ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=40)

RELAXED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def is_understood(house: House, path: str, body: bytes) -> bool:
    """Sends `body`; the client re-raises what the application raises."""
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    answer = await house.client.post(path, content=body, headers=headers)
    json.loads(answer.content.decode("utf-8"))
    return answer.status_code in {202, 400, 409, 422}


@given(changes=MEMBERS)
@RELAXED
async def test_any_members_of_a_request(house: House, changes: dict[str, Any]) -> None:
    assert await is_understood(house, "/meetings", json.dumps(order(**changes)).encode())


@given(body=st.binary(max_size=200) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
@RELAXED
async def test_any_body(house: House, body: bytes) -> None:
    assert await is_understood(house, "/meetings", body)


@given(
    name=st.sampled_from(["status", "text", "address", "cursor", "limit", "created_from", "zone"]),
    value=ANY_TEXT,
    path=st.sampled_from(["/meetings", "/events"]),
)
@RELAXED
async def test_any_query(house: House, name: str, value: str, path: str) -> None:
    answer = await house.client.get(path, params={name: value})

    assert answer.status_code in {200, 422}
    assert answer.headers["link"] if answer.status_code == 200 else answer.json()["errors"]


@given(name=ANY_TEXT.filter(lambda text: text not in {"", ".", ".."}))
@RELAXED
async def test_any_name(house: House, name: str) -> None:
    for kind in ("meetings", "commands", "problems", "rels", "schemas", "people"):
        answer = await house.client.get(f"/{kind}/{quote(name, safe='')}")
        assert answer.status_code in {200, 404}
