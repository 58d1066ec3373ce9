"""What is due passes the gate and its lanes, or is told when to come again; in the transaction
that claims it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from adapters.db import lanes, outbox_events, rations, suppressions
from adapters.db.fates import Fate
from adapters.db.outbox import is_in, not_tried_until
from adapters.db.schema import outbox
from domain.outbox.gate import Ration, Stop, Waiting, look_at
from domain.outbox.model import MessageState, Suppression
from domain.outbox.pacing import Lane, listed, may_pass, passed, turn_of
from domain.outbox.rules import By, origins
from domain.outbox.shaping import Passage, Shaping, domain_lane
from domain.postage import Priority

_c = outbox.c
_DEEP = 4
"""Messages in hand for each connection that a domain may have."""


class Admitted(NamedTuple):
    """The ids of those that may be claimed, in order; what became of those that may not; and
    the keys of the digests that are due."""

    ids: list[int]
    fates: list[Fate]
    digests: set[str]


class Gate:
    """The gate as one transaction sees it, at the instant `now`.

    `in_hand` counts by domain what its dispatcher has already; `composes`: parts of digests are
    left to be merged.
    """

    def __init__(
        self,
        c: sa.Connection,
        shaping: Shaping,
        now: datetime,
        in_hand: Mapping[str, int],
        composes: bool,
    ) -> None:
        self._c = c
        self._shaping = shaping
        self._now = now
        self._in_hand = Counter(in_hand)
        self._composes = composes
        self._lanes: dict[str, Lane] = {}
        self._rations: dict[str, Ration] = {}

    def admit(self, messages: Sequence[Waiting], most: int) -> Admitted:
        """Let up to `most` of `messages` through, in their order, and settle those before the
        last of them that may not go. All must be locked by this transaction."""
        living = self._prepare(messages)
        before = dict(self._lanes)
        admitted = Admitted([], [], set())
        stops: list[tuple[Waiting, Stop]] = []
        turns: list[dict[str, Any]] = []
        for one in messages:
            if len(admitted.ids) == most:
                break
            if (stop := self._look_at(one, living)) is not None:
                stops.append((one, stop))
            elif (digest := self._digest_of(one)) is not None:
                admitted.digests.add(digest)
            elif (turn := self._turn(one)) is not None:
                turns.append({"row": one.id, "turn": turn})
            else:
                admitted.ids.append(one.id)
        lanes.pace(self._c, [lane for name, lane in self._lanes.items() if lane != before[name]])
        if turns:
            self._c.execute(_PACE, turns)
        admitted.fates.extend(_stop(self._c, stops, self._now))
        return admitted

    def is_troubled(self, domain: str) -> bool:
        """Whether the domain asked for less mail, and none was taken by it since."""
        lane = self._lanes.get(domain_lane(domain))
        return lane is not None and lane.strikes > 0

    def _prepare(self, messages: Sequence[Waiting]) -> dict[tuple[str, str], list[Suppression]]:
        passages = [passage for one in messages for passage in self._passages(one)]
        limited = {one.lane for one in passages if one.interval is not None}
        names = {one.lane for one in passages}
        new = names - self._lanes.keys()
        self._lanes |= lanes.lock(self._c, new, limited & new)
        folded = {one.folded_recipient for one in messages}
        cap = self._shaping.recipient_cap
        unknown = folded - self._rations.keys()
        self._rations |= rations.of_recipients(self._c, unknown, cap, self._now)
        return suppressions.living(self._c, folded, self._now)

    def _passages(self, one: Waiting) -> tuple[Passage, ...]:
        return self._shaping.passages(one.kind, one.domain)

    def _look_at(
        self, one: Waiting, living: Mapping[tuple[str, str], Sequence[Suppression]]
    ) -> Stop | None:
        to = one.folded_recipient
        in_force = living.get((one.owner, to), ())
        if self._digest_of(one) is not None:
            return look_at(one, in_force, None, self._shaping, self._now)
        ration = self._rations.get(to, Ration())
        stop = look_at(one, in_force, ration, self._shaping, self._now)
        if stop is None or stop.state is MessageState.HELD:
            # One that is held has its place in the line of its recipient, as one that goes.
            self._rations[to] = ration.one_more()
        return stop

    def _digest_of(self, one: Waiting) -> str | None:
        """The digest it is left to be merged into."""
        return one.digest if self._composes else None

    def _turn(self, one: Waiting) -> datetime | None:
        """When it shall ask again, where a lane is full; None when it may go."""
        passages = self._passages(one)
        full = [passage for passage in passages if not self._may_pass(one, passage)]
        turns = [turn_of(self._lanes[lane], interval, self._now) for lane, interval in full]
        change = listed if full else passed
        for lane, interval in full or passages:
            self._lanes[lane] = change(self._lanes[lane], interval, self._now)
        if not full:
            self._in_hand[one.domain] += 1
        return max(turns, default=None)

    def _may_pass(self, one: Waiting, passage: Passage) -> bool:
        is_own = passage.lane == domain_lane(one.domain)
        if is_own and self._is_busy(one.domain):
            return False
        return may_pass(
            self._lanes[passage.lane],
            passage.interval,
            self._now,
            has_waited=one.paced_at is not None,
            is_urgent=one.priority == Priority.URGENT,
        )

    def _is_busy(self, domain: str) -> bool:
        at_once = self._shaping.connections_at_once(domain)
        return at_once is not None and self._in_hand[domain] >= at_once * _DEEP


_turn = sa.bindparam("turn", type_=_c.next_at.type)
_PACE = (
    sa.update(outbox)
    .where(_c.id == sa.bindparam("row"))
    .values(
        next_at=_turn,
        paced_at=_turn,
        tried_at=not_tried_until(_turn),
        # What it was held for is over.
        state=sa.case(
            (_c.state == MessageState.HELD.value, MessageState.QUEUED.value), else_=_c.state
        ),
        held_because=sa.null(),
    )
)


def _stopping(state: MessageState) -> sa.Update:
    due = sa.bindparam("due", type_=_c.next_at.type)
    return (
        sa.update(outbox)
        .where(_c.id == sa.bindparam("row"), is_in(*origins(state, By.GATE)))
        .values(
            state=state.value,
            held_because=sa.bindparam("because"),
            next_at=due,
            tried_at=not_tried_until(due),
            paced_at=sa.null(),
        )
    )


_STOP = {
    state: _stopping(state)
    for state in (
        *(MessageState.HELD, MessageState.SUPPRESSED, MessageState.EXPIRED),
        MessageState.UNCERTAIN,  # a further copy is not wanted
    )
}


def _stop(c: sa.Connection, stops: Iterable[tuple[Waiting, Stop]], now: datetime) -> list[Fate]:
    fates = []
    for one, stop in stops:
        because = None if stop.because is None else stop.because.value
        c.execute(_STOP[stop.state], {"row": one.id, "because": because, "due": stop.until or now})
        if one.held_because is None or one.held_because != because:
            outbox_events.note(c, [one.id], stop.state.value, now, detail=stop.detail)
            fates.append(Fate(one.id, one.kind, one.subject, one.party, stop.state, now))
    return fates
