"""Telling a saga what became of its letters, in the transaction that writes it down."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from adapters.db import inputs
from domain.meetings.messages import Undelivered
from domain.outbox.model import MessageState
from domain.sagas import has_saga

_TOLD = frozenset({MessageState.FAILED, MessageState.UNCERTAIN})


class Fate(NamedTuple):
    """The state a message came to at the instant `at`, and whom it is about."""

    id: int
    kind: str
    subject: str
    party: int | None
    state: MessageState
    at: datetime


def tell_sagas(c: sa.Connection, fates: Iterable[Fate]) -> list[str]:
    """Make letters to parties that failed, or may have, inputs; gives the streams to poke.

    The key makes each of the two one input, for ever: a letter that was uncertain may still turn
    out to have failed.
    """
    # In the order of their names, as `inputs.accept` asks.
    ordered = sorted(fates, key=lambda fate: fate.subject)
    return [fate.subject for fate in ordered if _tell(c, fate)]


def _tell(c: sa.Connection, fate: Fate) -> bool:
    if fate.state not in _TOLD or fate.party is None or not has_saga(fate.subject):
        return False
    is_certain = fate.state is MessageState.FAILED
    body = Undelivered(party=fate.party, letter=fate.kind, certain=is_certain)
    inputs.accept(
        c,
        stream=fate.subject,
        key=f"outbox/{fate.id}/{fate.state.value}",
        body=body.model_dump(mode="json"),
        received_at=fate.at,
    )
    return True
