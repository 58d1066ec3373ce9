"""What attempts came to, written down; and what becomes of attempts that nobody ends.

A result counts only with the token of the claim it belongs to, and only from a state that may
lead to it (`domain.outbox.rules.origins`).
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql  # its upsert compiles for SQLite as well

from adapters.db import refusals
from adapters.db.bell import ring_after_commit
from adapters.db.fates import Fate
from adapters.db.outbox import BELL, is_in, not_tried_until
from adapters.db.outbox_claims import IS_ONE_OF, Held, these
from adapters.db.refusals import Attempt
from adapters.db.schema import outbox, outbox_attempts
from domain.outbox.model import Claim, MessageState, Phase, Report
from domain.outbox.rules import By, Ruling, origins, retry_delay, rule_on_unknown
from domain.postage import OnUnknown

_REAPED = "the dispatcher ended, or was too slow, before a reply was read"


class Result(NamedTuple):
    """What the attempt behind `claim` came to, at the instant `at`."""

    claim: Claim
    report: Report
    ruling: Ruling
    at: datetime


_c = outbox.c
_RESULTS = (
    *(MessageState.QUEUED, MessageState.SENT, MessageState.RETRY, MessageState.FAILED),
    MessageState.UNCERTAIN,  # a further copy was refused
)
_GUESSES = (MessageState.SENT, MessageState.RETRY, MessageState.UNCERTAIN)


def _finishing(state: MessageState) -> sa.Update:
    """The attempt had a result: also that of one that had been given up as unknown."""
    was_unknown = sa.or_(_c.state == MessageState.UNCERTAIN.value, _c.resends > 0)
    may = sa.or_(
        is_in(*origins(state, By.ATTEMPT)),
        sa.and_(is_in(*origins(state, By.LATE_REPLY)), was_unknown),
    )
    if state is MessageState.SENT:
        return _settling(state, may, is_proved=sa.false())
    # Evidence of an earlier copy stands, whatever became of this one. Evidence of this very
    # attempt does not: the server's own word is better.
    return _settling(state, may, is_proved=sa.and_(_c.proof.is_not(None), _c.resends > 0))


def _guessing(state: MessageState) -> sa.Update:
    """Nobody knows what the attempt came to, unless evidence arrived meanwhile."""
    may = is_in(MessageState.SENDING)
    more = 1 if state is MessageState.RETRY else 0
    return _settling(state, may, is_proved=_c.proof.is_not(None)).values(resends=_c.resends + more)


def _settling(
    state: MessageState, may: sa.ColumnElement[bool] | sa.TextClause, is_proved: Any
) -> sa.Update:
    at = sa.bindparam("at", type_=_c.sent_at.type)
    is_sent = state is MessageState.SENT
    due = sa.func.coalesce(sa.bindparam("due", type_=_c.next_at.type), _c.next_at)
    uncounted = sa.bindparam("uncounted", type_=sa.Integer)
    return (
        sa.update(outbox)
        .where(_c.id == sa.bindparam("row"), _c.token == sa.bindparam("claim"), may)
        .values(
            state=sa.case((is_proved, MessageState.SENT.value), else_=state.value),
            sent_at=at if is_sent else sa.case((is_proved, at), else_=sa.null()),
            proof=sa.case((is_proved, _c.proof), else_=sa.bindparam("proved", type_=sa.Text)),
            next_at=at if state is MessageState.FAILED else due,  # FAILED: when it ended
            attempts=_c.attempts - uncounted,
            tried_at=sa.case((uncounted == 1, not_tried_until(due)), else_=_c.tried_at),
            last_reply=sa.func.coalesce(sa.bindparam("said", type_=sa.Text), _c.last_reply),
            lease_until=sa.null(),
            held_because=sa.null(),
        )
    )


_FINISH = {(state, False): _finishing(state) for state in _RESULTS}
_FINISH |= {(state, True): _guessing(state) for state in _GUESSES}
_STATES = sa.select(_c.id, _c.token, _c.state).where(*IS_ONE_OF)

_a = outbox_attempts.c
_new_note = postgresql.insert(outbox_attempts)
_NOTED = ("phase", "code", "reply", "state", "server")
_NOTE = _new_note.on_conflict_do_update(
    index_elements=["message_id", "token"],
    set_={
        **{name: _new_note.excluded[name] for name in _NOTED},
        # One that stands for several and is written twice began when it began.
        "at": sa.case((_a.times > 1, _a.at), else_=_new_note.excluded.at),
    },
)
# Under the newest token, so that a result which is written twice is not added twice.
_ADD = (
    sa.update(outbox_attempts)
    .where(
        _a.message_id == sa.bindparam("row"),
        _a.token
        == sa.select(sa.func.max(_a.token))
        .where(_a.message_id == sa.bindparam("row"))
        .scalar_subquery(),
        _a.token < sa.bindparam("newest"),
        _a.state == MessageState.RETRY.value,
        _a.phase == sa.bindparam("how_far"),
        _a.code.is_not_distinct_from(sa.bindparam("said", type_=sa.Integer)),
    )
    .values(
        token=sa.bindparam("newest"),
        times=_a.times + 1,
        until=sa.bindparam("then", type_=_a.at.type),
        reply=sa.bindparam("words"),
        server=sa.bindparam("who"),
    )
)


def finish(c: sa.Connection, results: Sequence[Result]) -> dict[Held, MessageState]:
    """Write what attempts came to; gives the state of those whose result stands.

    A result stands unless its message was claimed anew, or left the states that may lead
    there. A late reply to an attempt that had been given up as unknown still counts. The state is
    another than the result's own where evidence has settled the message meanwhile.
    """
    by_ruling: dict[tuple[MessageState, bool], list[dict[str, Any]]] = defaultdict(list)
    for one in results:
        by_ruling[one.ruling.state, one.ruling.is_unknown].append(_written(one))
    for key, rows in by_ruling.items():
        c.execute(_FINISH[key], rows)
    stands = _standing(c, results)
    notes = [_note(one) for one in results if _held(one) in stands and not _is_added(c, one)]
    if notes:
        c.execute(_NOTE, notes)
    refusals.heed(
        c,
        (
            Attempt(one.claim.id, one.report, stands[_held(one)], one.at)
            for one in results
            if _held(one) in stands
        ),
    )
    return stands


def _is_added(c: sa.Connection, result: Result) -> bool:
    """Whether the attempt is one more of a kind that its message had just before: a relay that
    is away for days is asked thousands of times."""
    claim, report, ruling, at = result
    if ruling.counts:
        return False
    added = {"row": claim.id, "newest": claim.token, "how_far": report.phase.value, "then": at}
    said = {"said": report.code, "words": report.reply, "who": report.server}
    return c.execute(_ADD, added | said).rowcount == 1


def _standing(c: sa.Connection, results: Sequence[Result]) -> dict[Held, MessageState]:
    wanted = {_held(one): one.ruling.state for one in results}
    if not wanted:
        return {}
    rows = c.execute(_STATES, these(wanted))
    found = {Held(id, token): MessageState(state) for id, token, state in rows}
    allowed = {held: {state, MessageState.SENT} for held, state in wanted.items()}
    return {held: state for held, state in found.items() if state in allowed[held]}


def _held(result: Result) -> Held:
    return Held(result.claim.id, result.claim.token)


def _written(result: Result) -> dict[str, Any]:
    ruling = result.ruling
    return {
        "row": result.claim.id,
        "claim": result.claim.token,
        "at": result.at,
        "due": ruling.next_at,
        "uncounted": 0 if ruling.counts else 1,
        "proved": ruling.proof and ruling.proof.value,
        "said": _last_reply(result.report),
    }


def _last_reply(report: Report) -> str:
    code = "" if report.code is None else f"{report.code} "
    return f"{code}{report.reply}".strip()


def _noted(ruling: Ruling) -> MessageState:
    """What the attempt itself came to, whatever that means for the message."""
    if ruling.is_unknown:
        return MessageState.UNCERTAIN
    is_refused = ruling.state is MessageState.UNCERTAIN
    return MessageState.FAILED if is_refused else ruling.state


def _note(result: Result) -> dict[str, Any]:
    ruling, report = result.ruling, result.report
    return {
        "message_id": result.claim.id,
        "token": result.claim.token,
        "at": result.at,
        "phase": report.phase.value,
        "code": report.code,
        "reply": report.reply,
        "server": report.server,
        "state": _noted(ruling).value,
    }


_REAPING = ("id", "token", "state", "attempts", "on_unknown", "resends", "kind", "subject", "party")
_LAPSED = (
    sa.select(*(_c[name] for name in _REAPING))
    .where(is_in(MessageState.CLAIMED, MessageState.SENDING))
    .where(_c.lease_until <= sa.bindparam("before"))
    .order_by(_c.lease_until)
    .limit(500)
    .with_for_update(skip_locked=True)
)


def release_lapsed(c: sa.Connection, before: datetime, at: datetime) -> list[Fate]:
    """Take messages from dispatchers whose lease ended by `before`: what was not yet marked
    goes back to the queue, what was becomes what its `on_unknown` says. Gives what became of
    them; at most 500."""
    fates = []
    for row in c.execute(_LAPSED, {"before": before}).all():
        state = _release(c, row, _ruling(row, at), at)
        fates.append(Fate(row.id, row.kind, row.subject, row.party, state, at))
    if fates:
        ring_after_commit(c, BELL)
    return fates


def _ruling(row: sa.Row[Any], at: datetime) -> Ruling:
    if row.state == MessageState.SENDING.value:
        return rule_on_unknown(OnUnknown(row.on_unknown), row.resends, row.attempts, at, 0.0)
    # One that takes its dispatcher down every time must not be the first in hand every time.
    wait = None if row.attempts <= 1 else at + retry_delay(row.attempts - 1, 0.0)
    return Ruling(state=MessageState.QUEUED, next_at=wait)


def _release(c: sa.Connection, row: sa.Row[Any], ruling: Ruling, at: datetime) -> MessageState:
    held = Held(row.id, row.token)
    values: dict[str, Any] = {"row": row.id, "claim": row.token, "at": at, "due": ruling.next_at}
    values |= {"uncounted": 0, "proved": ruling.proof and ruling.proof.value}
    said = _REAPED if ruling.is_unknown else None
    c.execute(_FINISH[ruling.state, ruling.is_unknown], values | {"said": said})
    if ruling.is_unknown:
        note = {"message_id": row.id, "token": row.token, "at": at, "code": None, "server": None}
        note |= {"phase": Phase.DOT.value, "state": MessageState.UNCERTAIN.value}
        c.execute(_NOTE, note | {"reply": _REAPED})
    states = c.execute(_STATES, these([held]))
    return next(MessageState(state) for _, _, state in states)
