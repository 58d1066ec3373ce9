"""Mail out at the desk, in Chromium: looked up, held, released, sent again, and ended."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.api.message_bodies import mail
from tests.e2e.browser import DESKTOP, PHONE, opened_browser, opened_page
from tests.e2e.pages_world import World, opened_world
from tests.e2e.test_pages_in_a_browser import HOSTILE, check_page, sign_in


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with opened_world(tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with opened_browser() as browser:
        yield browser


async def asked(world: World, **changes: Any) -> int:
    """The id of a mail of an integrator's own."""
    headers = {"Authorization": f"Bearer {world.key}"}
    async with httpx.AsyncClient(base_url=world.base_url, headers=headers) as client:
        answer = await client.post("/messages", json=mail(**changes))
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


async def press(page: Page, title: str) -> None:
    """Opens the deed and presses its button."""
    await page.get_by_text(title, exact=True).first.click()
    await page.get_by_role("button", name=title).click()


async def test_a_held_mail_is_released_and_arrives(world: World, browser: Browser) -> None:
    message = await asked(world, subject="release", send_at=tomorrow())
    async with opened_page(browser) as page:
        await sign_in(page, world)
        await page.get_by_role("link", name="Mail out").click()
        await page.get_by_label("About").fill("release")
        await page.get_by_role("button", name="Show").click()
        await page.get_by_role("link", name="order.shipped").click()
        await expect(page.get_by_text("held until the time it was asked for")).to_be_visible()

        await press(page, "Send it now")
        await expect(page.get_by_text("It is on its way.")).to_be_visible()
        await world.mail_to("ada@example.org", "Order 4711")

        await page.goto(f"{world.base_url}/desk/messages/{message}")
        await expect(page.get_by_text("sent: the server said that it was taken")).to_be_visible()
        await expect(page.get_by_text("Handed over, and answered")).to_be_visible()
        await page.get_by_role("link", name="The mail as it is sent").click()
        await expect(page.get_by_text("Subject: Order 4711")).to_be_visible()


async def test_a_mail_is_sent_again_as_another(world: World, browser: Browser) -> None:
    message = await asked(world, subject="again", recipient={"address": "again@example.org"})
    await world.mail_to("again@example.org", "Order 4711")
    async with opened_page(browser) as page:
        await sign_in(page, world)
        await page.goto(f"{world.base_url}/desk/messages/{message}")
        await press(page, "Send it again, as a new message")
        await expect(page.get_by_text("This is the new message.")).to_be_visible()
        await expect(page.get_by_text("1/again/1")).to_be_visible()

        await page.goto(f"{world.base_url}/desk/messages/{message}")
        await expect(page.get_by_role("link", name="Sent again as message")).to_be_visible()


async def test_a_suppressed_address_gets_nothing_until_it_is_let_go(
    world: World, browser: Browser
) -> None:
    async with opened_page(browser) as page:
        await sign_in(page, world)
        await page.goto(f"{world.base_url}/desk/suppressions")
        await page.get_by_text("Write to an address no more", exact=True).click()
        await page.get_by_label("Mail address").fill("never@example.org")
        await page.get_by_label("Why, if you like").fill("asked us by phone")
        await page.get_by_role("button", name="Write to it no more").click()
        await expect(page.get_by_text("asked us by phone")).to_be_visible()

        await page.get_by_role("button", name="Let mail go to never@example.org again").click()
        await expect(page.get_by_text("None.")).to_be_visible()


async def test_hostile_words_stay_words(world: World, browser: Browser) -> None:
    template = {"subject": HOSTILE, "text": HOSTILE, "html": "<p>{{ x }}</p>"}
    message = await asked(
        world,
        subject="hostile",
        template={**template, "variables": {"x": HOSTILE}},
        recipient={"address": "h@example.org", "name": HOSTILE},
    )
    async with opened_page(browser) as page:
        await sign_in(page, world)
        for path in (f"/desk/messages/{message}", f"/desk/messages/{message}/raw"):
            await page.goto(f"{world.base_url}{path}")
            assert await page.locator("main img, main script").count() == 0
            assert "Parley" in await page.title()


@pytest.mark.parametrize(
    ("viewport", "dark"), [(DESKTOP, False), (PHONE, False), (PHONE, True)], ids=str
)
async def test_every_page_of_mail_fits_and_can_be_read(
    world: World, browser: Browser, viewport: ViewportSize, dark: bool
) -> None:
    name = f"fits-{viewport['width']}-{dark}"
    held = await asked(world, subject=name, send_at=tomorrow())
    sent = await asked(world, subject=f"{name}-sent", recipient={"address": "f@example.org"})
    await world.mail_to("f@example.org", "Order 4711")
    async with opened_page(browser, viewport, dark=dark, expected=("404",)) as page:
        await sign_in(page, world)
        for path in (
            "/desk/messages",
            "/desk/messages?state=held",
            "/desk/messages?recipient=nobody",
            f"/desk/messages/{held}",
            f"/desk/messages/{sent}",
            f"/desk/messages/{sent}/raw",
            "/desk/suppressions",
            "/desk/messages/999999",
        ):
            await page.goto(f"{world.base_url}{path}")
            await check_page(page)
