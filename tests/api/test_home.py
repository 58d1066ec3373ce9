"""The entrance, the descriptions, and health."""

import dataclasses
from typing import Any

import pytest

from api.bodies import LARGEST_BODY
from api.errors import field_path, known_code, status_of
from api.examples import MEETING_REQUEST_EXAMPLE, RESCHEDULE_EXAMPLE
from api.health import PATIENCE, Notice
from api.meeting_bodies import MeetingBody, RescheduleBody
from api.ports import Ports
from api.problem_kinds import KINDS
from domain.errors import ParleyError
from tests.api.house import BASE_URL, House


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


async def openapi(house: House) -> dict[str, Any]:
    document: dict[str, Any] = (await house.client.get("/openapi.json")).json()
    return document


async def test_every_operation_is_described(house: House) -> None:
    for method, path, operation in operations(await openapi(house)):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["tags"], where
        if method != "GET":
            assert operation["description"], where


async def test_operation_ids_are_unique(house: House) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(await openapi(house))]

    assert len(ids) == len(set(ids))


async def test_every_protected_operation_declares_its_refusals(house: House) -> None:
    for method, path, operation in operations(await openapi(house)):
        if operation.get("security"):
            declared = set(operation["responses"])
            assert "401" in declared, f"{method} {path}"
            if "{" in path:
                assert "404" in declared, f"{method} {path}"


async def test_problems_are_declared_as_such(house: House) -> None:
    document = await openapi(house)

    assert "HTTPValidationError" not in str(document)
    for method, path, operation in operations(document):
        for status, response in operation["responses"].items():
            is_problem = status.startswith(("4", "5")) and path not in ("/readyz", "/livez")
            assert not is_problem or "application/problem+json" in response["content"], (
                f"{method} {path} {status}"
            )


def test_examples_fit_the_models_they_show() -> None:
    assert MeetingBody.model_validate(MEETING_REQUEST_EXAMPLE).terms().slots
    assert RescheduleBody.model_validate(RESCHEDULE_EXAMPLE).slots


async def test_the_catalog_names_the_description(house: House) -> None:
    answer = await house.client.get("/.well-known/api-catalog")

    assert answer.headers["content-type"].startswith("application/linkset+json")
    item = answer.json()["linkset"][0]
    assert item["anchor"] == f"{BASE_URL}/api"
    assert item["service-desc"][0]["href"] == f"{BASE_URL}/openapi.json"


async def test_every_relation_that_is_used_is_explained(house: House) -> None:
    meeting_id = await house.invited()
    for path in ("/api", "/meetings", f"/meetings/{meeting_id}", "/events"):
        links = (await house.client.get(path)).json()["_links"]
        for rel in links:
            prefix, _, name = rel.partition(":")
            if prefix == "parley":
                answer = await house.client.get(f"/rels/{name}")
                assert answer.status_code == 200, rel


async def test_alive_and_of_a_version(house: House) -> None:
    assert (await house.client.get("/livez")).json() == {"status": "alive"}
    assert (await house.client.get("/version")).json()["name"] == "parley"


async def test_a_process_that_cannot_write_any_more_is_not_alive(house: House) -> None:
    ports: Ports = house.app.state.ports
    house.app.state.ports = dataclasses.replace(ports, is_alive=lambda: False)

    assert (await house.client.get("/livez")).status_code == 503


async def test_what_somebody_should_look_at_makes_nothing_unready(house: House) -> None:
    async def slow() -> str:
        return Notice("a message due and unsent since noon")

    set_checks(house, outbox=slow)
    answer = await house.client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert answer.json()["checks"] == {"outbox": "ok"}
    assert answer.json()["warnings"] == {"outbox": "a message due and unsent since noon"}


def set_checks(house: House, **checks: Any) -> None:
    """Gives the running application other readiness checks."""
    ports: Ports = house.app.state.ports
    house.app.state.ports = Ports(**{**vars(ports), "checks": checks})


async def test_ready_says_what_is_missing(house: House) -> None:
    async def well() -> None: ...

    async def down() -> str:
        return "no pollers"

    async def broken() -> None:
        raise OSError("secret detail")

    set_checks(house, database=well)
    ready = await house.client.get("/readyz")
    set_checks(house, database=well, sagas=down, temporal=broken)
    missing = await house.client.get("/readyz")

    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert missing.status_code == 503
    assert missing.json()["checks"] == {
        "database": "ok",
        "sagas": "no pollers",
        "temporal": "OSError",
    }


def test_patience_and_size_are_what_the_documents_say() -> None:
    assert LARGEST_BODY == 262_144
    assert "256 KB" in KINDS["body-too-large"].meaning
    assert PATIENCE < 5


@pytest.mark.parametrize("kind", ParleyError.__subclasses__())
def test_every_refusal_of_the_domain_has_its_status(kind: type[ParleyError]) -> None:
    for refusal in (kind, *kind.__subclasses__()):
        error = ParleyError.__new__(refusal)
        assert 400 <= status_of(known_code(error)) < 600


@pytest.mark.parametrize(
    ("location", "path"),
    [
        (("body", "parties", 1, "zone"), "parties[1].zone"),
        (("query", "limit"), "query.limit"),
        (("body",), "body"),
        (("body", "\ud800x"), "x"),
        ((), "body"),
    ],
)
def test_fields_are_named_as_people_write_them(location: tuple[str | int, ...], path: str) -> None:
    assert field_path(location) == path
