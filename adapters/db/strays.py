"""What an operator does about mail in quarantine and mail of the inbox, one transaction each."""

from datetime import datetime

import sqlalchemy as sa

from adapters.db import capabilities, inbox, quarantine
from adapters.db.database import Database
from domain.access import Capability, TokenAddress, read_token_address
from domain.errors import BadInput, Refused
from domain.inbox.acceptance import PURPOSES
from domain.inbox.identity import message_key
from domain.inbox.quarantine import (
    Custody,
    Deed,
    ReplaysMissing,
    Stray,
    StrayName,
    need_possible,
)


class SqlStrays:
    """The quarantine of an installation whose token addresses are in `mail_domain`."""

    def __init__(self, database: Database, mail_domain: str) -> None:
        self._database = database
        self._mail_domain = mail_domain

    async def newest(self, custody: Custody, limit: int, below: int | None = None) -> list[Stray]:
        return await self._database.read(lambda c: quarantine.newest(c, custody, limit, below))

    async def unreadable(self, limit: int) -> list[Stray]:
        return await self._database.read(lambda c: quarantine.unreadable(c, limit))

    async def get(self, name: StrayName) -> Stray:
        return await self._database.read(lambda c: quarantine.get(c, name))

    async def raw(self, name: StrayName) -> bytes:
        def work(c: sa.Connection) -> bytes:
            need_possible(Deed.RAW, quarantine.get(c, name))
            return quarantine.raw_of(c, name)

        return await self._database.read(work)

    async def replay(
        self, name: StrayName, at: datetime, address: str | None = None, seen: int | None = None
    ) -> Stray:
        def work(c: sa.Connection) -> Stray:
            stray = quarantine.hold(c, name)
            if name.in_inbox:
                _read_again(c, name.row, stray, seen, at)
            elif stray.custody is not Custody.REPLAYED:
                self._take_in(c, name, stray, address or stray.recipient, at)
            return quarantine.get(c, name)

        return await self._database.write(work)

    async def discard(self, name: StrayName, at: datetime) -> Stray:
        def work(c: sa.Connection) -> Stray:
            stray = quarantine.hold(c, name)
            if stray.custody is not Custody.DISCARDED:
                need_possible(Deed.DISCARD, stray)
                quarantine.settle(c, name.row, Custody.DISCARDED, at)
            return quarantine.get(c, name)

        return await self._database.write(work)

    def _take_in(
        self, c: sa.Connection, name: StrayName, stray: Stray, address: str, at: datetime
    ) -> None:
        """Under the key it would have had: a mail that came in anyway is that one mail."""
        need_possible(Deed.REPLAY, stray)
        named, capability = self._living(c, address)
        raw = quarantine.raw_of(c, name)
        inbox_id, _ = inbox.accept(
            c,
            key=message_key(named.mark, raw),
            capability=capability,
            mail_from=stray.mail_from,
            source=stray.source,
            raw=raw,
            received_at=at,
            about=named.number,
        )
        quarantine.settle(c, name.row, Custody.REPLAYED, at, inbox_id)

    def _living(self, c: sa.Connection, address: str) -> tuple[TokenAddress, Capability]:
        """Raises `BadInput` for what is no address of ours, `Refused` for one that is dead."""
        named = read_token_address(address, self._mail_domain)
        if named is None or named.purpose not in PURPOSES:
            raise BadInput(
                f"Give the token address at {self._mail_domain} that it is for.", field="address"
            )
        capability = capabilities.find(c, named.purpose, named.token)
        if capability is None:
            raise Refused("Nobody has this address, or it was revoked; give a living one.")
        return named, capability


def _read_again(c: sa.Connection, row: int, stray: Stray, seen: int | None, at: datetime) -> None:
    """As a new input; what the saga made of the first stays. Whoever saw `seen` replays asks for
    the next one, and repeating that changes nothing; neither does asking before it was read."""
    if seen is None:
        raise ReplaysMissing
    if stray.custody is Custody.UNREAD or seen + 1 == stray.replays:
        return
    need_possible(Deed.REPLAY, stray)
    if seen != stray.replays:
        raise Refused(f"This mail was replayed {stray.replays} times, not {seen}; look again.")
    inbox.read_again(c, row, at)
