"""Mail goes out while dispatchers, Temporal and the relay fail: a small `make prove-outbox`."""

from pathlib import Path

import pytest

from bench.prove_outbox import Plan, prove
from tests import needs

pytestmark = [needs.TEMPORAL, pytest.mark.timeout(240)]


async def test_every_message_is_there_and_twice_only_where_that_was_said(tmp_path: Path) -> None:
    found = await prove(Plan(messages=150, seed=5, within=80, speed=600), tmp_path / "data")

    assert found.verdict.is_well, found.verdict
    assert found.verdict.messages == 150
    assert found.deeds, "nothing was killed"
