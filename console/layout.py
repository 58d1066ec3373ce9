"""What lies where in a data directory, and the settings the children of `up` are given."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from settings import Settings

WANTED_PORTS = {"api": 8700, "intake": 8725, "catcher": 8726, "temporal": 7233, "temporal-ui": 8233}

_FILES = (
    *("parley.db*", "catcher.db*", "temporal.db*", "secret", "api-key", "ports.json"),
    *("up.json", "up.lock", "up.log", "logs", "logs/*.log", "logs/*.log.1"),
)


@dataclass(frozen=True)
class Layout:
    """The files of one data directory."""

    data: Path

    @property
    def ports(self) -> Path:
        return self.data / "ports.json"

    @property
    def api_key(self) -> Path:
        """The first API key, readable by its owner alone; how commands reach a running `up`."""
        return self.data / "api-key"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    def close_to_others(self) -> None:
        """Let this process, and those it starts, make files for their own user only; take others'
        rights to what an earlier version made. Nothing else in the directory is touched, nor is
        the directory itself when it holds something else."""
        os.umask(0o077)
        ours = list(self._ours())
        if ours and set(self.data.iterdir()) <= set(ours):
            ours.append(self.data)
        for path in ours:
            with suppress(OSError):  # another user's, or gone by now: not ours to close
                path.chmod(path.stat().st_mode & 0o700)

    def _ours(self) -> Iterator[Path]:
        for pattern in _FILES:
            yield from (path for path in self.data.glob(pattern) if not path.is_symlink())


def embedded(
    settings: Settings, data: Path, ports: Mapping[str, int], address: str | None = None
) -> Settings:
    """The settings of an embedded installation on these ports; what was set explicitly stays.

    `address` is where Temporal is, None for the development server on its kept port.
    """
    given = settings.model_fields_set
    chosen: dict[str, object] = {
        "data_dir": data,
        "api_port": ports["api"],
        "intake_port": ports["intake"],
        "temporal_address": address or f"127.0.0.1:{ports['temporal']}",
    }
    if "base_url" not in given:
        chosen["base_url"] = f"http://127.0.0.1:{ports['api']}"
    if "temporal_ui" not in given and not address:
        chosen["temporal_ui"] = f"http://127.0.0.1:{ports['temporal-ui']}"
    if "smtp_host" not in given:
        chosen |= {
            "smtp_host": "127.0.0.1",
            "smtp_port": ports["catcher"],
            "catcher_port": ports["catcher"],
        }
    return settings.model_copy(update=chosen)


def variables(settings: Settings) -> dict[str, str]:
    """The environment that makes a child read these settings, as far as `embedded` chose them."""
    names = ("data_dir", "api_port", "intake_port", "temporal_address", "temporal_ui", "base_url")
    mail = ("smtp_host", "smtp_port", "catcher_port")
    return {f"PARLEY_{name.upper()}": str(getattr(settings, name)) for name in (*names, *mail)}
