"""The quarantine by command, while the installation runs."""

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest

from adapters.intake.accepting import Reception
from console.layout import Layout
from console.strays import StrayBook
from domain.errors import BadInput
from domain.inbox.acceptance import Envelope, Source, Way
from settings import Settings
from tests.adapters.intake.letters import (
    ANA,
    DOMAIN,
    MAIL,
    address,
    given_a_meeting,
    kept,
    mail_inputs,
)
from tests.e2e.pages_world import MAIL_DOMAIN, opened_world
from tests.patience import until

T = TypeVar("T")


async def beside(work: Coroutine[Any, Any, T]) -> T:
    """A command waits for the service, which must go on meanwhile."""
    return await asyncio.to_thread(asyncio.run, work)


async def test_commands_reach_the_installation_that_runs(tmp_path: Path) -> None:
    async with opened_world(tmp_path) as world:
        layout = Layout(tmp_path)
        layout.ports.write_text(json.dumps({"api": urlsplit(world.base_url).port}))
        layout.api_key.write_text(world.key)
        await given_a_meeting(world.database)
        envelope = Envelope(mail_from=ANA, recipients=("x@example.org",))
        await Reception(world.database, MAIL_DOMAIN).accept(MAIL, envelope, Source(way=Way.IMAP))
        book = await asyncio.to_thread(StrayBook, Settings(data_dir=tmp_path))

        [mail] = await beside(book.list("kept"))
        assert (mail["id"], mail["reason"]) == ("q1", "nobody")
        given = await beside(book.replay("q1", address().replace(DOMAIN, MAIL_DOMAIN)))
        assert given["state"] == "replayed"

        async def is_read() -> bool:
            return all(row.read_at for row in await kept(world.database))

        await until(is_read)
        with pytest.raises(BadInput, match="--address"):
            await book.replay("m1", address())
        again = await beside(book.replay("m1", None))

        assert again["replays"] == 1
        assert len(await mail_inputs(world.database)) == 2
