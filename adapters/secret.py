"""Files only their owner can read: the installation's secret and its first API key."""

import os
import secrets
from pathlib import Path

from domain.errors import BadInput
from settings import Settings

_SHORTEST = 32  # characters


def installation_secret(settings: Settings, *, is_new: bool = True) -> bytes:
    """What all tokens derive from: the setting, else a file in the data directory.

    The file is made on first use, when the installation `is_new`. Losing it makes every address
    and link that was ever mailed unknown, so it belongs into backups. Raises `BadInput` when the
    secret is too short, lost, or would not be the same for all processes of the installation.
    """
    if settings.secret:
        return _checked(settings.secret, "PARLEY_SECRET")
    path = settings.data_dir / "secret"
    if not settings.is_embedded:
        raise BadInput(_NOT_SHARED + (f" {path} holds one." if path.exists() else ""))
    if not is_new and not path.exists():
        raise BadInput(
            f"{path} is missing, and with it every address and link that was mailed. "
            "Put it back from a backup, or set PARLEY_SECRET to what it held."
        )
    return _checked(kept_or_made(path, secrets.token_hex(32)), str(path))


_NOT_SHARED = (
    "With PostgreSQL, set PARLEY_SECRET, to the same 32 or more random characters for every "
    "process: addresses and links made with another secret do not work."
)


def kept_or_made(path: Path, fresh: str) -> str:
    """The text kept in `path`; `fresh` is kept there first when there is none.

    Durable before it returns, and the same for all callers: the first one's text wins.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        scratch = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(fresh)
            file.flush()
            os.fsync(file.fileno())
        _link_unless_there(scratch, path)
    return path.read_text().strip()


def _link_unless_there(scratch: Path, path: Path) -> None:
    """A hard link, unlike a rename, does not replace what another process was quicker to make."""
    try:
        os.link(scratch, path)
    except FileExistsError:
        pass
    finally:
        scratch.unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _checked(text: str, place: str) -> bytes:
    if len(text) < _SHORTEST:
        raise BadInput(f"The secret in {place} is shorter than {_SHORTEST} characters.")
    return text.encode()
