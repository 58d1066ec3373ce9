"""Several calendar objects in one mail: copies, answers to several things, or a quarrel.

Clients send one answer twice (text/calendar and an attachment), so equal statements count
once. Statements that disagree cancel each other: none is taken and a person is asked
(calendar-mail section 6; RFC 6047 §2.4 forbids differing objects in one alternative).
"""

from collections.abc import Sequence
from dataclasses import replace

from adapters.calendar_mail.reading.objects import Said
from adapters.calendar_mail.reading.problems import Problems
from domain.inbox.model import Verdict


def agreed(statements: Sequence[Said], problems: Problems) -> Said | None:
    """The one thing that all of `statements` say; None when they disagree or say nothing."""
    if not statements:
        return None
    spoken = [said for said in statements if said.verdict is not Verdict.IGNORED]
    if spoken and len(spoken) < len(statements):
        problems.say("a calendar part that means nothing to an organizer was left out")
    candidates = spoken or [statements[0]]
    distinct = list(dict.fromkeys(said.essence for said in candidates))
    if len(distinct) > 1:
        problems.say("the calendar parts of this mail disagree; none was taken")
        return None
    return _merged(candidates)


def _merged(copies: Sequence[Said]) -> Said:
    newest = max(copies, key=lambda said: said.dtstamp.timestamp() if said.dtstamp else 0.0)
    first = copies[0]
    comments = tuple(dict.fromkeys(text for said in copies for text in said.comments))
    return replace(first, dtstamp=newest.dtstamp, comments=comments)
