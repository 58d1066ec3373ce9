"""Link scanners, previews and curious people: following a link in a mail does nothing."""

import asyncio

import httpx

from tests.e2e.house import House, Meeting, later
from tests.e2e.people import Person


async def test_every_link_in_every_mail_may_be_fetched_ten_times(house: House) -> None:
    ada, bela = house.pair()
    meeting = await every_kind_of_mail(house, ada, bela)
    mails = [*ada.mails, *bela.mails]
    links = sorted({link for mail in mails for link in mail.links})
    assert {link.partition("?")[0].rpartition("/")[2] for link in links} >= {
        "accept",
        "propose",
        "agree",
        "disagree",
    }
    before = (await house.position(), await meeting.read(), await meeting.items("messages"))

    statuses = await fetch_all(links * 10)
    await meeting.settled()

    assert statuses == {200}
    assert (await house.position(), await meeting.read(), await meeting.items("messages")) == before
    assert mails == [*ada.mails, *bela.mails]


async def every_kind_of_mail(house: House, ada: Person, bela: Person) -> Meeting:
    """Invitation, confirmation, and the question about a time proposed after it."""
    meeting = await house.ask(ada, bela)
    for person in (ada, bela):
        await house.send(person.answer("ACCEPTED"), person)
    await meeting.when(lambda seen: seen["status"] == "confirmed")
    await house.send(bela.propose(later(bela.slot)), bela)
    await meeting.settled(mails_in=3)
    assert len(await meeting.items("mail")) == 3
    return meeting


async def fetch_all(links: list[str]) -> set[int]:
    """The statuses of GET and HEAD on all of them, some at once, without any key or cookie."""
    some = asyncio.Semaphore(8)

    async def fetch(http: httpx.AsyncClient, method: str, link: str) -> int:
        async with some:
            return (await http.request(method, link)).status_code

    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        tasks = [fetch(http, method, link) for link in links for method in ("GET", "HEAD")]
        return set(await asyncio.gather(*tasks))
