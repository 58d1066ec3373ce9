"""Every refusal Parley can give, as one tree with stable codes.

    ParleyError
    ├── BadInput              what was asked cannot be understood or is out of bounds
    │   ├── UnknownZone       a time zone name that is not in the IANA database
    │   ├── BadAddress        a mail address nobody can be reached at
    │   └── BadTimes          a slot that ends before it starts, is past, or is too long
    ├── NotFound              nothing by that name, or not for this caller
    │   └── BytesForgotten    the mail is known, its bytes are no longer kept
    ├── NotAllowed            the caller is known, the deed is not theirs
    │   └── WrongKey          no key, an unknown one, or one that was revoked
    ├── Refused               understood and allowed, but not in this state
    │   ├── StreamMoved       somebody else appended first (the optimistic lock)
    │   ├── KeyReused         one idempotency key, two different requests
    │   ├── KeyInFlight       the first request with this key is still being decided
    │   └── LimitReached      more than there is room for in one day
    └── Unavailable           something Parley needs is down; the same request may succeed later

`code` is frozen: integrators match on it. The domain knows no HTTP; `api/errors.py` maps codes.
"""


class ParleyError(Exception):
    """A refusal with a stable `code`, a sentence for people, and the `field` it is about."""

    code = "parley-error"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class BadInput(ParleyError):
    """What was asked cannot be understood, or is out of bounds."""

    code = "bad-input"


class UnknownZone(BadInput):
    """The name is not a time zone of the IANA database."""

    code = "unknown-zone"

    def __init__(self, name: str, *, field: str | None = None) -> None:
        shown = name[:40].encode("ascii", "replace").decode()
        super().__init__(
            f"{shown!r} is not an IANA time zone; write one like 'Europe/Lisbon'.", field=field
        )


class BadAddress(BadInput):
    """The text is not one mail address that can be written to."""

    code = "bad-address"


class BadTimes(BadInput):
    """A slot that ends before it starts, lies in the past, or is too long."""

    code = "bad-times"


class NotFound(ParleyError):
    """Nothing by that name, or nothing this caller may know of."""

    code = "not-found"


class BytesForgotten(NotFound):
    """The bytes of a mail were emptied when their time was over; what is known of it stays."""

    code = "bytes-forgotten"


class NotAllowed(ParleyError):
    """The caller is known, but this is not theirs to do."""

    code = "not-allowed"


class WrongKey(NotAllowed):
    """No API key, an unknown one, or one that was revoked or has expired."""

    code = "wrong-key"


class Refused(ParleyError):
    """Understood and allowed, but not possible in the present state."""

    code = "refused"


class StreamMoved(Refused):
    """The stream is not at the expected version: somebody else appended first."""

    code = "stream-moved"

    def __init__(self, stream: str, expected: int, actual: int) -> None:
        super().__init__(f"{stream} is at version {actual}, not {expected}; read it again.")
        self.expected = expected
        self.actual = actual


class KeyReused(Refused):
    """An idempotency key came back with another request body."""

    code = "idempotency-key-reused"


class KeyInFlight(Refused):
    """The first request with this idempotency key has not been decided yet."""

    code = "idempotency-key-in-flight"


class LimitReached(Refused):
    """More was asked than there is room for in one day; what was accepted before stands."""

    code = "limit-reached"


class Unavailable(ParleyError):
    """Something Parley needs is down; the same request may succeed later."""

    code = "unavailable"
