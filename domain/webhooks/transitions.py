"""What may be asked of an endpoint and of a delivery now: behind links, forms and refusals."""

from datetime import datetime
from enum import StrEnum

from domain.errors import Refused
from domain.webhooks.model import Delivery, DeliveryState, Endpoint, EndpointState


class Deed(StrEnum):
    """What can be asked of an endpoint; each is its link relation and the end of its path."""

    TEST = "test"
    ENABLE = "enable"
    ROTATE_SECRET = "rotate-secret"


_TITLES = {
    Deed.TEST: "Send a test delivery",
    Deed.ENABLE: "Deliver again, what was waiting first",
    Deed.ROTATE_SECRET: "Sign with a new secret; the present one stays valid for a day",
}
_POSSIBLE = {
    EndpointState.ACTIVE: (Deed.TEST, Deed.ROTATE_SECRET),
    EndpointState.DISABLED: (Deed.ENABLE, Deed.ROTATE_SECRET),
}


def title_of(deed: Deed) -> str:
    """The label a deed is offered under."""
    return _TITLES[deed]


def possible(endpoint: Endpoint) -> tuple[Deed, ...]:
    """What may be asked of `endpoint` now."""
    return _POSSIBLE[endpoint.state]


def need_active(endpoint: Endpoint) -> None:
    """Raises `Refused` for a disabled endpoint: nothing is delivered to it."""
    if endpoint.state is EndpointState.DISABLED:
        raise Refused("The webhook is disabled; enable it first.")


def is_under_way(delivery: Delivery, now: datetime) -> bool:
    """Whether an attempt of `delivery` holds a lease at `now`."""
    leased_until = delivery.lease_until
    return (
        delivery.state is DeliveryState.PENDING and leased_until is not None and now < leased_until
    )


def may_retry(delivery: Delivery, endpoint: Endpoint, now: datetime) -> bool:
    """Whether `delivery` may be sent again from `now` on."""
    return endpoint.state is EndpointState.ACTIVE and not is_under_way(delivery, now)


def need_retry(delivery: Delivery, endpoint: Endpoint, now: datetime) -> None:
    """Raises `Refused` unless `may_retry`."""
    need_active(endpoint)
    if not may_retry(delivery, endpoint, now):
        raise Refused("An attempt is under way; look again in a minute.")
