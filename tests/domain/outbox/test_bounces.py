"""Why mail comes back, and what follows for its address."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.outbox.bounces import Cause, cause_of, fate_of, is_dead, outweighs
from domain.outbox.model import DeliveryFate, Suppression, SuppressionReason, SuppressionScope
from domain.outbox.suppression import after_bounce, after_complaint, is_disproved

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "words", "cause"),
    [
        ("5.1.1", "", Cause.NO_MAILBOX),
        ("5.1.2", "", Cause.NO_DOMAIN),
        ("5.1.10", "RESOLVER.ADR.RecipientNotFound", Cause.NO_MAILBOX),
        ("5.4.4", "", Cause.NO_DOMAIN),
        ("5.2.1", "", Cause.DISABLED),
        ("5.2.2", "552 5.2.2 over quota", Cause.FULL),
        ("5.7.1", "550 5.7.1 no such user here, says the policy", Cause.POLICY),
        ("5.1.8", "sender's domain does not exist", Cause.POLICY),
        ("5.4.1", "Recipient address rejected: Access denied", Cause.OTHER),
        ("4.4.1", "connection timed out", Cause.TIMED_OUT),
        ("4.2.2", "", Cause.FULL),
        # Exim has one code for everything, and the other server's words beside it.
        ("5.0.0", "550 5.1.1 <ana@example.org>: unknown", Cause.NO_MAILBOX),
        ("5.0.0", "550 No Such User Here", Cause.NO_MAILBOX),
        ("5.0.0", "Unrouteable address", Cause.NO_MAILBOX),
        ("5.0.0", "552 Mailbox full: user unknown to have emptied it", Cause.FULL),
        ("5.0.0", "554 blocked by spam filter: unknown user", Cause.POLICY),
        (None, "Sorry, no mailbox here by that name. (#5.1.1)", Cause.NO_MAILBOX),
        (None, "550 User unknown", Cause.NO_MAILBOX),
        (None, "450 User unknown in virtual table", Cause.TIMED_OUT),
        ("4.0.0", "user unknown", Cause.TIMED_OUT),
        (None, "10.5.1.1 said goodbye", Cause.OTHER),  # an address of a host is no code
        (None, "", Cause.OTHER),
    ],
)
def test_codes_come_before_words(status: str | None, words: str, cause: Cause) -> None:
    assert cause_of(status, words) is cause


@pytest.mark.parametrize("cause", Cause)
def test_only_what_is_wrong_with_the_address_itself_suppresses_it(cause: Cause) -> None:
    measure = after_bounce(cause, NOON)

    assert (measure is not None) is is_dead(cause)
    if measure is not None:
        assert measure.until == NOON + timedelta(days=30)


def suppression(reason: SuppressionReason) -> Suppression:
    return Suppression(
        id=1,
        owner="main",
        address="ana@example.org",
        scope=SuppressionScope.ALL,
        reason=reason,
        created_at=NOON,
    )


@pytest.mark.parametrize("reason", SuppressionReason)
def test_later_delivery_disproves_a_bounce_and_nothing_a_person_wanted(
    reason: SuppressionReason,
) -> None:
    one = suppression(reason)

    assert is_disproved(one, NOON + timedelta(hours=1)) is (reason is SuppressionReason.BOUNCED)
    assert not is_disproved(one, NOON)


def test_a_complaint_holds_until_a_person_lifts_it() -> None:
    assert after_complaint().until is None


def test_actions_become_fates_and_relayed_says_nothing() -> None:
    actions = ["delayed", "delivered", "expanded", "failed", "relayed", "unheard-of"]

    assert [fate_of(one) for one in actions] == [
        DeliveryFate.DELAYED,
        DeliveryFate.DELIVERED,
        DeliveryFate.DELIVERED,
        DeliveryFate.BOUNCED,
        None,
        None,
    ]


def test_a_late_note_of_delay_does_not_hide_what_followed_it() -> None:
    assert outweighs(DeliveryFate.DELAYED, None)
    assert outweighs(DeliveryFate.DELIVERED, DeliveryFate.DELAYED)
    assert outweighs(DeliveryFate.COMPLAINED, DeliveryFate.DELIVERED)
    assert not outweighs(DeliveryFate.DELAYED, DeliveryFate.BOUNCED)
    assert not outweighs(DeliveryFate.BOUNCED, DeliveryFate.BOUNCED)
