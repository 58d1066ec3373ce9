"""Lists of meetings: filters, pages, and nobody sees another owner's."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.db import meeting_queries
from adapters.db.database import Database
from domain.errors import NotFound
from domain.meetings.model import Status
from domain.meetings.views import MeetingFilter, MeetingView, PageMark
from tests.adapters.db import orders
from tests.adapters.db.orders import NOW


def ask(c: sa.Connection) -> None:
    """Five meetings a minute apart, two at the same instant, and one of another owner."""
    for number, title in enumerate(["Ärzte-Treffen", "Budget 100%", "Contract", "Demo"]):
        at = NOW + timedelta(minutes=number)
        orders.request(
            c, f"m{number}", at=at, wanted=orders.order(title, location=f"Room {number}")
        )
    orders.request(c, "m4", at=NOW + timedelta(minutes=3), wanted=orders.order("Encore"))
    orders.request(c, "x0", owner="other")


async def ids(database: Database, **wanted: object) -> list[str]:
    filter = MeetingFilter.model_validate({"owner": "main", **wanted})
    found = await database.read(lambda c: meeting_queries.list_page(c, filter))
    return [meeting.id for meeting in found]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["m4", "m3", "m2", "m1", "m0"]),
        ({"owner": "nobody"}, []),
        ({"statuses": (Status.REQUESTED,)}, ["m4", "m3", "m2", "m1", "m0"]),
        ({"statuses": (Status.CONFIRMED, Status.OVER)}, []),
        ({"address": "ANA@EXAMPLE.ORG"}, ["m4", "m3", "m2", "m1", "m0"]),
        ({"address": "nobody@example.org"}, []),
        ({"text": "ärzte"}, ["m0"]),
        ({"text": "100%"}, ["m1"]),
        ({"text": "_"}, []),
        ({"text": "room 2"}, ["m2"]),
        ({"text": "SÖDERBERG", "limit": 1}, ["m4"]),
        ({"created_from": NOW + timedelta(minutes=2)}, ["m4", "m3", "m2"]),
        ({"created_before": NOW + timedelta(minutes=2)}, ["m1", "m0"]),
        ({"starts_from": NOW}, []),
    ],
)
async def test_a_filter_finds_what_it_describes(
    database: Database, wanted: dict[str, object], found: list[str]
) -> None:
    await database.write(ask)

    assert await ids(database, **wanted) == found


async def test_pages_neither_repeat_nor_skip(database: Database) -> None:
    """Also where two meetings were made at the same instant."""
    await database.write(ask)
    seen: list[str] = []
    page: list[MeetingView] = []
    while page or not seen:
        mark = PageMark(created_at=page[-1].created_at, id=page[-1].id) if page else None
        wanted = MeetingFilter(owner="main", limit=1, after=mark)
        page = await database.read(partial(meeting_queries.list_page, wanted=wanted))
        seen += [meeting.id for meeting in page]

    assert seen == ["m4", "m3", "m2", "m1", "m0"]


async def test_another_owners_meeting_is_not_there(database: Database) -> None:
    await database.write(ask)

    queries: tuple[Callable[..., Any], ...] = (
        meeting_queries.get,
        meeting_queries.inputs_of,
        meeting_queries.timeline,
        meeting_queries.messages,
        meeting_queries.mail,
    )
    for query in queries:
        with pytest.raises(NotFound):
            await database.read(partial(query, owner="main", meeting_id="x0"))


async def test_names_are_found_by_meeting_and_number(database: Database) -> None:
    await database.write(ask)

    names = await database.read(lambda c: meeting_queries.names_of(c, ["m0", "missing"]))

    assert names == {"m0": {1: "Ana Söderberg", 2: "Bo"}}
