"""The messages of a database, as the API and the pages need them."""

from datetime import datetime

import sqlalchemy as sa

from adapters.calendar_mail.writing.unsubscribe import list_unsubscribe
from adapters.db import message_deeds, message_queries, message_requests, unsubscribing
from adapters.db.database import Database
from adapters.general_mail.composing import GeneralMailWriter, HeaderLine, message_id
from domain.access import Purpose, derive_token, token_address
from domain.commands import Command, Submission
from domain.outbox.marks import mark_of
from domain.outbox.model import Draft
from domain.outbox.requests import MessageOrder
from domain.outbox.transitions import Deed
from domain.outbox.views import MessageBytes, MessageFilter, MessageStory, MessageView, StateCounts


class SqlMessages:
    """Owners' messages. Everything of another owner is `NotFound`; instants are aware UTC.

    `secret` derives bounce and unsubscribe addresses in `mail_domain`, which mails of integrators
    come from; `base_url` is where people unsubscribe.
    """

    def __init__(self, database: Database, secret: bytes, mail_domain: str, base_url: str) -> None:
        self._database = database
        self._secret = secret
        self._mail_domain = mail_domain
        self._base_url = base_url.rstrip("/")
        self._writer = GeneralMailWriter(mail_domain)

    async def search(self, wanted: MessageFilter) -> list[MessageView]:
        return await self._database.read(lambda c: message_queries.list_page(c, wanted))

    async def counts(self, wanted: MessageFilter) -> StateCounts:
        """How many fit in each state, whatever states `wanted` asks for."""
        return await self._database.read(lambda c: message_queries.counts(c, wanted))

    async def get(self, owner: str, message: int) -> MessageView:
        """Raises `NotFound`."""
        return await self._database.read(lambda c: message_queries.get(c, owner, message))

    async def story(self, owner: str, message: int) -> MessageStory:
        """Raises `NotFound`."""
        return await self._database.read(lambda c: message_queries.story(c, owner, message))

    async def raw(self, owner: str, message: int) -> MessageBytes:
        """The bytes as they are sent, signature included. Raises `NotFound`."""
        return await self._database.read(lambda c: message_queries.raw_of(c, owner, message))

    async def earlier(self, order: MessageOrder) -> MessageView | None:
        """The message that `order` repeats. Raises `MessageDiffers`."""
        return await self._database.read(lambda c: self._earlier(c, order))

    def _earlier(self, c: sa.Connection, order: MessageOrder) -> MessageView | None:
        found = message_requests.earlier(c, order, self._message_id(order))
        return None if found is None else message_queries.get(c, order.owner, found)

    def compose(self, order: MessageOrder, at: datetime) -> Draft:
        """The mail of `order` as it would be sent; nothing is kept.

        Raises `BadInput` for ready MIME that cannot be sent as it is.
        """
        token = derive_token(self._secret, message_requests.bounce_capability(order))
        mail_from = token_address(Purpose.BOUNCE, token, self._mail_domain)
        return self._writer.compose(order, mail_from, at, self._ways_out(order))

    def _ways_out(self, order: MessageOrder) -> tuple[HeaderLine, ...]:
        """The header lines by which its recipient ends mail like it, where that is possible."""
        if not order.postage.optional:
            return ()
        capability = unsubscribing.general_capability(order.owner, order.recipient.address)
        token = derive_token(self._secret, capability)
        address = token_address(Purpose.UNSUBSCRIBE, token, self._mail_domain)
        mark = mark_of(self._message_id(order))
        return list_unsubscribe(f"{self._base_url}/u/{token}", address, mark)

    def _message_id(self, order: MessageOrder) -> str:
        to = order.recipient.address
        return message_id(order.kind, order.stream, order.occasion, to, self._mail_domain)

    async def request(self, order: MessageOrder, at: datetime, by: str) -> tuple[MessageView, bool]:
        """The message of `order`, and whether it is new; `by` is the API key that asks.

        Raises `MessageDiffers`, and what `compose` raises.
        """
        draft = self.compose(order, at)

        def work(c: sa.Connection) -> tuple[MessageView, bool]:
            message, is_new = message_requests.request(c, self._secret, order, draft, at, by)
            return message_queries.get(c, order.owner, message), is_new

        return await self._database.write(work)

    async def act(
        self, submission: Submission, message: int, deed: Deed, by: str
    ) -> tuple[Command, bool]:
        """Carry out a person's deed; gives its finished command, whose stream names the message
        it led to, and whether it was there before. Raises `NotFound`, `KeyReused`, `Refused`."""
        return await self._database.write(
            lambda c: message_deeds.act(c, submission, message, deed, by, self._mail_domain)
        )
