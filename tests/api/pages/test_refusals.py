"""With the database away, people get pages, and logs get no capability."""

import pytest

from tests.api.house import House
from tests.api.pages.test_participant import path_of
from tests.api.pages.visitor import Visitor, form_to


@pytest.mark.parametrize("ending", ["", "/accept"])
async def test_a_party_is_shown_a_page_when_the_database_is_away(
    house: House, caplog: pytest.LogCaptureFixture, ending: str
) -> None:
    path = path_of(await house.invited(), 1)
    await house.database.close()

    page = await Visitor(house.app).get(path + ending)

    assert page.status_code == 503
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "Try again in a minute" in page.text
    assert "/p/{token}" in caplog.text
    assert path.removeprefix("/p/") not in caplog.text


async def test_an_answer_that_cannot_be_kept_is_refused_with_a_page(house: House) -> None:
    path = path_of(await house.invited(), 1)
    visitor = Visitor(house.app)
    form = form_to(await visitor.get(f"{path}/accept"), "/accept")
    await house.database.close()

    answer = await visitor.send(form)

    assert (answer.status_code, answer.headers["content-type"][:9]) == (503, "text/html")


async def test_the_sign_in_is_refused_with_a_page(house: House) -> None:
    visitor = Visitor(house.app)
    form = form_to(await visitor.get("/login"), "/login")
    key = await house.key("main", [])
    await house.database.close()

    answer = await visitor.send(form, key=key)

    assert (answer.status_code, answer.headers["content-type"][:9]) == (503, "text/html")


async def test_a_problem_is_logged_with_its_route_and_not_with_its_path(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.database.close()

    answer = await house.client.get("/meetings/personal-words")

    assert answer.status_code == 503
    assert "/meetings/{" in caplog.text
    assert "personal-words" not in caplog.text
