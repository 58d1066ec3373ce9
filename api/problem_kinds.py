"""The one table from the codes of refusals to HTTP: status, title, and what to do.

A refusal of the domain without a row of its own is served as what it specialises.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """What one code means over HTTP. `meaning` is served at the problem's type URI;
    `retry_after` is in seconds."""

    status: int
    title: str
    meaning: str
    retry_after: int | None = None


KINDS: dict[str, Kind] = {
    "malformed-request": Kind(
        400, "The request is malformed", "The body is not JSON, or a header cannot be read."
    ),
    "idempotency-key-missing": Kind(
        400,
        "An Idempotency-Key is needed",
        "Send a header `Idempotency-Key` with a fresh UUID, and the same one on every retry.",
    ),
    "wrong-key": Kind(
        401,
        "No valid API key",
        "Send `Authorization: Bearer <key>` with a key that is neither revoked nor expired.",
    ),
    "not-allowed": Kind(403, "Not allowed", "The key is valid, but lacks the scope for this."),
    "not-found": Kind(404, "Not found", "Nothing by that name exists for this key."),
    "method-not-allowed": Kind(
        405, "Method not allowed", "The `Allow` header lists what this resource understands."
    ),
    "not-acceptable": Kind(
        406,
        "No acceptable representation",
        "Resources are application/prs.hal-forms+json, application/hal+json or application/json.",
    ),
    "stale-signature": Kind(
        406,
        "The signature is too old",
        "It was right once. Sign anew, and compare your clock; repeating this changes nothing.",
    ),
    "too-slow": Kind(
        408, "The body did not come in time", "Send it again; it was not kept and does no harm."
    ),
    "refused": Kind(
        409,
        "Not possible now",
        "Understood and allowed, but not in the present state; the links show what is possible.",
    ),
    "stream-moved": Kind(
        409, "Somebody else was first", "Read the resource again and decide anew.", 1
    ),
    "address-taken": Kind(
        409,
        "Somebody has this address",
        "Every address stands in your book once; `GET /people?address=` says whose it is.",
    ),
    "signed-content-differs": Kind(
        409,
        "Something else was signed so",
        "A signature's id or token names one request. Sign a new one under another id.",
    ),
    "message-differs": Kind(
        409,
        "Another mail has this name",
        "Kind, subject, occasion and recipient name one mail for ever; `related` leads to it. Ask "
        "under another occasion to send this one as well.",
    ),
    "idempotency-key-in-flight": Kind(
        409,
        "The first request is still being decided",
        "Repeat the same request with the same key shortly.",
        1,
    ),
    "bytes-forgotten": Kind(
        410, "No longer kept", "The bytes of a mail are kept for a time only, and that is over."
    ),
    "precondition-failed": Kind(
        412, "Another version", "If-Match names a version that is no longer the present one."
    ),
    "body-too-large": Kind(
        413, "The body is too large", "Bodies may have up to 256 KB; those that hold a mail more."
    ),
    "unsupported-media-type": Kind(
        415, "Unsupported media type", "Send the body as `Content-Type: application/json`."
    ),
    "invalid-request": Kind(
        422, "The request does not fit", "`errors` names each field and what is wrong with it."
    ),
    "bad-input": Kind(422, "Bad input", "What was asked cannot be understood or is out of bounds."),
    "missing-variable": Kind(
        422, "A variable is missing", "The template names a variable that was not given."
    ),
    "unknown-zone": Kind(
        422, "Unknown time zone", "Zones are names of the IANA database, such as Europe/Lisbon."
    ),
    "bad-address": Kind(422, "Bad mail address", "One bare address is needed: name@example.org."),
    "bad-target": Kind(
        422,
        "Webhooks cannot be sent there",
        "A webhook needs an https URL on a public host, on port 443 or 8443.",
    ),
    "bad-times": Kind(
        422, "Bad times", "A slot ends before it starts, lies in the past, or is too long."
    ),
    "idempotency-key-reused": Kind(
        422,
        "Idempotency key reused",
        "This key came before with another body. Use a fresh key for a new request.",
    ),
    "replays-missing": Kind(
        428,
        "Say how often it was read again",
        "Send `replays` as the mail shows it. A request that comes twice is then one replay.",
    ),
    "too-many-requests": Kind(
        429,
        "Too many requests",
        "More than one key may ask, or too many wrong keys; wait as long as `Retry-After` says.",
    ),
    "internal-error": Kind(
        500, "Something broke", "The fault is ours; it was logged under the problem's instance."
    ),
    "unavailable": Kind(
        503,
        "Temporarily unavailable",
        "Something Parley needs is down. Repeat the same request with the same key.",
        5,
    ),
}
