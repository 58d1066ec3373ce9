"""The webhooks of a database, as the API needs them."""

from datetime import datetime

from adapters.db import deliveries, endpoints, journal, webhooks
from adapters.db.database import Database
from domain.journal import JournalEvent
from domain.webhooks.model import Delivery, DeliveryState, Endpoint


class SqlWebhooks:
    """Owners' endpoints and their deliveries. Everything of another owner is `NotFound`;
    instants are aware UTC."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, endpoint: Endpoint) -> None:
        """Raises `Refused` when the owner has too many."""
        await self._database.write(lambda c: webhooks.add(c, endpoint))

    async def get(self, owner: str, endpoint_id: str) -> Endpoint:
        """Raises `NotFound`."""
        return await self._database.read(lambda c: webhooks.get(c, owner, endpoint_id))

    async def list_of(self, owner: str) -> list[Endpoint]:
        """Oldest first."""
        return await self._database.read(lambda c: webhooks.list_of(c, owner))

    async def remove(self, owner: str, endpoint_id: str) -> None:
        """Forget an endpoint and what was on its way to it. Raises `NotFound`."""
        await self._database.write(lambda c: webhooks.remove(c, owner, endpoint_id))

    async def rotate_secret(
        self, owner: str, endpoint_id: str, secret: str, at: datetime
    ) -> Endpoint:
        """Sign with `secret` from now on, and with the present one too for a day.

        Raises `NotFound`.
        """
        return await self._database.write(
            lambda c: webhooks.rotate_secret(c, owner, endpoint_id, secret, at)
        )

    async def enable(self, owner: str, endpoint_id: str, at: datetime) -> Endpoint:
        """Send again, what was waiting first. Raises `NotFound`."""
        return await self._database.write(lambda c: endpoints.enable(c, owner, endpoint_id, at))

    async def ping(self, owner: str, endpoint_id: str, at: datetime) -> Delivery:
        """Make a test delivery. Raises `NotFound`, and `Refused` when disabled."""
        return await self._database.write(
            lambda c: deliveries.get(c, owner, webhooks.ping(c, owner, endpoint_id, at))
        )

    async def deliveries(
        self,
        owner: str,
        endpoint_id: str,
        *,
        before: int | None = None,
        state: DeliveryState | None = None,
        limit: int = 50,
    ) -> list[Delivery]:
        """The newest event first, from below the position `before`. Raises `NotFound`."""
        return await self._database.read(
            lambda c: deliveries.list_of(
                c, owner, endpoint_id, before=before, state=state, limit=limit
            )
        )

    async def delivery(self, owner: str, delivery_id: str) -> Delivery:
        """Raises `NotFound`."""
        return await self._database.read(lambda c: deliveries.get(c, owner, delivery_id))

    async def event(self, owner: str, delivery: Delivery) -> JournalEvent | None:
        """The event that `delivery` tells of; None for a test delivery."""
        return await self._database.read(lambda c: journal.find(c, owner, delivery.position))

    async def retry(self, owner: str, delivery_id: str, at: datetime) -> Delivery:
        """Send again from now on. Raises `NotFound`, and `Refused` when the endpoint is disabled
        or an attempt is under way."""
        return await self._database.write(lambda c: deliveries.retry(c, owner, delivery_id, at))
