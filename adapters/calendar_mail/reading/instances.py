"""Which components of a calendar object speak for an event: of a series, not all of them."""

from adapters.calendar_mail.reading import limits
from adapters.calendar_mail.reading.components import Component
from adapters.calendar_mail.reading.participants import participants_of
from adapters.calendar_mail.reading.problems import Problems
from domain.inbox.model import Participant, Statement
from domain.inbox.rules import answers_of


def voices_of(
    events: list[Component], sender: str | None, problems: Problems
) -> list[list[Component]]:
    """For each UID the components to listen to: one, or several of one and the same instance."""
    return [_chosen(_by_instance(same), sender, problems) for same in _by_uid(events)]


def _by_uid(events: list[Component]) -> list[list[Component]]:
    groups: dict[str, list[Component]] = {}
    for event in events:
        groups.setdefault(event.value("UID") or "", []).append(event)
    return list(groups.values())


def _by_instance(events: list[Component]) -> list[list[Component]]:
    """The components of one UID, those of one instance together, the series as a whole first."""
    groups: dict[str, list[Component]] = {}
    for event in sorted(events, key=lambda event: event.get("RECURRENCE-ID") is not None):
        groups.setdefault(event.value("RECURRENCE-ID") or "", []).append(event)
    return [same[: limits.CALENDAR_OBJECTS] for same in groups.values()]


def _chosen(
    instances: list[list[Component]], sender: str | None, problems: Problems
) -> list[Component]:
    """The components that speak for one UID: the series as a whole if it answers, else the
    first instance that does. Google answers a series with the main event and its exceptions."""
    if len(instances) == 1:
        return instances[0]
    quiet = Problems()
    stands = [participants_of(events[0], sender, quiet) for events in instances]
    speaking = [
        (events, people)
        for events, people in zip(instances, stands, strict=True)
        if answers_of(Statement(method="REPLY", participants=people))
    ]
    chosen, said = speaking[0] if speaking else (instances[0], stands[0])
    if any(_partstats(people) != _partstats(said) for _, people in speaking):
        problems.say("instances of the series are answered differently; only the first was taken")
    else:
        problems.say(f"{len(instances)} components of one series; the first was taken")
    return chosen


def _partstats(people: tuple[Participant, ...]) -> set[tuple[str, str]]:
    return {(person.address, person.partstat) for person in people}
