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
    await house.another_second(ada, bela)
    await house.send(ada.answer("ACCEPTED"), ada)
    await meeting.when(lambda seen: seen["status"] == "confirmed")
    agreed = await meeting.settled(mails_in=2)

    assert house.installation.processes()["worker"].pid != killed.pid
    assert slot_of(agreed) == wish
    assert_calendars_show(agreed, ada, bela)
    assert_nothing_came_twice(ada, bela)


async def test_answers_given_while_no_worker_lives_count_in_their_order(house: House) -> None:
    """The last word stands, whatever the worker missed."""
    ada, bela = house.pair("thunderbird", "apple")
    meeting = await house.ask(ada, bela)

    house.installation.kill_child("worker")
    for partstat in ("TENTATIVE", "ACCEPTED"):
        await house.send(ada.answer(partstat), ada)
    await house.send(bela.answer("ACCEPTED"), bela)
    await meeting.when(lambda seen: seen["status"] == "confirmed")
    await meeting.settled(mails_in=3)

    told = [event["data"] for event in await meeting.items("events") if "partstat" in event["data"]]
    assert [(each["party"]["number"], each["partstat"]) for each in told] == [
        (1, "TENTATIVE"),
        (1, "ACCEPTED"),
        (2, "ACCEPTED"),
    ]
    assert_nothing_came_twice(ada, bela)
