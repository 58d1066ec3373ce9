"""Sagas that began under an older release go on under this one."""

import json
import re
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from adapters.temporal.client import parley_plugin
from workflows.meetings import MeetingWorkflow
from workflows.outbox import OutboxWorkflow

HISTORIES = Path(__file__).with_name("histories")
MANIFEST: dict[str, str] = json.loads((HISTORIES / "manifest.json").read_text())


def _history(name: str) -> WorkflowHistory:
    return WorkflowHistory.from_json(MANIFEST[name], (HISTORIES / name).read_text())


def _replayer() -> Replayer:
    return Replayer(workflows=[MeetingWorkflow, OutboxWorkflow], plugins=[parley_plugin()])


@pytest.mark.parametrize("name", MANIFEST)
async def test_a_recorded_history_replays(name: str) -> None:
    await _replayer().replay_workflow(_history(name))


@pytest.mark.parametrize("name", MANIFEST)
async def test_a_saga_that_skipped_a_step_would_be_noticed(name: str) -> None:
    """The replayer must be able to fail: one activity of each history is renamed."""
    text = (HISTORIES / name).read_text()
    forged = re.sub(
        r"meetings\.record_decision|outbox\.dispatch", "another.activity", text, count=1
    )
    assert forged != text

    result = await _replayer().replay_workflow(
        WorkflowHistory.from_json(MANIFEST[name], forged), raise_on_replay_failure=False
    )

    assert result.replay_failure is not None


def test_every_recorded_file_is_in_the_manifest() -> None:
    files = {str(path.relative_to(HISTORIES)) for path in HISTORIES.glob("*/*.json")}

    assert files == set(MANIFEST)
