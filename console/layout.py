"""What lies where in a data directory, and the settings the children of `up` are given."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from settings import Settings

WANTED_PORTS = {"api": 8700, "intake": 8725, "catcher": 8726, "temporal": 7233, "temporal-ui": 8233}


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
