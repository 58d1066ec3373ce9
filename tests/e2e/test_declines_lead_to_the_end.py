"""No slot suits: each is tried, then the meeting ends, in both calendars."""

from adapters.attendees.calendar import Received
from tests.e2e.house import House, assert_nothing_came_twice, slot_of, slots
from tests.e2e.letters import cancel


async def test_declines_go_through_the_slots_to_the_end(house: House) -> None:
    offered = slots(3)
    ada, bela = house.pair("apple", "thunderbird")
    meeting = await house.ask(ada, bela, offered=offered)

    for revision, person in enumerate((ada, bela, ada)):
        assert (ada.slot, bela.slot) == (offered[revision], offered[revision])
        await house.send(person.answer("DECLINED", "Away, sorry."), person)
        seen = await meeting.settled(mails_in=revision + 1)

    assert (seen["status"], slot_of(seen)) == ("declined", offered[2])
    expected = [Received.ADDED, Received.RESCHEDULED, Received.RESCHEDULED, Received.CANCELLED]
    assert ada.effects == bela.effects == expected
    assert ada.shown.sequence == bela.shown.sequence == 3  # of the CANCEL (RFC 5546 §3.2.5)
    assert_nothing_came_twice(ada, bela)


async def test_an_answer_after_the_end_is_answered_once_with_the_cancel(house: House) -> None:
    ada, bela = house.pair("google", "outlook")
    meeting = await house.ask(ada, bela, offered=slots(1))
    invitation = bela.shown
    await house.send(ada.answer("DECLINED"), ada)
    await meeting.settled(mails_in=1)
    assert bela.methods == ["REQUEST", "CANCEL"]

    for mails_in in (2, 3):  # a phone that was offline, and somebody who presses again
        raw = bela.answer("ACCEPTED" if mails_in == 2 else "TENTATIVE", about=invitation)
        await house.send(raw, bela, invitation.organizer)
        seen = await meeting.settled(mails_in=mails_in)

    assert seen["status"] == "declined"
    assert bela.methods == ["REQUEST", "CANCEL", "CANCEL"]
    assert ada.methods == ["REQUEST", "CANCEL"]
    assert bela.is_cancelled
    late = [mail["code"] for mail in (await meeting.items("mail"))[1:]]
    assert late == ["ended", "ended"]


async def test_a_cancel_from_a_party_ends_it_for_both(house: House) -> None:
    ada, bela = house.pair("outlook", "google")
    meeting = await house.ask(ada, bela)

    await house.send(cancel(ada.shown, ada.address), ada)
    seen = await meeting.settled(mails_in=1)

    assert seen["status"] == "cancelled"
    assert (ada.effects[-1], bela.effects[-1]) == (Received.CANCELLED, Received.CANCELLED)
