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
    smtp_ca_file: Path | None = None  # trusts this authority instead of the system's
    smtp_mails_per_connection: int = Field(default=100, ge=1)

    installation: str = ""  # the name of the place that mail leaves from; see docs/running.md
    hold_all: bool = False  # nothing leaves: for development, and for looking before sending
    mails_per_second: float = Field(default=0, ge=0)  # through the relay; 0: no limit
    mails_per_second_to: dict[str, float] = {}  # by recipient's domain; "*" is every other one
    mails_per_second_of: dict[str, float] = {}  # by kind, or its beginning up to a dot
    connections_to: dict[str, int] = {}  # at once, by recipient's domain; "*" is every other one
    recipient_cap: int = Field(default=100, ge=0)  # mails to one address in a day; 0: no limit
    quiet_hours: str = ""  # "22:00-07:00" in the recipient's zone; holds back what can wait
    dispatchers: int = Field(default=1, ge=1, le=64)  # that run at once in all of the installation
    dkim_selector: str = ""
    dkim_domain: str = ""  # empty: the mail domain
    dkim_key_file: Path | None = None  # PEM of the private key

    intake_mails_per_minute: float = Field(default=600, ge=0)  # from one peer; 0: no limit
    feedback_address: str = ""  # where complaints about our mail come to, by feedback loops
    lmtp_host: str = "127.0.0.1"
    lmtp_port: int = 0  # 0: no LMTP
    imap_host: str = ""  # empty: no mailbox is watched
    imap_port: int = 993
    imap_security: Literal["tls", "starttls", "none"] = "tls"
    imap_ca_file: Path | None = None  # trusts this authority instead of the system's
    imap_username: str = ""
    imap_password: str = ""
    imap_folder: str = "INBOX"
    imap_done_folder: str = "Parley/Done"  # where taken mails go; empty: they are marked as read
    intake_webhook_secret: str = ""  # of `POST /intake/raw`; empty: refused
    postmark_password: str = ""  # of `POST /intake/postmark`, user `postmark`; empty: refused
    mailgun_signing_key: str = ""  # of `POST /intake/mailgun`; empty: refused
    keep_raw_mail_for: int = Field(default=90, ge=1)  # days that the bytes of mails are kept

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
