"""Rows of the outbox: every step of a message is a conditional write.

A result counts only with the token of the claim it belongs to, and only from a state that may
lead to it (`domain.outbox.rules.origins`), so a step that runs twice, or too late, changes
nothing. Claims, marks and results are taken many at a time.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql  # its upsert compiles for SQLite as well

from adapters.db.bell import ring_after_commit
from adapters.db.fates import Fate
from adapters.db.schema import outbox, outbox_attempts
from domain.errors import Refused
from domain.outbox.model import Claim, Draft, MessageState, MessageStatus, Phase, Report
from domain.outbox.rules import Ruling, origins, state_after_lease
from domain.values import domain_of

BELL = "outbox"
"""Rung when a message became due."""

_REAPED = "the dispatcher ended, or was too slow, before a reply was read"


class Result(NamedTuple):
    """What the attempt behind `claim` came to, at the instant `at`."""

    claim: Claim
    report: Report
    ruling: Ruling
    at: datetime


class Held(NamedTuple):
    """A message in a dispatcher's hands: its row and the token of the claim."""

    id: int
    token: int


_KEY = ("kind", "subject", "occasion", "recipient")
_BY_KEY = sa.select(outbox.c.id).where(*(outbox.c[name] == sa.bindparam(name) for name in _KEY))
# No index named: a repeated row hits the business key and the Message-ID, in either order.
_ENQUEUE = postgresql.insert(outbox).on_conflict_do_nothing().returning(outbox.c.id)


def enqueue(c: sa.Connection, owner: str, draft: Draft, at: datetime) -> int:
    """The row of `draft`, due from `at`; the same business key gives the same row for ever.

    Raises `Refused` when another message carries the same Message-ID.
    """
    values = _row(owner, draft, at)
    new = c.execute(_ENQUEUE, values).scalar()
    if new is not None:
        ring_after_commit(c, BELL)
        return int(new)
    present = c.execute(_BY_KEY, {name: values[name] for name in _KEY}).scalar()
    if present is None:
        raise Refused("Another message has this Message-ID already.")
    return int(present)


def _row(owner: str, draft: Draft, at: datetime) -> dict[str, Any]:
    return {
        **draft.model_dump(exclude={"postage"}),
        **draft.postage.model_dump(),
        "owner": owner,
        "created_at": at,
        "next_at": at,
        "state": MessageState.QUEUED.value,
        "folded_recipient": draft.recipient.casefold(),
        "domain": domain_of(draft.recipient),
    }


def _is(*states: MessageState) -> sa.TextClause:
    """A condition with the states spelled out, not bound: a partial index serves only what it
    can be seen to imply, and lists of bound values cannot be written many at a time."""
    return sa.text(f"state IN ({', '.join(repr(state.value) for state in states)})")


_IS_DUE = _is(MessageState.QUEUED, MessageState.RETRY)
_IS_HELD = _is(MessageState.CLAIMED, MessageState.SENDING)

