"""Mail that is wrong, strange or hostile: each has a verdict, and the meeting goes on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.attendees.programs import CLIENTS
from adapters.attendees.sending import NotAccepted
from tests.adapters.calendar_mail.reading.bombs import BOMBS
from tests.e2e import letters
from tests.e2e.house import House, Meeting, partstats
from tests.e2e.people import Person

UNANSWERED = ["NEEDS-ACTION", "NEEDS-ACTION"]
HALF = ["ACCEPTED", "NEEDS-ACTION"]


async def verdict(meeting: Meeting) -> tuple[str, str, str]:
    """What the only mail was taken for, what came of it, and why."""
    [mail] = await meeting.items("mail")
    assert mail["effect"] == "applied" or mail["detail"], "what has no effect says why in words"
    return mail["verdict"], mail["effect"], mail["code"]


async def goes_on(house: House, meeting: Meeting, *people: Person) -> None:
    """The service lives, and both can still agree."""
    assert await house.is_alive()
    before = len(await meeting.items("mail"))
    for person in people:
        await house.send(person.answer("ACCEPTED"), person)
    await meeting.when(lambda seen: seen["status"] == "confirmed")
    await meeting.settled(before + len(people))


@pytest.mark.parametrize(
    "local",
    [
        "r+abcdefghijklmnopqrstuvwxyz",  # a token of the right shape that was never given
        "b+abcdefghijklmnopqrstuvwxyz",
        "p+abcdefghijklmnopqrstuvwxyz",
        "r+abc",
        "r+",
        "postmaster",
    ],
)
async def test_mail_to_nobody_is_refused_before_it_is_sent(house: House, local: str) -> None:
    ada, bela = house.pair()
    meeting = await house.ask(ada, bela)
    domain = ada.shown.organizer.rpartition("@")[2]

    with pytest.raises(NotAccepted) as refused:
        await house.send(ada.answer("ACCEPTED"), ada, to=f"{local}@{domain}")

    assert refused.value.reply_code == 550
    assert await meeting.items("mail") == []
    assert partstats(await meeting.settled()) == UNANSWERED


async def test_mail_to_another_domain_is_not_relayed(house: House) -> None:
    ada, bela = house.pair()
    await house.ask(ada, bela)

    with pytest.raises(NotAccepted) as refused:
        await house.send(ada.answer("ACCEPTED"), ada, to="somebody@example.com")

    assert refused.value.reply_code == 550


async def test_an_answer_in_the_other_partys_name_does_not_count(house: House) -> None:
    ada, bela = house.pair()
    meeting = await house.ask(ada, bela)
    forged = replace(ada.shown, organizer=bela.shown.organizer)

    await house.send(ada.answer("ACCEPTED", about=forged), ada, to=forged.organizer)
    seen = await meeting.settled(mails_in=1)

    assert await verdict(meeting) == ("answer", "set-aside", "other-party")
    assert partstats(seen) == UNANSWERED
    await goes_on(house, meeting, ada, bela)


async def test_an_answer_from_an_unknown_address_counts_and_the_known_one_hears(
    house: House,
) -> None:
    ada, bela = house.pair("thunderbird", "google")
    meeting = await house.ask(ada, bela)
    elsewhere = house.person("Ada Moreira", "thunderbird")

    raw = elsewhere.answer("ACCEPTED", about=ada.shown)
    await house.send(raw, elsewhere, to=ada.shown.organizer)
    seen = await meeting.settled(mails_in=1)

    assert await verdict(meeting) == ("answer", "applied", "accepted")
    assert partstats(seen) == HALF
    notice = (await meeting.items("messages"))[-1]
    assert (notice["kind"], notice["recipient"]) == ("meeting.notice", ada.address)
    assert ada.methods == ["REQUEST", ""]
    assert ada.mails[-1].link("/decline")  # the way to undo it
    assert elsewhere.mails == []
    await goes_on(house, meeting, bela)


async def test_words_without_a_calendar_part_are_kept_for_the_owner(house: House) -> None:
    ada, bela = house.pair()
    meeting = await house.ask(ada, bela)
    words = letters.letter(ada.address, ada.shown.organizer, "Re: Garden", "Yes, gladly!")

    await house.send(words, ada)
    seen = await meeting.settled(mails_in=1)

    assert await verdict(meeting) == ("note", "set-aside", "note")
    assert partstats(seen) == UNANSWERED
    event = (await meeting.items("events"))[-1]
    assert (event["type"], event["data"]["words"]["text"]) == ("RemarkReceived", "Yes, gladly!")
    await goes_on(house, meeting, ada, bela)


async def test_a_vacation_reply_is_no_answer_and_gets_none(house: House) -> None:
    ada, bela = house.pair()
    meeting = await house.ask(ada, bela)

    await house.mail(letters.vacation(ada.address, ada.shown.organizer), "", ada.shown.organizer)
    seen = await meeting.settled(mails_in=1)

    assert await verdict(meeting) == ("automatic", "set-aside", "automatic")
    assert partstats(seen) == UNANSWERED
    assert ada.methods == ["REQUEST"]
    await goes_on(house, meeting, ada, bela)


async def test_a_bounce_tells_the_owner_whom_it_could_not_reach(house: House) -> None:
    ada, bela = house.pair()
    meeting = await house.ask(ada, bela)
    [invitation] = ada.mails
    assert invitation.mail_from.startswith("b+")

    report = letters.bounce(ada.address, invitation.mail_from, invitation.message_id)
    await house.mail(report, "", invitation.mail_from)
    await meeting.settled(mails_in=1)

    assert await verdict(meeting) == ("bounce", "applied", "unreachable")
    event = (await meeting.items("events"))[-1]
    assert (event["type"], event["data"]["party"]["number"]) == ("PartyUnreachable", 1)
    assert event["data"]["letter"] == "meeting.invitation"
    await goes_on(house, meeting, ada, bela)


async def test_an_answer_to_the_bounce_address_is_no_answer(house: House) -> None:
    ada, bela = house.pair()
    meeting = await house.ask(ada, bela)

    await house.send(ada.answer("ACCEPTED"), ada, to=ada.mails[0].mail_from)
    seen = await meeting.settled(mails_in=1)

    assert (await verdict(meeting))[:2] == ("answer", "set-aside")
    assert (await meeting.types())[-1] == "RemarkReceived"
    assert partstats(seen) == UNANSWERED


async def test_mail_to_the_alias_of_the_other_is_kept_for_the_owner(house: House) -> None:
    ada, bela = house.pair()
    meeting = await house.ask(ada, bela)
    [alias] = [each.address for each in ada.shown.guests if each.address != ada.address]
    assert alias.startswith("a+")
    assert bela.address.encode() not in ada.mails[0].raw

    await house.send(letters.letter(ada.address, alias, "Hello", "See you!"), ada, to=alias)
    seen = await meeting.settled(mails_in=1)

    assert await verdict(meeting) == ("note", "set-aside", "note")
    event = (await meeting.items("events"))[-1]
    assert (event["type"], event["data"]["party"]["number"]) == ("RemarkReceived", 1)
    assert partstats(seen) == UNANSWERED
    assert bela.methods == ["REQUEST"]
    await goes_on(house, meeting, ada, bela)


async def test_a_mail_that_comes_three_times_is_one_answer(house: House) -> None:
    ada, bela = house.pair()
    meeting = await house.ask(ada, bela)
    raw = ada.answer("ACCEPTED")

    for trace in (
        b"",
        b"Received: from mx1.example.org\r\n",
        b"Received: from mx2.example.org\r\n",
    ):
        await house.send(trace + raw, ada)
    seen = await meeting.settled(mails_in=1)

    [mail] = await meeting.items("mail")
    assert (mail["copies"], mail["effect"]) == (3, "applied")
    assert (await meeting.types()).count("AnswerRecorded") == 1
    assert partstats(seen) == HALF


async def test_one_answer_in_two_mails_counts_once(house: House) -> None:
    """As when a server puts another footer under each copy."""
    ada, bela = house.pair("thunderbird", "google")
    meeting = await house.ask(ada, bela)
    raw = ada.answer("ACCEPTED")

    await house.send(raw, ada)
    await house.send(raw.replace(b"Subject: ", b"Subject: [list] ", 1), ada)
    await meeting.settled(mails_in=2)

    assert [mail["effect"] for mail in await meeting.items("mail")] == ["applied", "duplicate"]
    assert (await meeting.types()).count("AnswerRecorded") == 1


async def test_a_clock_that_runs_ahead_silences_no_later_answer(house: House) -> None:
    """One machine of Ada's is two days ahead; what she says later, from another one, counts."""
    ada, bela = house.pair("google", "outlook")
    meeting = await house.ask(ada, bela)
    ahead = datetime.now(UTC) + timedelta(days=2)
    raw = CLIENTS["apple"].answer(ada.shown, ada.address, ada.name, "TENTATIVE", ahead)

    await house.send(raw, ada)
    await meeting.settled(mails_in=1)
    await house.send(ada.answer("ACCEPTED"), ada)
    seen = await meeting.settled(mails_in=2)

    assert [mail["effect"] for mail in await meeting.items("mail")] == ["applied", "applied"]
    assert partstats(seen) == HALF


