"""What the settings say of mail is what a real installation does with it."""

import subprocess
import uuid
from pathlib import Path

import dkim  # type: ignore[import-untyped]  # has no types
import pytest

from console.installation import Installation
from tests import needs
from tests.patience import until


def made_key(place: Path) -> tuple[Path, bytes]:
    """A private key, and the record that publishes its other half."""
    needs.need("openssl", "openssl")
    key = place / "dkim.pem"
    _openssl("genrsa", "-out", str(key), "2048")
    public = _openssl("rsa", "-in", str(key), "-pubout")
    return key, b"v=DKIM1; k=rsa; p=" + b"".join(public.splitlines()[1:-1])


def _openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


@needs.TEMPORAL
async def test_mail_leaves_signed_and_is_shown_as_it_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, record = made_key(tmp_path)
    monkeypatch.setenv("PARLEY_DKIM_KEY_FILE", str(key))
    monkeypatch.setenv("PARLEY_DKIM_SELECTOR", "one")

    async with Installation(tmp_path / "data") as up, up.client() as client:
        asked = await client.post(
            "/messages",
            json={
                "kind": "order.paid",
                "subject": "order-17",
                "recipient": {"address": "ada@example.org"},
                "template": {"subject": "Paid", "text": "Thank you."},
            },
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
        assert asked.status_code == 201, asked.text
        await until(lambda: len(up.caught()) == 1)
        shown = await client.get(f"{asked.headers['location']}/raw")

    [mail] = up.caught()
    assert mail.raw.startswith(b"DKIM-Signature: ")
    assert shown.content.rstrip() == mail.raw.rstrip()
    assert dkim.verify(mail.raw, dnsfunc=lambda name, timeout=5: record)
