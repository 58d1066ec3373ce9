"""The three pages in Chromium: two strangers agree, the owner watches, everything by clicks."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from domain.meetings.model import Partstat, Status
from tests.e2e.browser import DESKTOP, PHONE, opened_browser, opened_page, overflows
from tests.e2e.pages_world import World, opened_world

HOSTILE = "<script>document.title='x'</script><img src=x onerror=\"document.title='x'\">\"'>"

UNNAMED = """
() => [...document.querySelectorAll('input:not([type=hidden]):not([hidden]), select, textarea')]
  .filter(field => field.labels.length === 0).map(field => field.outerHTML)
"""

LOW_CONTRAST = """
() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const paper = node => {
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll('main *, header *, footer *')]
    .filter(node => node.checkVisibility() && [...node.childNodes]
      .some(child => child.nodeType === 3 && child.textContent.trim()))
    .map(node => {
      const [a, b] = [light(rgb(getComputedStyle(node).color)), light(paper(node))];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      return [ratio, node.tagName, node.textContent.trim().slice(0, 40)];
    })
    .filter(([ratio]) => ratio < 4.5);
}
"""


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with opened_world(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with opened_browser() as browser:
        yield browser


async def sign_in(page: Page, world: World) -> None:
    await page.goto(f"{world.base_url}/desk")
    await page.get_by_label("API key").fill(world.key)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Meetings")).to_be_visible()


async def open_newest_mail(page: Page, world: World, address: str, subject: str) -> None:
    mail = await world.mail_to(address, subject)
    await page.goto(f"{world.base_url}/mailbox/{address}/{mail.id}")


async def ask_for_a_meeting(page: Page) -> str:
    """Fills in the desk's form; gives the meeting's id."""
    await page.get_by_role("link", name="Ask for a meeting").first.click()
    await page.get_by_label("Title").fill("Garden plans")
    for number, (name, address, zone) in enumerate(PEOPLE):
        person = page.get_by_role("group", name=f"Person {number + 1}")
        await person.get_by_label("Name").fill(name)
        await person.get_by_label("Mail address").fill(address)
        await person.get_by_label("Time zone").fill(zone)
    first = page.get_by_role("group", name="Time 1")
    await first.get_by_label("Day").fill("2031-03-03")
    await first.get_by_label("Begins at").fill("09:00")
    await page.get_by_role("button", name="Invite both").click()
    await expect(page.get_by_role("heading", name="Garden plans")).to_be_visible()
    return page.url.partition("?")[0].rpartition("/")[2]


PEOPLE = (
    ("Cleo Duarte", "cleo@example.org", "Europe/Lisbon"),
    ("Dan Eze", "dan@example.com", "Africa/Lagos"),
)


async def test_two_strangers_agree_by_clicks_alone(world: World, browser: Browser) -> None:
    """The owner asks; Dan proposes from Google; Cleo accepts on her phone; both calendars agree."""
    async with opened_page(browser) as desk, opened_page(browser, PHONE) as phone:
        await sign_in(desk, world)
        meeting_id = await ask_for_a_meeting(desk)

        await open_newest_mail(desk, world, "dan@example.com", "Invitation: Garden plans")
        await desk.get_by_text("Propose another time", exact=True).click()
        await desk.get_by_label("Begins at").fill("15:30")
        await desk.get_by_role("button", name="Propose this time").click()
        await expect(desk.get_by_text("sent by SMTP and accepted")).to_be_visible()
        await world.state_when(meeting_id, lambda state: state.sequence == 1)

        await phone.goto(world.page_of(meeting_id, 1))
        await expect(phone.get_by_text("14:30–15:00", exact=True)).to_be_visible()
        await phone.get_by_role("button", name="Accept this time").click()
        await expect(phone.get_by_text("Your choice has been carried out.")).to_be_visible()
        await world.state_when(meeting_id, lambda state: state.status is Status.CONFIRMED)

        await desk.goto(f"{world.base_url}/desk/meetings/{meeting_id}")
        await expect(desk.get_by_text("Confirmed: Monday 3 March 2031, 14:30")).to_be_visible()
        await expect(desk.get_by_text("Dan Eze proposed Monday 3 March")).to_be_visible()
        await expect(desk.get_by_text("Cleo Duarte accepted on the page.")).to_be_visible()


async def test_a_page_that_waits_looks_again_by_itself(world: World, browser: Browser) -> None:
    meeting_id = await world.invited("Slow saga")
    async with opened_page(browser) as page:
        world.rules.is_held = True
        await page.goto(f"{world.page_of(meeting_id, 2)}/decline")
        await page.get_by_label("A few words").fill("Away that week, sorry.")
        await page.get_by_role("button", name="Decline this time").click()
        await expect(page.get_by_text("Noted: decline the time.")).to_be_visible()

        world.rules.is_held = False
        await world.rules.run(meeting_id)

        await expect(page.get_by_text("Your choice has been carried out.")).to_be_visible()
        await expect(page.get_by_text("Away that week, sorry.")).to_be_visible()


async def test_a_double_click_is_one_answer(world: World, browser: Browser) -> None:
    meeting_id = await world.invited("Double click")
    async with opened_page(browser) as page:
        await page.goto(world.page_of(meeting_id, 2))
        await page.get_by_role("button", name="Accept this time").dblclick()
        await expect(page.get_by_text("You accepted on the page.")).to_have_count(1)

    state = await world.rules.store.load(meeting_id)
    assert state.party(2).partstat is Partstat.ACCEPTED
    assert state.version == 3  # asked for, offered, answered


async def test_the_picker_asks_about_a_repeated_hour(world: World, browser: Browser) -> None:
    meeting_id = await world.invited("Autumn")
    async with opened_page(browser, expected=("422",)) as page:
        await page.goto(f"{world.page_of(meeting_id, 1)}/propose")
        await page.get_by_label("Day").fill("2030-10-27")  # Lisbon's clocks go back
        await page.get_by_label("Begins at").fill("01:30")
        await page.get_by_role("button", name="Propose this time").click()
        await expect(page.get_by_role("alert")).to_contain_text("comes twice")
        await page.get_by_label("the second time (UTC+00:00)").check()
        await page.get_by_role("button", name="Propose this time").click()
        await expect(page.get_by_text("Your choice has been carried out.")).to_be_visible()

    state = await world.rules.store.load(meeting_id)
    assert state.slot is not None
    assert state.slot.start.isoformat() == "2030-10-27T01:30:00+00:00"


async def test_hostile_words_stay_words_in_a_real_browser(world: World, browser: Browser) -> None:
    meeting_id = await world.invited(HOSTILE)
    async with opened_page(browser, expected=("blocked", "sandboxed")) as page:
        await page.goto(world.page_of(meeting_id, 1))
        assert await page.title() == HOSTILE
        assert await page.locator("main img, main script").count() == 0

        await sign_in(page, world)
        assert await page.locator("main img, main script").count() == 0

        await open_newest_mail(page, world, "ada@example.org", "")
        frame = page.frame_locator("iframe")
        await expect(frame.locator("body")).to_be_visible()
        assert await frame.locator("script, img").count() == 0


async def test_a_recipient_ends_reminders_on_a_phone_and_takes_it_back(
    world: World, browser: Browser
) -> None:
    meeting_id = await world.invited("Wishes")
    async with opened_page(browser, PHONE) as phone:
        await phone.goto(world.wishes_of(meeting_id, 1))
        await expect(phone.get_by_text("You get all mail.")).to_be_visible()

        await phone.get_by_role("button", name="No more reminders").click()
        await expect(phone.get_by_text("You get no reminders.")).to_be_visible()
        await expect(phone.get_by_text("Your wish holds from now on.")).to_be_visible()
        await phone.reload()  # harmless
        await phone.get_by_role("button", name="No mail at all").click()
        await expect(phone.get_by_text("You get no mail at all.")).to_be_visible()
        await phone.get_by_role("button", name="Undo: all mail again").click()
        await expect(phone.get_by_text("You get all mail.")).to_be_visible()

    await world.rules.finish()
    async with opened_page(browser) as desk:
        await sign_in(desk, world)
        await desk.goto(f"{world.base_url}/desk/meetings/{meeting_id}")
        told = desk.get_by_text("Ada Moreira asked not to be reminded by mail any more.")
        await expect(told).to_be_visible()


async def test_the_owner_corrects_a_dead_address_at_the_desk(
    world: World, browser: Browser
) -> None:
    meeting_id = await world.invited("Dead letters")
    await world.lost(meeting_id, 2)
    async with opened_page(browser) as desk:
        await sign_in(desk, world)
        await desk.goto(f"{world.base_url}/desk/meetings/{meeting_id}")
        await desk.get_by_role("link", name="Correct it").click()
        await desk.get_by_text("Correct an address").click()
        await desk.get_by_label("New address").fill("benedict@example.com")
        await desk.get_by_role("button", name="Correct it and send").click()
        await expect(desk.get_by_text("The address of Ben Okafor was corrected")).to_be_visible()

    mail = await world.mail_to("benedict@example.com", "Invitation: Dead letters")
    assert b"METHOD:REQUEST" in mail.raw


@pytest.mark.parametrize(
    ("viewport", "dark"), [(DESKTOP, False), (PHONE, False), (PHONE, True)], ids=str
)
async def test_every_page_fits_and_can_be_read(
    world: World, browser: Browser, viewport: ViewportSize, dark: bool
) -> None:
    """No sideways scrolling, a label for every field, contrast of 4.5 to 1 (WCAG 2.2 AA)."""
    meeting_id = await world.invited("Readable")
    mail = await world.mail_to("ben@example.com", "Invitation: Readable")
    async with opened_page(browser, viewport, dark=dark, expected=("404",)) as page:
        await page.goto(f"{world.base_url}/login")
        await check_page(page)
        await sign_in(page, world)
        for path in (
            "/desk",
            "/desk/new",
            f"/desk/meetings/{meeting_id}",
            "/mailbox",
            "/mailbox/ben@example.com",
            f"/mailbox/ben@example.com/{mail.id}",
            "/desk/meetings/unknown",
        ):
            await page.goto(f"{world.base_url}{path}")
            await check_page(page)
        for ending in ("", "/accept", "/propose"):
            await page.goto(world.page_of(meeting_id, 1) + ending)
            await check_page(page)
        await page.goto(world.wishes_of(meeting_id, 1))
        await check_page(page)


async def check_page(page: Page) -> None:
    await page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert not await overflows(page), page.url
    assert await page.evaluate(UNNAMED) == [], page.url
    assert await page.evaluate(LOW_CONTRAST) == [], page.url
    assert await page.locator("h1").count() == 1
    assert await page.locator("script").count() == 0
