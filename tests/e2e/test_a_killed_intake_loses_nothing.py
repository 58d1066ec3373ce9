"""Mail comes in while the service is killed and its database hangs: a small `make prove-intake`."""

from pathlib import Path

import pytest

from bench.prove_intake import Plan, prove


@pytest.mark.parametrize("lmtp", [False, True], ids=["smtp", "lmtp"])
async def test_what_was_accepted_is_there_once_and_was_taken_once(
    tmp_path: Path, lmtp: bool
) -> None:
    plan = Plan(mails=40, kills=2, hangs=1, meetings=4, seed=7, longest=1.5, lmtp=lmtp)

    report = await prove(plan, tmp_path / "data")

    assert report["ok"], report
    assert report["acknowledged"] >= plan.mails
    assert (report["kills"], report["hangs"]) == (2, 1)
