"""What an operator does about mail in quarantine and mail of the inbox, one transaction each."""

from datetime import datetime

import sqlalchemy as sa

from adapters.db import belonging, capabilities, inbox, quarantine
from adapters.db.database import Database
from domain.access import OPERATOR, Capability, TokenAddress, read_token_address
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

    async def newest(
        self, owner: str, custody: Custody, limit: int, below: int | None = None
    ) -> list[Stray]:
        return await self._database.read(
            lambda c: quarantine.newest(c, owner, custody, limit, below)
        )

    async def unreadable(self, owner: str, limit: int) -> list[Stray]:
        return await self._database.read(lambda c: quarantine.unreadable(c, owner, limit))

    async def get(self, owner: str, name: StrayName) -> Stray:
        return await self._database.read(lambda c: quarantine.get(c, owner, name))

    async def raw(self, owner: str, name: StrayName) -> bytes:
        def work(c: sa.Connection) -> bytes:
            need_possible(Deed.RAW, quarantine.get(c, owner, name))
            return quarantine.raw_of(c, name)

        return await self._database.read(work)

    async def replay(
        self,
        owner: str,
        name: StrayName,
        at: datetime,
        address: str | None = None,
        seen: int | None = None,
    ) -> Stray:
        def work(c: sa.Connection) -> Stray:
            stray = quarantine.hold(c, owner, name)
            if name.in_inbox:
                _read_again(c, name.row, stray, seen, at)
            elif stray.custody is not Custody.REPLAYED:
                need_possible(Deed.REPLAY, stray)
                to, capability = self._living(c, owner, address or stray.recipient)
                _take_in(c, name, stray, to, capability, at)
            return quarantine.get(c, owner, name)

        return await self._database.write(work)

    async def discard(self, owner: str, name: StrayName, at: datetime) -> Stray:
        def work(c: sa.Connection) -> Stray:
            stray = quarantine.hold(c, owner, name)
            if stray.custody is not Custody.DISCARDED:
                need_possible(Deed.DISCARD, stray)
                quarantine.settle(c, name.row, Custody.DISCARDED, at)
            return quarantine.get(c, owner, name)

        return await self._database.write(work)

    def _living(
        self, c: sa.Connection, owner: str, address: str
    ) -> tuple[TokenAddress, Capability]:
        """Raises `BadInput` for what is no address of ours, `Refused` for one that is dead, or
        another owner's: only the operator gives mail to all."""
        named = read_token_address(address, self._mail_domain)
        if named is None or named.purpose not in PURPOSES:
            raise BadInput(
                f"Give the token address at {self._mail_domain} that it is for.", field="address"
            )
        capability = capabilities.find(c, named.purpose, named.token)
        if capability is None or not _may_give(c, owner, capability):
            raise Refused("Nobody of yours has this address, or it was revoked; give a living one.")
        return named, capability


def _may_give(c: sa.Connection, owner: str, capability: Capability) -> bool:
    return owner in (OPERATOR, belonging.owner_of(c, capability.stream))


def _take_in(
    c: sa.Connection,
    name: StrayName,
    stray: Stray,
    named: TokenAddress,
    capability: Capability,
    at: datetime,
) -> None:
    """Under the key it would have had: a mail that came in anyway is that one mail."""
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
