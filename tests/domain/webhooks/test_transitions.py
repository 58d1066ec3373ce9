"""What is offered of an endpoint or a delivery is what would be accepted."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import Refused
from domain.webhooks.model import Delivery, DeliveryState, Endpoint, EndpointState
from domain.webhooks.transitions import Deed, may_retry, need_active, need_retry, possible

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)


def endpoint(state: EndpointState) -> Endpoint:
    return Endpoint(
        id="hook",
        owner="main",
        url="https://example.org/",
        events=(),
        secret="whsec_hush",
        state=state,
        created_at=NOW,
    )


def delivery(state: DeliveryState, leased_for: timedelta | None = None) -> Delivery:
    return Delivery(
        id="msg_1",
        endpoint_id="hook",
        position=7,
        type="MeetingEnded",
        state=state,
        attempts=1,
        next_at=NOW,
        created_at=NOW,
        lease_until=None if leased_for is None else NOW + leased_for,
    )


@pytest.mark.parametrize("state", list(EndpointState))
def test_a_test_is_offered_exactly_when_it_is_accepted(state: EndpointState) -> None:
    hook = endpoint(state)

    if Deed.TEST in possible(hook):
        need_active(hook)
    else:
        with pytest.raises(Refused):
            need_active(hook)


@pytest.mark.parametrize("hook", [endpoint(state) for state in EndpointState])
@pytest.mark.parametrize("state", list(DeliveryState))
@pytest.mark.parametrize("leased_for", [None, timedelta(seconds=-1), timedelta(seconds=1)])
def test_a_retry_is_offered_exactly_when_it_is_accepted(
    hook: Endpoint, state: DeliveryState, leased_for: timedelta | None
) -> None:
    waiting = delivery(state, leased_for)

    if may_retry(waiting, hook, NOW):
        need_retry(waiting, hook, NOW)
    else:
        with pytest.raises(Refused):
            need_retry(waiting, hook, NOW)


def test_a_delivery_under_way_is_not_sent_again_beside_itself() -> None:
    hook = endpoint(EndpointState.ACTIVE)

    assert not may_retry(delivery(DeliveryState.PENDING, timedelta(seconds=1)), hook, NOW)
    assert may_retry(delivery(DeliveryState.PENDING, timedelta(seconds=-1)), hook, NOW)


def test_a_printed_endpoint_keeps_its_secret() -> None:
    rotating = endpoint(EndpointState.ACTIVE).model_copy(update={"previous_secret": "whsec_old"})

    assert "hush" not in repr(rotating)
    assert "whsec" not in str(rotating)
