"""API keys: what their text holds, and whom they open for."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import KEY_ENTROPY, ApiKey, Scope, key_hash, make_key, open_key, read_key
from domain.errors import WrongKey

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
ENTROPY = bytes(range(KEY_ENTROPY))
TEXT = make_key(ENTROPY).text


def stored(**changes: object) -> ApiKey:
    new = make_key(ENTROPY)
    key = ApiKey(
        id=new.id,
        owner="main",
        name="test",
        scopes=frozenset({Scope.PEOPLE}),
        secret_hash=new.secret_hash,
        created_at=NOW,
    )
    return key.model_copy(update=changes)


@given(st.binary(min_size=KEY_ENTROPY, max_size=KEY_ENTROPY))
def test_every_key_is_read_back_and_is_one_word(entropy: bytes) -> None:
    new = make_key(entropy)

    assert read_key(new.text) == new.id
    assert new.text.replace("_", "").isalnum()
    assert new.text.isascii()
    assert len(new.text) == 66
    assert new.secret_hash == hashlib.sha256(new.text.encode()).hexdigest()


def test_different_randomness_makes_different_keys() -> None:
    others = [make_key(bytes([n]) + ENTROPY[1:]) for n in range(1, 256)]
    others += [make_key(ENTROPY[:-1] + bytes([n])) for n in range(39)]

    assert len({new.text for new in others}) == len(others)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pk_",
        TEXT[:-1],
        TEXT + "0",
        TEXT.upper(),
        TEXT.swapcase(),
        f" {TEXT}",
        f"{TEXT}\n",
        TEXT.replace("pk_", "sk_"),
        TEXT[:20] + ("0" if TEXT[20] != "0" else "1") + TEXT[21:],
        TEXT[:-1] + ("0" if TEXT[-1] != "0" else "1"),
        "pk_é" + TEXT[4:],
    ],
)
def test_a_damaged_key_is_known_as_such_without_the_database(text: str) -> None:
    with pytest.raises(WrongKey) as refusal:
        read_key(text)

    assert len(text) < 10 or text.strip() not in str(refusal.value)


def test_a_live_key_opens_with_its_scopes() -> None:
    principal = open_key(stored(), TEXT, NOW)

    assert (principal.owner, principal.scopes) == ("main", frozenset({Scope.PEOPLE}))


@pytest.mark.parametrize(
    "key",
    [
        None,
        stored(secret_hash=key_hash("another")),
        stored(revoked_at=NOW),
        stored(expires_at=NOW),
        stored(expires_at=NOW - timedelta(days=1)),
    ],
)
def test_unknown_revoked_and_expired_keys_get_one_answer(key: ApiKey | None) -> None:
    with pytest.raises(WrongKey, match="unknown, revoked or expired"):
        open_key(key, TEXT, NOW)


def test_a_key_opens_until_the_instant_it_expires() -> None:
    assert open_key(stored(expires_at=NOW + timedelta(seconds=1)), TEXT, NOW)


def test_printed_keys_keep_their_secret() -> None:
    new = make_key(ENTROPY)

    assert TEXT not in repr(new)
    assert new.secret_hash not in repr(new)
    assert new.secret_hash not in str(stored())


def test_a_key_needs_all_its_randomness() -> None:
    with pytest.raises(ValueError, match="40 random bytes"):
        make_key(b"short")
