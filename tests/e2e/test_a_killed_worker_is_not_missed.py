"""A saga worker that dies in the middle of a negotiation: the next one goes on."""

from tests.e2e.house import (
    House,
    assert_calendars_show,
    assert_nothing_came_twice,
    later,
    slot_of,
    slots,
)


async def test_a_worker_killed_between_counter_and_acceptance(house: House) -> None:
    offered = slots()
    wish = later(offered[0])
    ada, bela = house.pair("google", "outlook")
    meeting = await house.ask(ada, bela, offered=offered)

    said = await house.send(bela.propose(wish), bela)
    killed = house.installation.kill_child("worker")
    assert said.startswith("2.0.0"), "kept before its sender was told yes"
    assert killed is not None
    await house.until(lambda: ada.shown.sequence == bela.shown.sequence == 1)
    await house.send(ada.answer("ACCEPTED"), ada)
    await meeting.when(lambda seen: seen["status"] == "confirmed")
    agreed = await meeting.settled(mails_in=2)

    assert house.installation.processes()["worker"].pid != killed.pid
    assert slot_of(agreed) == wish
    assert_calendars_show(agreed, ada, bela)
    assert_nothing_came_twice(ada, bela)


async def test_answers_given_while_no_worker_lives_count_in_their_order(house: House) -> None:
    """The last word stands, and both calendars show it: though everything is decided at once,
    no two revisions of the event look equally old (RFC 5546 §2.1.5)."""
    ada, bela = house.pair("thunderbird", "apple")
    meeting = await house.ask(ada, bela)
    old = ada.shown
    await house.send(bela.propose(later(bela.slot)), bela)
    await house.until(lambda: ada.shown.sequence == bela.shown.sequence == 1)

    house.installation.kill_child("worker")
    await house.send(ada.answer("ACCEPTED", about=old), ada)
    for partstat in ("TENTATIVE", "ACCEPTED"):
        await house.send(ada.answer(partstat), ada)
    await meeting.when(lambda seen: seen["status"] == "confirmed")
    agreed = await meeting.settled(mails_in=4)

    assert (await meeting.types())[2:] == [
        "ProposalMade",
        "SlotOffered",
        "AnswerSetAside",
        "AnswerRecorded",
        "AnswerRecorded",
        "MeetingConfirmed",
    ]
    assert_calendars_show(agreed, ada, bela)
    assert_nothing_came_twice(ada, bela)
