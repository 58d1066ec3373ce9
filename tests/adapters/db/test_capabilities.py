"""Capabilities: a token opens what it was made for, until it is revoked."""

from functools import partial

from adapters.db import capabilities
from adapters.db.database import Database
from domain.access import Capability, Purpose
from tests.adapters.db.orders import NOW, SECRET

REPLY = Capability(purpose=Purpose.REPLY, stream="meeting/1", party=1)


async def test_a_token_opens_its_capability_whatever_its_case(database: Database) -> None:
    token = await database.write(lambda c: capabilities.grant(c, SECRET, REPLY, NOW))

    assert await database.write(lambda c: capabilities.grant(c, SECRET, REPLY, NOW)) == token
    found = await database.read(lambda c: capabilities.find(c, Purpose.REPLY, token.upper()))
    assert found == REPLY


async def test_a_token_serves_no_other_purpose(database: Database) -> None:
    token = await database.write(lambda c: capabilities.grant(c, SECRET, REPLY, NOW))

    assert await database.read(lambda c: capabilities.find(c, Purpose.PAGE, token)) is None
    assert await database.read(lambda c: capabilities.find(c, Purpose.REPLY, "x" * 26)) is None


async def test_a_revoked_token_is_an_unknown_one(database: Database) -> None:
    other = REPLY.model_copy(update={"party": 2})
    token = await database.write(lambda c: capabilities.grant(c, SECRET, REPLY, NOW))
    kept = await database.write(lambda c: capabilities.grant(c, SECRET, other, NOW))

    await database.write(
        lambda c: capabilities.revoke(c, REPLY.stream, REPLY.party, Purpose.REPLY, NOW)
    )

    assert await database.read(lambda c: capabilities.find(c, Purpose.REPLY, token)) is None
    assert await database.read(lambda c: capabilities.find(c, Purpose.REPLY, kept)) == other


async def test_mail_carries_the_newest_generation(database: Database) -> None:
    second = REPLY.model_copy(update={"generation": 2})
    for capability in (second, REPLY):
        await database.write(
            partial(capabilities.grant, secret=SECRET, capability=capability, at=NOW)
        )

    newest = await database.read(lambda c: capabilities.newest(c, REPLY.stream))

    assert newest == {(1, Purpose.REPLY): second}
