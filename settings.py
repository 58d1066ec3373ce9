"""Every setting of Parley, read once. The only module that looks at the environment.

Each is an environment variable `PARLEY_<NAME>`; README.md lists the ones a real installation
needs. Temporal is reached by its own standard configuration (`TEMPORAL_ADDRESS`,
`TEMPORAL_NAMESPACE`, profiles), which `temporalio.envconfig` reads.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The configuration of one process. Ports are TCP ports; lengths of time are in seconds."""

    model_config = SettingsConfigDict(env_prefix="PARLEY_", frozen=True, extra="ignore")

    data_dir: Path = Path("data")
    database_url: str = ""  # empty: SQLite in the data directory
    base_url: str = "http://127.0.0.1:8700"  # what links in mails and pages start with
    mail_domain: str = "parley.localhost"  # domain of the token addresses
    organizer_name: str = "Parley"  # the name mails come from, unless a meeting says otherwise
    secret: str = ""  # derives tokens and signs cookies; empty: kept in the data directory

    api_host: str = "127.0.0.1"
    api_port: int = 8700
    requests_per_second: float = Field(default=1000, gt=0)  # of one API key, in each process
    intake_host: str = "127.0.0.1"
    intake_port: int = 8725
    catcher_port: int = 0  # 0: no catcher

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 25
    smtp_username: str = ""
    smtp_password: str = ""
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_connections: int = Field(default=4, ge=1, le=64)
    smtp_timeout: float = 60.0

    temporal_address: str = ""  # empty: TEMPORAL_ADDRESS or a profile, else 127.0.0.1:7233
    temporal_namespace: str = "default"
    temporal_ui: str = ""  # address of Temporal's web interface, for links at the desk

    webhook_allow: tuple[str, ...] = ()  # hosts that may be private or plain http, by name
    log_level: str = "INFO"
    health_file: Path | None = None  # touched every 5 seconds by a process whose loop turns

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'parley.db').resolve()}"

    @property
    def is_embedded(self) -> bool:
        """Whether the database is a SQLite file, which one process owns."""
        return self.database.startswith("sqlite")
