"""Who may post a form, and what a form may hold."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request

from domain.errors import BadInput, NotAllowed

_FORM_LIMIT = 64 * 1024
_FIELD_LIMIT = 60


class CrossSite(NotAllowed):
    """The form was posted from another site."""

    code = "cross-site"

    def __init__(self) -> None:
        super().__init__("This form was posted from another site, so nothing was done.")


def check_same_site(request: Request, base_url: str) -> None:
    """Refuses a POST that another site caused. Raises `CrossSite`.

    Browsers that send Sec-Fetch-Site are believed. For the others Origin has to be ours; it is
    `null` or absent where our own no-referrer policy made it so (Fetch §3.2), and over plain
    HTTP to a host that is not loopback no Sec-Fetch header is sent at all: then the form's
    signed nonce, which every POST needs as well, is the proof.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise CrossSite
        return
    origin = request.headers.get("origin", "null")
    if origin != "null" and not _is_ours(origin, request, base_url):
        raise CrossSite


def _is_ours(origin: str, request: Request, base_url: str) -> bool:
    host = urlsplit(origin).netloc
    return host in (urlsplit(base_url).netloc, request.headers.get("host"))


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a urlencoded form; of a field sent twice the last one counts.

    Raises `BadInput` for other bodies, more than 64 KB, or more than 60 fields.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise BadInput("This page takes forms as a browser sends them.")
    text = (await bounded_body(request)).decode("utf-8", "replace")
    try:
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELD_LIMIT)
    except ValueError:
        raise BadInput("The form has too many fields.") from None
    return dict(fields)


async def bounded_body(request: Request) -> bytes:
    """The whole body. Raises `BadInput` for more than 64 KB."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_LIMIT:
            raise BadInput("The form is too large; write less than 64 KB.")
    return bytes(body)
