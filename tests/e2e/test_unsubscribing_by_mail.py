"""Mail to the address that ends reminders, over real SMTP and through the real reader."""

from pathlib import Path

from adapters.attendees.sending import submit
from adapters.db import journal, suppressions
from domain.access import Capability, Purpose, derive_token, token_address
from domain.meetings.messages import stream_of
from tests.e2e import letters
from tests.e2e.pages_world import MAIL_DOMAIN, SECRET, World, now, opened_world
from tests.patience import until

ADA = "ada@example.org"


def way_out(meeting_id: str) -> str:
    """Ada's address for it, as her reminders carry it."""
    stream = stream_of(meeting_id)
    capability = Capability(purpose=Purpose.UNSUBSCRIBE, stream=stream, party=1)
    return token_address(Purpose.UNSUBSCRIBE, derive_token(SECRET, capability), MAIL_DOMAIN)


async def in_force(world: World) -> list[tuple[str, str]]:
    found = await world.database.read(lambda c: suppressions.list_page(c, "main", now()))
    return [(one.address, one.scope.value) for one in found]


async def told(world: World, meeting_id: str) -> list[str]:
    stream = stream_of(meeting_id)
    events = await world.database.read(lambda c: journal.read_stream(c, stream))
    return [event.type for event in events][2:]


async def test_a_persons_mail_ends_reminders_and_an_automatic_reply_does_not(
    tmp_path: Path,
) -> None:
    async with opened_world(tmp_path) as world:
        meeting_id = await world.invited()
        address = way_out(meeting_id)

        async def send(raw: bytes, mail_from: str = ADA) -> None:
            await submit(raw, mail_from, address, "127.0.0.1", world.intake_port, 20.0)

        async def heard(number: int) -> bool:
            return len(await told(world, meeting_id)) == number

        await send(letters.vacation(ADA, address))
        await until(lambda: heard(1))
        await send(letters.letter(ADA, address, "unsubscribe", ""), mail_from="")
        await until(lambda: heard(2))
        assert await in_force(world) == []

        await send(letters.letter(ADA, address, "unsubscribe", "Please."))
        await until(lambda: heard(3))

        assert await in_force(world) == [(ADA, "optional")]
        assert await told(world, meeting_id) == [
            "RemarkReceived",
            "RemarkReceived",
            "MailPreferenceStated",
        ]
