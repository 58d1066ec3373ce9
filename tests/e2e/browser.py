"""A real browser for tests of the pages: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright

_USUAL = Path("/usr/bin/chromium")
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

DESKTOP = ViewportSize(width=1100, height=900)
PHONE = ViewportSize(width=375, height=740)


def find_chromium() -> str:
    """Where Chromium is. Without one the test is skipped, but fails where CI says `CI=true`:
    there a missing browser would hide every test that needs it."""
    found = str(_USUAL) if _USUAL.exists() else shutil.which("chromium") or shutil.which("chrome")
    if found:
        return found
    if os.environ.get("CI") == "true":
        pytest.fail("Chromium is missing; install it: apt-get install chromium")
    pytest.skip("Chromium is not installed (apt-get install chromium)")


@asynccontextmanager
async def opened_browser() -> AsyncIterator[Browser]:
    """One browser process, closed in the end."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), headless=True, args=_FLAGS
        )
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def opened_page(
    browser: Browser,
    viewport: ViewportSize = DESKTOP,
    *,
    dark: bool = False,
    expected: tuple[str, ...] = (),
) -> AsyncIterator[Page]:
    """A page with its own cookies. The browser's console must stay empty, but for complaints
    that hold one of the `expected` words: a refused resource is a fault of ours."""
    context: BrowserContext = await browser.new_context(
        viewport=viewport, color_scheme="dark" if dark else "light", java_script_enabled=True
    )
    context.set_default_timeout(15_000)
    complaints: list[str] = []
    page = await context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
        unexpected = [text for text in complaints if not any(word in text for word in expected)]
        assert not unexpected, unexpected
    finally:
        await context.close()


async def overflows(page: Page) -> bool:
    """Whether the page has to be scrolled sideways."""
    return bool(
        await page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
    )
