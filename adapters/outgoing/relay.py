"""Whether the relay can be reached, as the attempts of this process have it."""

import logging

from domain.outbox.model import Report
from domain.outbox.rules import is_about_the_relay

_log = logging.getLogger(__name__)


class RelayWatch:
    """While the relay is down one message at a time is tried, and the others wait in the queue
    rather than each finding out for itself. `fault` is what the last attempt met, None when
    the relay was reached."""

    def __init__(self) -> None:
        self.fault: str | None = None

    @property
    def is_down(self) -> bool:
        return self.fault is not None

    def note(self, report: Report) -> bool:
        """Whether it is known only since this report that the relay is down."""
        was_down = self.is_down
        if not is_about_the_relay(report):
            self.fault = None
            if was_down:
                _log.warning("outbox: the relay can be reached again")
            return False
        self.fault = f"{report.code or ''} {report.reply}".strip() or "no answer"
        if not was_down:
            _log.warning("outbox: the relay cannot be reached: %s", self.fault)
        return not was_down
