"""The links in the mails, a phone, the desk and the mailbox: no calendar program needed."""

from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Browser, Page, expect

from domain.values import Slot
from tests.e2e.browser import PHONE, opened_browser, opened_page, overflows
from tests.e2e.house import (
    House,
    Meeting,
    assert_calendars_show,
    assert_nothing_came_twice,
    later,
    partstats,
    slot_of,
    slots,
)
from tests.e2e.people import Person


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with opened_browser() as browser:
        yield browser


async def pick(page: Page, slot: Slot, zone: str) -> None:
    """Fill in the picker with that time on the clocks of `zone`."""
    local = slot.start.astimezone(ZoneInfo(zone))
    await page.get_by_label("Day").fill(f"{local:%Y-%m-%d}")
    await page.get_by_label("Begins at").fill(f"{local:%H:%M}")
    await page.get_by_label("Minutes").fill(str(int(slot.length.total_seconds() // 60)))


async def follow(page: Page, link: str, button: str) -> None:
    """Follow a mailed link on the phone and press the one button there."""
    await page.goto(link)
    assert not await overflows(page)
    await page.get_by_role("button", name=button).click()
    await expect(page.get_by_text("Your choice has been carried out.")).to_be_visible()


async def test_two_phones_agree_and_move_it_afterwards(house: House, browser: Browser) -> None:
    offered = slots()
    ada, bela = house.pair()
    meeting = await house.ask(ada, bela, offered=offered)
    async with opened_page(browser, PHONE) as phone:
        await ada_proposes_on_her_page(phone, ada, bela, house, later(offered[0]))
        await follow(phone, bela.mails[-1].link("/accept"), "Accept this time")
        confirmed = await meeting.when(lambda seen: seen["status"] == "confirmed")
        await meeting.settled()
        assert slot_of(confirmed) == ada.slot == bela.slot == later(offered[0])

        await bela_proposes_once_more_by_mail(house, meeting, bela, later(offered[1]))
        assert ada.slot == bela.slot == later(offered[0]), "the agreed time stands meanwhile"
        await follow(phone, ada.mails[-1].link("/agree"), "Agree")
    moved = await meeting.when(lambda seen: seen["sequence"] == 2)
    await meeting.settled()

    assert (moved["status"], slot_of(moved)) == ("confirmed", later(offered[1]))
    assert_calendars_show(moved, ada, bela)
    assert_nothing_came_twice(ada, bela)


async def ada_proposes_on_her_page(
    phone: Page, ada: Person, bela: Person, house: House, wish: Slot
) -> None:
    await phone.goto(ada.mails[-1].link("/propose"))
    await pick(phone, wish, ada.zone)
    await phone.get_by_label("A few words").fill("My train is late.")
    await phone.get_by_role("button", name="Propose this time").click()
    await expect(phone.get_by_text("Your choice has been carried out.")).to_be_visible()
    await house.until(lambda: ada.shown.sequence == bela.shown.sequence == 1)
    assert (ada.slot, bela.slot) == (wish, wish)


async def bela_proposes_once_more_by_mail(
    house: House, meeting: Meeting, bela: Person, wish: Slot
) -> None:
    await house.send(bela.propose(wish, "Something came up."), bela)
    asked = await meeting.settled(mails_in=1)
    assert (asked["status"], asked["sequence"]) == ("confirmed", 1)
    assert (await meeting.items("messages"))[-1]["kind"] == "meeting.proposal-question"


async def test_a_confirmed_time_stays_when_the_new_one_is_not_wanted(
    house: House, browser: Browser
) -> None:
    ada, bela = house.pair()
    meeting = await house.ask(ada, bela)
    async with opened_page(browser, PHONE) as phone:
        for person in (ada, bela):
            await follow(phone, person.mails[0].link("/accept"), "Accept this time")
        agreed = await meeting.when(lambda seen: seen["status"] == "confirmed")
        await bela_proposes(house, meeting, bela)
        await follow(phone, ada.mails[-1].link("/disagree"), "Keep the agreed time")
    kept = await meeting.settled(mails_in=1)

    assert (kept["status"], kept["slot"], kept["sequence"]) == ("confirmed", agreed["slot"], 0)
    assert "DECLINECOUNTER" in bela.methods
    assert ada.slot == bela.slot == slot_of(agreed)


async def bela_proposes(house: House, meeting: Meeting, bela: Person) -> None:
    await meeting.settled()
    await house.send(bela.propose(later(bela.slot)), bela)
    await meeting.settled(mails_in=1)


async def test_an_old_link_cannot_answer_for_the_new_time(house: House, browser: Browser) -> None:
    """The page was left open while the time moved; what was seen is what is answered."""
    ada, bela = house.pair()
    meeting = await house.ask(ada, bela)
    async with opened_page(browser, PHONE) as phone:
        await phone.goto(ada.mails[0].link("/accept"))
        await house.send(bela.propose(later(bela.slot)), bela)
        await house.until(lambda: ada.shown.sequence == 1)
        await phone.get_by_role("button", name="Accept this time").click()
        await expect(phone.get_by_text("The time has changed meanwhile")).to_be_visible()
    seen = await meeting.settled(mails_in=1)

    assert (seen["status"], partstats(seen)) == ("negotiating", ["NEEDS-ACTION", "ACCEPTED"])


async def test_the_mailbox_answers_as_outlook_and_the_desk_tells_it(
    house: House, browser: Browser
) -> None:
    ada, bela = house.pair("google", "apple")
    meeting = await house.ask(ada, bela)
    async with opened_page(browser, expected=("sandboxed",)) as page:
        await answer_in_the_mailbox(page, house, ada, "Outlook", "Accept", "See you there.")
        await answer_in_the_mailbox(page, house, bela, "Thunderbird", "Decline", "Away that day.")
        await meeting.settled(mails_in=2)
        await answer_in_the_mailbox(page, house, ada, "Google Calendar", "Accept")
        await answer_in_the_mailbox(page, house, bela, "Apple Calendar", "Accept")
        await meeting.when(lambda seen: seen["status"] == "confirmed")
        await meeting.settled(mails_in=4)
        first, *told = reversed(await timeline_at_the_desk(page, house, meeting))

    _, *sentences = [event["data"]["sentence"] for event in await meeting.items("events")]
    assert "asked for this meeting" in first
    assert [text.splitlines()[0] for text in told] == sentences
    assert [text for text in told if "Ada Moreira accepted by mail." in text]
    [declined] = [text for text in told if "Bela Kovacs declined by mail." in text]
    assert "Away that day." in declined


async def timeline_at_the_desk(page: Page, house: House, meeting: Meeting) -> list[str]:
    """What the owner reads there, entry by entry: a sentence, and the words people wrote."""
    await page.goto(f"{house.base}/desk/meetings/{meeting.id}")
    await page.get_by_label("API key").fill(house.api_key)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Garden plans")).to_be_visible()
    entries = await page.locator(".timeline li").all()
    return ["\n".join(await each.locator("p, blockquote").all_inner_texts()) for each in entries]


async def answer_in_the_mailbox(
    page: Page, house: House, person: Person, program: str, button: str, words: str = ""
) -> None:
    """Open the newest mail of the person and answer as that program would."""
    await page.goto(f"{house.base}/mailbox/{person.address}")
    await page.locator(f"a[href$='/{person.mails[-1].id}']").click()
    form = page.locator("section[aria-labelledby=answer] form").first
    await form.get_by_label(program).check()
    await form.get_by_label("A few words").fill(words)
    await form.get_by_role("button", name=button).click()
    await expect(page.get_by_text("sent by SMTP and accepted")).to_be_visible()
