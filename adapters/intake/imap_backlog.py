"""The mails of a watched folder that are not done with, though others behind them are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.inbox.postponement import Postponed, Trouble, pause_after


@dataclass(frozen=True)
class Entry:
    """A mail that is tried again. `recipients` are whom it is for, where that is known."""

    postponed: Postponed
    recipients: tuple[str, ...] = ()

    @property
    def is_kept(self) -> bool:
        """Whether it is in the inbox, and only its folder does not show it."""
        return self.postponed.trouble is Trouble.SETTLE


class Backlog:
    """Every mail up to `reached` is done with, but those that are `waiting`.

    It outlives the connection. What the database does not know yet is in `changed`. The first
    pause before a mail is tried again has `first_pause` seconds.
    """

    def __init__(self, first_pause: float) -> None:
        self._first_pause = first_pause
        self.uidvalidity = 0
        self.reached = 0
        self.waiting: dict[int, Entry] = {}
        self.changed: set[int] = set()

    def begin(self, uidvalidity: int, reached: int, known: Iterable[Postponed]) -> None:
        """Go on from what the database knows, and from what it has not been told yet."""
        if uidvalidity != self.uidvalidity:
            self.waiting, self.changed = {}, set()
        untold = {uid: self.waiting[uid] for uid in self.changed & self.waiting.keys()}
        told = {
            one.uid: self.waiting.get(one.uid, Entry(one))
            for one in known
            if one.uid not in self.changed
        }
        self.waiting = {**told, **untold}
        self.uidvalidity, self.reached = uidvalidity, reached

    def postpone(
        self, uid: int, trouble: Trouble, now: datetime, recipients: tuple[str, ...] = ()
    ) -> bool:
        """Try a mail again later; False when it had the same trouble before."""
        known = self.waiting.get(uid)
        is_old = known is not None and known.postponed.trouble is trouble
        attempts = known.postponed.attempts + 1 if known is not None and is_old else 1
        next_at = now + timedelta(seconds=pause_after(attempts, self._first_pause))
        postponed = Postponed(uid=uid, trouble=trouble, attempts=attempts, next_at=next_at)
        self.waiting[uid] = Entry(postponed, recipients)
        self.changed.add(uid)
        return not is_old

    def settle(self, uid: int) -> None:
        """A mail is done with."""
        if self.waiting.pop(uid, None) is not None:
            self.changed.add(uid)

    def due(self, now: datetime, most: int) -> list[int]:
        """The mails to be tried again now, those that are due for longest first."""
        found = [one.postponed for one in self.waiting.values() if one.postponed.next_at <= now]
        return [one.uid for one in sorted(found, key=lambda one: (one.next_at, one.uid))[:most]]

    def due_in(self, now: datetime, most: float) -> float:
        """Seconds until a mail is tried again, `most` at most."""
        pauses = [(one.postponed.next_at - now).total_seconds() for one in self.waiting.values()]
        return max(0.0, min([most, *pauses]))
