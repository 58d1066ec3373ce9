"""Values that every system shares: instants, slots, zones, addresses, clean text."""

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

from domain.errors import BadAddress, BadInput, BadTimes, UnknownZone

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)


class Frozen(BaseModel):
    """The base of every value and message: immutable, and strict about unknown fields."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        ser_json_timedelta="iso8601",
        hide_input_in_errors=True,  # they end up in logs and histories
    )


def as_instant(value: datetime) -> datetime:
    """`value` as aware UTC; refuses naive times and years outside 1970 to 2100.

    The window keeps later arithmetic and zone conversion from overflowing.
    Raises `BadTimes`.
    """
    if value.tzinfo is None:
        raise BadTimes("A time needs an offset or Z, for instance 2027-03-01T09:00:00Z.")
    try:
        instant = value.astimezone(UTC)
    except OverflowError:
        raise BadTimes("A time must lie between 1970 and 2100.") from None
    if not EARLIEST <= instant <= LATEST:
        raise BadTimes("A time must lie between 1970 and 2100.")
    return instant


def _checked(check: Callable[..., object]) -> Callable[..., object]:
    """Lets pydantic report our refusals: it only understands ValueError."""

    def run(value: object) -> object:
        try:
            return check(value)
        except BadInput as refusal:
            raise ValueError(str(refusal)) from refusal

    return run


Instant = Annotated[datetime, AfterValidator(_checked(as_instant))]
"""An aware UTC datetime between 1970 and 2100."""


class Slot(Frozen):
    """A stretch of time from `start` to `end`, both aware UTC, `end` after `start`."""

    start: Instant
    end: Instant

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end <= self.start:
            raise ValueError("A slot must end after it starts.")
        return self

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones()) - {"localtime", "Factory", "posixrules"}


def as_zone(name: str) -> str:
    """`name` if it is an IANA zone; membership is asked first, because `ZoneInfo` of
    arbitrary text opens files and raises a dozen kinds of error. Raises `UnknownZone`."""
    if name not in _zone_names():
        raise UnknownZone(name)
    return name


ZoneName = Annotated[str, AfterValidator(_checked(as_zone))]
"""The name of a zone of the IANA database."""


def in_zone(instant: datetime, zone: str) -> datetime:
    """The wall time of `instant` in the IANA zone `zone`."""
    return instant.astimezone(ZoneInfo(zone))


_HALF_PAIR = re.compile("[\ud800-\udfff]")
# C0, DEL, C1, line and paragraph separators, bidi controls, zero-width no-break space.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_INVISIBLE_BUT_BREAKS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)


def _is_storable(text: str) -> bool:
    """No lone surrogates: databases and encoders refuse them."""
    return _HALF_PAIR.search(text) is None


def as_line(text: str) -> str:
    """`text` as one clean line in NFC; refuses control characters and line breaks.

    A line ends up in mail headers, so a break here would be header injection.
    Raises `BadInput`.
    """
    if not _is_storable(text):
        raise BadInput("The text holds half of a surrogate pair; send valid Unicode.")
    if _INVISIBLE.search(text):
        raise BadInput("The text holds control characters or line breaks; remove them.")
    return unicodedata.normalize("NFC", text).strip()


def as_prose(text: str) -> str:
    """`text` as clean prose in NFC: line breaks and tabs may stay, other controls may not.

    Raises `BadInput`.
    """
    if not _is_storable(text):
        raise BadInput("The text holds half of a surrogate pair; send valid Unicode.")
    if _INVISIBLE_BUT_BREAKS.search(text):
        raise BadInput("The text holds control characters; remove them.")
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def scrubbed(text: str, *, limit: int = 4000) -> str:
    """Foreign text made storable and showable: controls dropped, NFC, cut at `limit`.

    For text that arrives by mail, where refusing would lose it.
    """
    kept = "".join(char for char in text if not "\ud800" <= char <= "\udfff")
    kept = _INVISIBLE_BUT_BREAKS.sub("", kept.replace("\r\n", "\n").replace("\r", "\n"))
    return unicodedata.normalize("NFC", kept).strip()[:limit]


Line = Annotated[str, AfterValidator(_checked(as_line))]
Prose = Annotated[str, AfterValidator(_checked(as_prose))]

_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def as_address(text: str) -> str:
    """`text` as one bare mail address: local part kept, domain lower-cased (RFC 5321 §2.4).

    Takes ASCII only; an internationalised domain arrives here as its A-label. Quoted local
    parts and address literals are refused: no participant has one and they are a classic
    way to smuggle a second address. Raises `BadAddress`.
    """
    local, at, domain = text.strip().rpartition("@")
    domain = domain.lower()
    if not at or len(local) > 64 or len(domain) > 253:
        raise BadAddress("This is not one mail address; write it like name@example.org.")
    if not _LOCAL_PART.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise BadAddress("This is not one mail address; write it like name@example.org.")
    return f"{local}@{domain}"


Address = Annotated[str, AfterValidator(_checked(as_address))]
"""One bare mail address with a lower-case ASCII domain."""


def domain_of(address: str) -> str:
    """The domain of a bare mail address, in lower case; '' for what has none."""
    return address.rpartition("@")[2].lower()


def same_mailbox(one: str, other: str) -> bool:
    """Whether two addresses reach one mailbox, as far as anyone outside can tell (case folded)."""
    return one.casefold() == other.casefold()


def without_mailto(value: object) -> object:
    """Drops a `mailto:` prefix of any case, for addresses read from calendars (RFC 6068)."""
    if isinstance(value, str) and value[:7].lower() == "mailto:":
        return value[7:]
    return value


CalendarAddress = Annotated[Address, BeforeValidator(without_mailto)]
