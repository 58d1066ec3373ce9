"""Signed mail on its way: signed once, and the same at every attempt."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import dkim  # type: ignore[import-untyped]  # dkimpy has no types
import pytest

from adapters.db.database import Database
from adapters.dispatch import OutboxDispatcher
from adapters.dkim import DkimSigner, read_key
from adapters.smtp import Relay, SmtpMailer
from bench.peers.chaos import ChaosServer
from bench.peers.faults import FAULTS, Step
from bench.peers.taken import Taken
from domain.outbox.model import Draft
from domain.postage import OnUnknown, Postage
from tests.adapters.certificates import private_key
from tests.adapters.outbox_rows import attempts, draft, enqueue, states
from tests.patience import until


@pytest.fixture(scope="module")
def signers(tmp_path_factory: pytest.TempPathFactory) -> list[DkimSigner]:
    """With an old key and a new one."""
    place = tmp_path_factory.mktemp("keys")
    keys = [read_key(private_key(place, "genrsa", bits)) for bits in ("1024", "1026")]
    names = ("old", "new")
    return [DkimSigner(n, "parley.example", key) for n, key in zip(names, keys, strict=True)]


def letter() -> Draft:
    raw = b"From: Parley <r+abc@parley.example>\r\n" + draft().raw
    postage = Postage(on_unknown=OnUnknown.RESEND_ONCE)
    return draft().model_copy(update={"raw": raw, "postage": postage})


def is_good(mail: Taken, signers: Sequence[DkimSigner]) -> bool:
    records = {f"{one.record_name}.".encode(): one.record.encode() for one in signers}
    return bool(dkim.verify(mail.raw, dnsfunc=lambda name, timeout=5: records.get(name)))


async def nobody(stream: str) -> None:
    """Tells no saga."""


async def dispatched(
    database: Database,
    port: int,
    signer: DkimSigner,
    enough: Callable[[list[str]], bool],
    now: datetime,
) -> None:
    mailer = SmtpMailer(Relay("127.0.0.1", port, timeout=10, dot_timeout=10))
    dispatcher = OutboxDispatcher(database, mailer, nobody, signer=signer, now=lambda: now)
    running = asyncio.create_task(dispatcher.run())

    async def reached() -> bool:
        return enough([state for _, _, state in await attempts(database)])

    try:
        await until(reached)
    finally:
        dispatcher.stop(patience=2.0)
        await running


@pytest.mark.parametrize(("fault", "copies"), [("dot-4xx", 1), ("dot-taken-close", 2)])
async def test_every_attempt_has_the_signature_of_the_first(
    database: Database, signers: list[DkimSigner], fault: str, copies: int
) -> None:
    """Whatever the dispatcher of the second is configured with."""
    at = datetime.now(UTC)
    await enqueue(database, letter(), at=at)

    async with ChaosServer({Step.DOT: [FAULTS[fault][1]]}) as server:
        old, new = signers
        await dispatched(database, server.port, old, bool, at)
        later = at + timedelta(minutes=5)
        await dispatched(database, server.port, new, lambda seen: "sent" in seen, later)

    assert len(server.taken) == copies
    assert len({mail.digest for mail in server.taken}) == 1
    assert all(is_good(mail, [old]) for mail in server.taken)
    assert not any(is_good(mail, [new]) for mail in server.taken)


async def test_a_mail_that_cannot_be_signed_fails_and_says_why(
    database: Database, signers: list[DkimSigner]
) -> None:
    await enqueue(database, draft(), at=datetime.now(UTC))  # it has no From

    async with ChaosServer() as server:
        now = datetime.now(UTC)
        await dispatched(database, server.port, signers[0], bool, now)

    assert await states(database) == ["failed"]
    assert server.taken == []