HOSTILE = (
    "multiparts nested 20,000 deep",
    "a subject of 20,000 encoded words",
    "addresses that crash the library",
    "100,000 attendees",
    "a zone that changes every second",
    "huge numbers",
    "HTML nested 100,000 deep",
    "a file name to open",
)


async def test_hostile_mail_is_kept_judged_and_survived(house: House) -> None:
    """An honest answer comes right behind it, and must not wait for long."""
    ada, bela = house.pair()
    meeting = await house.ask(ada, bela)

    replies = [await reply_to(house, of_the_past(BOMBS[name]()), ada) for name in HOSTILE]
    await house.send(ada.answer("ACCEPTED"), ada)
    kept_apart = 1  # what is nested 20,000 deep is in quarantine
    seen = await meeting.settled(mails_in=replies.count(250) - kept_apart + 1)

    assert set(replies) <= {250, 500, 552, 554}  # kept, or refused for good
    mails = await meeting.items("mail")
    assert all(mail["verdict"] for mail in mails)
    assert (mails[-1]["verdict"], mails[-1]["effect"]) == ("answer", "applied")
    assert (seen["status"], partstats(seen)) == ("negotiating", HALF)
    assert bela.methods == ["REQUEST"]
    await goes_on(house, meeting, bela)


def of_the_past(raw: bytes) -> bytes:
    """The mail with an older DTSTAMP: some of these are answers, and the honest one is newer."""
    return raw.replace(b"DTSTAMP:2027", b"DTSTAMP:2020")


async def reply_to(house: House, raw: bytes, person: Person) -> int | None:
    """The code that the intake answers a mail with; None when it hung up without one."""
    try:
        await house.send(raw, person)
    except NotAccepted as refused:
        return refused.reply_code
    return 250
