"""Which saga takes the inputs of a stream, and where its work is queued.

A stream's name is its workflow's id: `meeting/7f3a…` is taken by the workflow type `Meeting`.
"""

from domain.errors import NotFound

SAGA_QUEUE = "parley-sagas"
"""Workflow tasks; its workers need no database."""

ACTIVITY_QUEUE = "parley-activities"
"""Activities; polled only where the database is."""

OUTBOX_QUEUE = "parley-outbox"
"""The dispatchers, which run for hours: on a queue of their own, so that they take no slot of
what sagas wait for. Polled where the database is."""

OUTBOX_ID = "outbox/dispatchers"
"""The one workflow that keeps dispatchers running. It takes no inputs."""

_WORKFLOWS = {"meeting": "Meeting"}


def workflow_of(stream: str) -> str:
    """The workflow type that takes this stream's inputs. Raises `NotFound`."""
    kind = stream.partition("/")[0]
    if kind not in _WORKFLOWS:
        raise NotFound(f"No saga takes inputs of {kind!r}.")
    return _WORKFLOWS[kind]


def has_saga(stream: str) -> bool:
    """Whether anybody takes the inputs of a stream; nobody does those of general messages."""
    return stream.partition("/")[0] in _WORKFLOWS
