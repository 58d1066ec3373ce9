"""An invitation to a dead address: it comes back, the owner corrects the address, they meet."""

import httpx
import pytest

from adapters.attendees.sending import NotAccepted
from tests.e2e import letters
from tests.e2e.house import House, Meeting, assert_calendars_show, assert_nothing_came_twice


async def bounced(house: House, meeting: Meeting, number: int) -> None:
    """The invitation of the party with this number comes back, to where its envelope says."""
    lost = [*house.people.values()][-2:][number - 1]
    invitation = lost.mails[0]
    report = letters.bounce(lost.address, invitation.mail_from, invitation.message_id)
    await house.mail(report, "", invitation.mail_from)
    await meeting.when(lambda seen: bool(seen["parties"][number - 1]["unreachable"]))


async def test_the_owner_corrects_a_dead_address_and_they_meet(house: House) -> None:
    wrong, bela = house.pair()
    meeting = await house.ask(wrong, bela)
    await bounced(house, meeting, 1)
    told = (await meeting.items("events"))[-1]
    assert (told["type"], told["data"]["reason"]) == ("PartyUnreachable", "no-such-mailbox")

    ada = house.person("Ada Moreira")
    body = {"party": 1, "address": ada.address}
    answer = await house.post(f"{meeting.href}/correct-address", body)
    assert answer.status_code == 202, answer.text
    await house.until(lambda: bool(ada.calendar.entries))

    assert len(bela.mails) == 1  # nobody else need know
    assert len(wrong.mails) == 1
    for person in (ada, bela):
        await house.send(person.answer("ACCEPTED"), person)
    seen = await meeting.when(lambda seen: bool(seen["status"] == "confirmed"))
    await meeting.settled(mails_in=3)

    assert seen["parties"][0]["address"] == ada.address
    assert seen["parties"][0]["unreachable"] is False
    assert_calendars_show(await meeting.read(), ada, bela)
    assert_nothing_came_twice(wrong, ada, bela)


async def test_the_old_address_can_do_nothing_any_more(house: House) -> None:
    wrong, bela = house.pair()
    meeting = await house.ask(wrong, bela)
    await bounced(house, meeting, 1)
    ada = house.person("Ada Moreira")
    await house.post(f"{meeting.href}/correct-address", {"party": 1, "address": ada.address})
    await house.until(lambda: bool(ada.calendar.entries))

    with pytest.raises(NotAccepted, match="550"):
        await house.send(wrong.answer("DECLINED"), wrong)
    async with httpx.AsyncClient() as browser:
        page = await browser.get(wrong.mails[0].link("/accept"))
        assert page.status_code == 404
        assert (await browser.get(ada.mails[0].link("/accept"))).status_code == 200
    assert (await meeting.read())["status"] == "negotiating"
