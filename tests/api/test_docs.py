"""What docs/api.md says is what the API does."""

import re
from pathlib import Path

from api.problem_kinds import KINDS
from tests.api.house import House

TEXT = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


async def test_every_resource_of_the_page_exists(house: House) -> None:
    paths = set((await house.client.get("/openapi.json")).json()["paths"])
    known = {re.sub(r"\{[^}]*\}", "{}", path) for path in paths}

    for row in re.findall(r"^\| (`/.*?) \|", TEXT, re.MULTILINE):
        first, *others = re.findall(r"`([^`]+)`", row)
        stem = first.rpartition("/")[0]
        for path in [first, *others]:
            full = path if path.count("/") > 1 or stem == "" else f"{stem}{path}"
            candidates = {re.sub(r"\{[^}]*\}", "{}", each) for each in (path, full)}
            assert candidates & known, path


def test_every_code_of_the_page_exists() -> None:
    table = TEXT.partition("| status | codes |")[2].partition("\n\n")[0]
    named = {code for code in re.findall(r"`([a-z-]+)`", table)}

    assert named
    assert named <= set(KINDS)
