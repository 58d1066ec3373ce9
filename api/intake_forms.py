"""Forms that hold a mail: bytes, which is what a mail is, and of any size.

What proves who sent a form is read before anything else of it: taking megabytes of percent signs
apart is work that only a known sender is done.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from python_multipart import FormParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from domain.errors import BadInput
from domain.values import scrubbed

MOST_FIELDS = 200
_LONGEST_TEXT = 4000
_PIECE = 64 * 1024
_PARTS, _PAIRS = b"multipart/form-data", b"application/x-www-form-urlencoded"


class MailForm:
    """The fields of a form, as they came."""

    def __init__(self, fields: Mapping[str, bytes], *, is_encoded: bool) -> None:
        self._fields = fields
        self._is_encoded = is_encoded

    def octets(self, name: str) -> bytes:
        """A field whole; empty where there is none."""
        return self._decoded(self._fields.get(name, b""))

    def text(self, name: str) -> str:
        """A field as one short text; what is longer is cut off."""
        start = self._decoded(self._fields.get(name, b"")[:_LONGEST_TEXT])
        return scrubbed(start.decode("utf-8", "replace"), limit=_LONGEST_TEXT)

    def _decoded(self, value: bytes) -> bytes:
        return _unquoted(value) if self._is_encoded else value


def _unquoted(value: bytes) -> bytes:
    """`value` decoded a piece at a time: an object for each percent sign of a whole mail takes a
    hundred times its size."""
    found = bytearray()
    start = 0
    while start < len(value):
        end = start + _PIECE
        cut = value.rfind(b"%", end - 2, end)  # an escape that goes on in the next piece
        end = end if cut < 0 else cut
        found += unquote_to_bytes(value[start:end].replace(b"+", b" "))
        start = end
    return bytes(found)


def check_form(content_type: str) -> None:
    """Raises `BadInput` for what cannot be a form."""
    if parse_options_header(content_type)[0] not in (_PARTS, _PAIRS):
        raise BadInput("The body is not a form.")


def read_form(content_type: str, body: bytes) -> MailForm:
    """The form that `body` is; files count as fields too. Raises `BadInput` for other bodies."""
    media, options = parse_options_header(content_type)
    if media == _PARTS:
        return MailForm(_parts(options.get(b"boundary", b""), body), is_encoded=False)
    if media != _PAIRS or body.count(b"&") >= MOST_FIELDS:
        raise BadInput("The body is not a form, or has too many fields.")
    pairs = (pair.partition(b"=") for pair in body.split(b"&"))
    return MailForm({_name(name): value for name, _, value in pairs}, is_encoded=True)


def _parts(boundary: bytes, body: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}

    def keep(name: bytes | None, value: bytes) -> None:
        if len(found) >= MOST_FIELDS:
            raise BadInput("The form has too many fields.")
        found[_name(name or b"")] = value

    def keep_file(file: Any) -> None:
        file.file_object.seek(0)
        keep(file.field_name, file.file_object.read())

    def keep_field(field: Any) -> None:
        keep(field.field_name, field.value or b"")

    try:
        in_memory = {"MAX_MEMORY_FILE_SIZE": len(body) + 1}
        parser = FormParser(
            "multipart/form-data", keep_field, keep_file, boundary=boundary, config=in_memory
        )
        parser.write(body)
        parser.finalize()
    except FormParserError:
        raise BadInput("The body is not a form.") from None
    return found


def _name(name: bytes) -> str:
    return name[:_LONGEST_TEXT].decode("utf-8", "replace")
