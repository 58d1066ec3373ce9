"""What a mail is to the organizer of a meeting. Pure: facts in, verdict out."""

from collections.abc import Sequence

from domain.inbox.model import AnswerLine, Participant, Statement, Verdict

DELEGATED = "DELEGATED"
NEEDS_ACTION = "NEEDS-ACTION"
ANSWERS = frozenset({"ACCEPTED", "DECLINED", "TENTATIVE", DELEGATED})
"""The PARTSTAT values of an event that answer (RFC 5545 §3.2.12). Any other value counts as
NEEDS-ACTION, which the same section demands."""


def answering(statement: Statement) -> tuple[Participant, ...]:
    """The participants that answer: not the organizer itself, not NEEDS-ACTION. Where ORGANIZER
    is missing, it is whom the mail went to and who chairs.

    Several lines are legal (delegation, RFC 5546 §4.2.5) and real (clients that copy the
    whole list). One participant who says two things says nothing.
    """
    lines = [
        line
        for line in statement.participants
        if line.partstat in ANSWERS and line.address not in statement.organizers
    ]
    if not statement.organizers:
        lines = [line for line in lines if line.address not in statement.recipients]
        lines = [line for line in lines if not line.chairs] or lines
    torn = contradicting(lines)
    said: dict[str, Participant] = {}
    for line in lines:
        if line.address not in torn:
            said.setdefault(line.address, line)
    return tuple(said.values())


def contradicting(lines: Sequence[Participant]) -> frozenset[str]:
    """Addresses whose answering lines disagree with each other."""
    first: dict[str, str] = {}
    torn = set()
    for line in lines:
        if line.partstat in ANSWERS and first.setdefault(line.address, line.partstat) != (
            line.partstat
        ):
            torn.add(line.address)
    return frozenset(torn)


def answers_of(statement: Statement) -> tuple[AnswerLine, ...]:
    """The answers that count for the verdict of `statement`.

    A REQUEST answers nothing: its PARTSTATs are copies; as a delegation it states who delegates.
    """
    if statement.method not in ("REPLY", "COUNTER", "REQUEST") or not statement.about_event:
        return ()
    lines = answering(statement)
    if statement.method == "REQUEST":
        lines = tuple(line for line in lines if line.partstat == DELEGATED)
    return tuple(
        AnswerLine(attendee=line.address, partstat=line.partstat, comment=line.comment)
        for line in lines
    )


def verdict_of(statement: Statement) -> Verdict:
    """What a calendar object means to the organizer that it was mailed to.

    Source: RFC 5546 §1.4 (methods), §3.2; calendar-mail F1 to F5. A CANCEL from an attendee has
    no standing (RFC 6047 §2.2.1), a REQUEST from one is legal only as delegation.
    """
    if not statement.about_event:
        return Verdict.IGNORED
    match statement.method:
        case "REPLY" | "COUNTER":
            return _verdict_of_answer(statement)
        case "REQUEST" if _delegates(statement):
            return Verdict.DELEGATION
        case "REFRESH":
            return Verdict.REFRESH
        case "CANCEL":
            return Verdict.CANCELLATION
        case _:
            return Verdict.IGNORED


def _verdict_of_answer(statement: Statement) -> Verdict:
    if statement.proposes:
        return Verdict.PROPOSAL
    lines = answering(statement)
    if _waits_for_delegate(lines):
        return Verdict.DELEGATION
    return Verdict.ANSWER if lines else Verdict.NOTE


def _delegates(statement: Statement) -> bool:
    return any(line.partstat == DELEGATED or line.delegated_from for line in statement.participants)


def _waits_for_delegate(lines: Sequence[Participant]) -> bool:
    """Whether somebody delegates and the delegate has not answered in the same object.

    The delegate's own answer repeats the delegator's line (RFC 5546 §4.2.6) and is an answer.
    """
    answered = {line.address for line in lines if line.partstat != DELEGATED}
    served = {by for line in lines if line.partstat != DELEGATED for by in line.delegated_from}
    return any(
        line.partstat == DELEGATED
        and line.address not in served
        and not answered & set(line.delegated_to)
        for line in lines
    )
