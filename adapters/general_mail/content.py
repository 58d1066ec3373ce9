"""Headers about a mail's content, read strictly and written anew.

Programs further on unfold, decode and fold them once more, each in its own way: Python's ends a
line at a form feed, and writes a line break that was percent-encoded into a long parameter as a
line break. So only the plain form is taken, without comments (RFC 2045 §5.1, RFC 2231), and
goes out in lines that nobody has to fold, wherever that is possible.
"""

import re
from collections.abc import Iterator

_LONGEST_LINE = 76
_NAME = r"[!#$&+.^_`{|}~0-9A-Za-z-]{1,40}"  # RFC 2231 §7: no * % '
_QUOTED = r'"[ !#-\[\]-~]{0,800}"'  # without quoted pairs, which not everybody understands
_VALUE = rf"{_QUOTED}|[!#$%&'*+.^_`{{|}}~0-9A-Za-z-]{{1,800}}"
_START = re.compile(rf"({_NAME}(?:/{_NAME})?) *")
_PARAMETER = re.compile(rf"; *(?:({_NAME}(?:\*[0-9]{{1,2}})?\*?)=({_VALUE}) *)?")
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")  # RFC 2046 §5.1.1
_ENCODED = re.compile(
    r"(?:(?:utf-8|us-ascii|iso-8859-[0-9]{1,2}|windows-125[0-9])'[0-9a-z-]*')?"
    r"(?:[^%'*]|%(?![01]|7f)[0-9a-f]{2})*",
    re.IGNORECASE,
)
_LANGUAGES = re.compile(r"[0-9A-Za-z-]{1,40}(?: *, *[0-9A-Za-z-]{1,40}){0,19}")


class NotPlain(ValueError):
    """A header has another form than the plain one."""


def tidied(name: str, value: str) -> str:
    """The value of the header `name` (in lower case), in one line, as it shall be written: folded.

    Raises `NotPlain`.
    """
    plain = value.replace("\t", " ").strip()
    if name == "content-transfer-encoding":
        return plain.lower()
    if name != "content-language":
        return _with_parameters(name, plain)
    if not _LANGUAGES.fullmatch(plain):
        raise NotPlain
    return _folded(name, [f"{one.strip()}," for one in plain.split(",")])


def _with_parameters(name: str, value: str) -> str:
    start = _START.match(value)
    if start is None or ("/" in start[1]) is not (name == "content-type"):
        raise NotPlain
    given = list(_parameters(value, start.end()))
    names = {one.lower() for one, _ in given}
    whole = {one.removesuffix("*") for one in names if not _is_piece(one)}
    pieces = {one.partition("*")[0] for one in names if _is_piece(one)}
    if len(names) != len(given) or whole & pieces:
        raise NotPlain  # programs differ in which of two they take
    return _folded(name, [f"{start[1]};", *(f"{one}={said};" for one, said in given)])


def _is_piece(name: str) -> bool:
    """Whether it is one of the pieces of a long value (RFC 2231 §3)."""
    return name.partition("*")[2][:1].isdigit()


def _parameters(value: str, at: int) -> Iterator[tuple[str, str]]:
    while at < len(value):
        found = _PARAMETER.match(value, at)
        if found is None:
            raise NotPlain
        if found[1] is not None:
            _check_parameter(found[1].lower(), found[2])
            yield found[1], found[2]
        at = found.end()


def _check_parameter(name: str, value: str) -> None:
    said = value.strip('"')
    if name.startswith("boundary"):
        is_plain = name == "boundary" and _BOUNDARY.fullmatch(said) is not None
    else:
        is_plain = not name.endswith("*") or _ENCODED.fullmatch(value) is not None
    if not is_plain or "=?" in said:  # encoded-words, which many decode here (RFC 2047 §5)
        raise NotPlain


def _folded(name: str, pieces: list[str]) -> str:
    text, length = "", len(name) + 1
    for piece in pieces:
        if text and length + 1 + len(piece) > _LONGEST_LINE:
            text, length = f"{text}\r\n", 0
        text, length = f"{text} {piece}", length + 1 + len(piece)
    return text[1:-1]  # without the last separator