_due = (
    sa.select(outbox.c.id)
    .where(_IS_DUE, outbox.c.next_at <= sa.bindparam("now"))
    .order_by(outbox.c.next_at, outbox.c.id)
    .limit(sa.bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_CLAIMED = (*(name for name in Claim.model_fields if name != "attempt"),)
_CLAIM = (
    sa.update(outbox)
    .where(outbox.c.id.in_(sa.select(_due.c.id)))
    .values(
        state=MessageState.CLAIMED.value,
        token=outbox.c.token + 1,
        attempts=outbox.c.attempts + 1,
        dispatcher=sa.bindparam("claimed_by"),
        lease_until=sa.bindparam("until"),
    )
    .returning(*(outbox.c[name] for name in _CLAIMED), outbox.c.attempts.label("attempt"))
)


def claim(
    c: sa.Connection, dispatcher: str, limit: int, now: datetime, until: datetime
) -> list[Claim]:
    """Take up to `limit` due messages, oldest first, for `dispatcher` until `until`."""
    found = c.execute(_CLAIM, {"now": now, "most": limit, "claimed_by": dispatcher, "until": until})
    return sorted((Claim(**row) for row in found.mappings()), key=lambda one: one.id)


# The pair alone would scan the table on SQLite; the id alone would not fence.
_IS_ONE_OF = (
    outbox.c.id.in_(sa.bindparam("ids", expanding=True)),
    sa.tuple_(outbox.c.id, outbox.c.token).in_(sa.bindparam("held", expanding=True)),
)
_MARK = (
    sa.update(outbox)
    .where(*_IS_ONE_OF, _is(*origins(MessageState.SENDING)))
    .where(outbox.c.lease_until > sa.bindparam("now"))
    .values(state=MessageState.SENDING.value, lease_until=sa.bindparam("until"))
    .returning(outbox.c.id, outbox.c.token)
)
_GIVE_BACK = (
    sa.update(outbox)
    .where(*_IS_ONE_OF, _is(*origins(MessageState.QUEUED)))
    .values(state=MessageState.QUEUED.value, attempts=outbox.c.attempts - 1, lease_until=sa.null())
)


def mark_sending(
    c: sa.Connection, held: Sequence[Held], now: datetime, until: datetime
) -> set[Held]:
    """Those of `held` that may write their final dot, marked so with a lease until `until`.

    The others were claimed anew, or their lease is over: their holders must not go on.
    """
    if not held:
        return set()
    rows = c.execute(_MARK, _these(held) | {"now": now, "until": until})
    return {Held(*row) for row in rows}


def give_back(c: sa.Connection, held: Sequence[Held]) -> None:
    """Put messages back into the queue whose holders know that no final dot was written."""
    if held:
        c.execute(_GIVE_BACK, _these(held))
        ring_after_commit(c, BELL)


def _these(held: Iterable[tuple[int, int]]) -> dict[str, Any]:
    pairs = [tuple(one) for one in held]
    return {"ids": [id for id, _ in pairs], "held": pairs}


def _finishing(state: MessageState) -> sa.Update:
    return (
        sa.update(outbox)
        .where(outbox.c.id == sa.bindparam("row"), outbox.c.token == sa.bindparam("claim"))
        .where(_is(*origins(state)))
        .values(
            state=state.value,
            next_at=sa.func.coalesce(
                sa.bindparam("due", type_=outbox.c.next_at.type), outbox.c.next_at
            ),
            sent_at=sa.bindparam("sent"),
            last_reply=sa.func.coalesce(sa.bindparam("said"), outbox.c.last_reply),
            lease_until=sa.null(),
        )
    )


_FINISH = {state: _finishing(state) for state in MessageState}
_STATES = sa.select(outbox.c.id, outbox.c.token, outbox.c.state).where(*_IS_ONE_OF)


_new_note = postgresql.insert(outbox_attempts)
_NOTE = _new_note.on_conflict_do_update(
    index_elements=["message_id", "token"],
    set_={name: _new_note.excluded[name] for name in ("at", "phase", "code", "reply", "state")},
)


def finish(c: sa.Connection, results: Sequence[Result]) -> set[Held]:
    """Write what attempts came to; gives those whose result stands.

    A result stands unless its message was claimed anew, or left the states that may lead
    there. A late reply to an attempt that had been given up as unknown still counts.
    """
    by_state: dict[MessageState, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        by_state[result.ruling.state].append(_written(result))
    for state, rows in by_state.items():
        c.execute(_FINISH[state], rows)
    stands = _standing(c, results)
    notes = [_note(one) for one in results if Held(one.claim.id, one.claim.token) in stands]
    if notes:
        c.execute(_NOTE, notes)
    return stands


def _standing(c: sa.Connection, results: Sequence[Result]) -> set[Held]:
    wanted = {Held(one.claim.id, one.claim.token): one.ruling.state for one in results}
    if not wanted:
        return set()
    rows = c.execute(_STATES, _these(wanted))
    return {Held(id, token) for id, token, state in rows if wanted[Held(id, token)].value == state}


def _written(result: Result) -> dict[str, Any]:
    is_sent = result.ruling.state is MessageState.SENT
    return {
        "row": result.claim.id,
        "claim": result.claim.token,
        "due": result.ruling.next_at,
        "sent": result.at if is_sent else None,
        "said": _last_reply(result.report),
    }


def _last_reply(report: Report) -> str:
    code = "" if report.code is None else f"{report.code} "
    return f"{code}{report.reply}".strip()


def _note(result: Result) -> dict[str, Any]:
    return {
        "message_id": result.claim.id,
        "token": result.claim.token,
        "at": result.at,
        "phase": result.report.phase.value,
        "code": result.report.code,
        "reply": result.report.reply,
        "state": result.ruling.state.value,
    }


_LAPSED = (
    sa.select(*(outbox.c[name] for name in ("id", "token", "state", "kind", "subject", "party")))
    .where(_IS_HELD, outbox.c.lease_until <= sa.bindparam("before"))
    .order_by(outbox.c.lease_until)
    .limit(500)
    .with_for_update(skip_locked=True)
)


def release_lapsed(c: sa.Connection, before: datetime, at: datetime) -> list[Fate]:
    """Take messages from dispatchers whose lease ended by `before`: what was not yet marked
    goes back to the queue, what was becomes `uncertain`. Gives what became of them; at most 500."""
    fates = []
    for id, token, old, kind, subject, party in c.execute(_LAPSED, {"before": before}).all():
        state = state_after_lease(MessageState(old), kind)
        _release(c, Held(id, token), state, at)
        fates.append(Fate(id, kind, subject, party, state, at))
    if fates:
        ring_after_commit(c, BELL)
    return fates


def _release(c: sa.Connection, held: Held, state: MessageState, at: datetime) -> None:
    row = {"row": held.id, "claim": held.token, "due": None, "sent": None}
    if state is MessageState.QUEUED:
        c.execute(_FINISH[state], row | {"said": None})
        return
    c.execute(_FINISH[state], row | {"said": _REAPED})
    note = {"message_id": held.id, "token": held.token, "at": at, "code": None}
    note |= {"phase": Phase.DOT.value, "reply": _REAPED, "state": state.value}
    c.execute(_NOTE, note)


_NEXT_DUE = sa.select(sa.func.min(outbox.c.next_at, type_=outbox.c.next_at.type)).where(_IS_DUE)
_STATUS = sa.select(*(outbox.c[name] for name in MessageStatus.model_fields))
_OF_SUBJECT = _STATUS.where(outbox.c.subject == sa.bindparam("subject")).order_by(outbox.c.id)


def next_due(c: sa.Connection) -> datetime | None:
    """When the next waiting message is due, or None when nothing waits."""
    found: datetime | None = c.execute(_NEXT_DUE).scalar()
    return found


def of_subject(c: sa.Connection, subject: str) -> list[MessageStatus]:
    """Every message about a stream, oldest first."""
    found = c.execute(_OF_SUBJECT, {"subject": subject}).mappings()
    return [MessageStatus(**row) for row in found]


class SentLetter(NamedTuple):
    """A letter to a party: its row, its kind, its Message-ID, and the address it went to."""

    id: int
    kind: str
    message_id: str
    recipient: str


_LETTERS = (
    sa.select(*(outbox.c[name] for name in SentLetter._fields))
    .where(outbox.c.subject == sa.bindparam("subject"), outbox.c.party == sa.bindparam("number"))
    .order_by(outbox.c.id.desc())
)


def letters_to(c: sa.Connection, subject: str, party: int) -> list[SentLetter]:
    """Everything a party was sent about a stream, newest first."""
    found = c.execute(_LETTERS, {"subject": subject, "number": party})
    return [SentLetter(*row) for row in found]
