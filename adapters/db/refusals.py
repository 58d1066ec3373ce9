"""Addresses that the relay refused for good: no other mail would get further (RFC 5321 §4.2.2)."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from adapters.db import suppressions
from adapters.db.schema import outbox
from domain.outbox.bounces import cause_of
from domain.outbox.model import MessageState, Phase, Report
from domain.outbox.suppression import after_bounce

_ADDRESS = sa.select(outbox.c.owner, outbox.c.recipient).where(
    outbox.c.id == sa.bindparam("message")
)


class Attempt(NamedTuple):
    """What an attempt to send a message said, and the state that it led to at the instant `at`."""

    message: int
    report: Report
    state: MessageState
    at: datetime


def heed(c: sa.Connection, attempts: Iterable[Attempt]) -> None:
    """Suppress the addresses whose RCPT was refused in words that a bounce would have used.

    What a server says before or after that is about us or about the mail.
    """
    for one in attempts:
        if one.state is MessageState.FAILED and one.report.phase is Phase.RCPT:
            _suppress(c, one)


def _suppress(c: sa.Connection, attempt: Attempt) -> None:
    said = f"{attempt.report.code or ''} {attempt.report.reply}"
    cause = cause_of(None, said)
    measure = after_bounce(cause, attempt.at)
    row = c.execute(_ADDRESS, {"message": attempt.message}).first()
    if measure is not None and row is not None:
        suppressions.impose(
            c,
            row.owner,
            row.recipient,
            measure,
            attempt.at,
            detail=cause.value,
            message=attempt.message,
        )
