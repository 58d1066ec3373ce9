"""Signed requests and their answers, in the transaction of what they cause.

Of two copies at once the second waits for the first: on SQLite for the writer, on PostgreSQL for
the row. Nothing stays of a request whose transaction failed, so that it may come again.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from adapters.db.schema import signed_requests
from adapters.db.statements import insert_if_new
from domain.inbox.repetition import ContentDiffers, SignedRequest

_NEW = insert_if_new(signed_requests, ["mark"]).returning(signed_requests.c.mark)
_FIND = (
    sa.select(signed_requests.c.digest, signed_requests.c.answer)
    .where(signed_requests.c.mark == sa.bindparam("of"))
    .with_for_update()
)
_ANSWER = (
    sa.update(signed_requests)
    .where(signed_requests.c.mark == sa.bindparam("of"))
    .values(answer=sa.bindparam("said"))
)
_FORGET = sa.delete(signed_requests).where(signed_requests.c.until < sa.bindparam("before"))


def first_answer(c: sa.Connection, request: SignedRequest) -> Any | None:
    """What `request` was answered before; None when it must be answered now, for the first time
    or because it was told to come again.

    Raises `ContentDiffers`. Call it first: it holds the request until the transaction ends.
    """
    if c.execute(_NEW, request.model_dump()).first() is not None:
        return None
    digest, answer = c.execute(_FIND, {"of": request.mark}).one()
    if digest != request.digest:
        raise ContentDiffers
    return answer


def answer(c: sa.Connection, request: SignedRequest, said: Any) -> None:
    """Let every repetition of `request` be answered so."""
    c.execute(_ANSWER, {"of": request.mark, "said": said})


def forget(c: sa.Connection, before: datetime) -> int:
    """Drop what nobody could have repeated since that instant. Returns how many."""
    return int(c.execute(_FORGET, {"before": before}).rowcount)
