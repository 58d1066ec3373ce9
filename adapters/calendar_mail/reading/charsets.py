"""Bytes to text by a table of our own.

Mail names charsets that do not exist, are wrong, or are codecs that are no charsets at all
(`zip`, `rot13`), so a name is never handed to `bytes.decode` unchecked.
"""

import codecs
import re

_REPLACED_BY = {  # what senders write, and the superset that decodes what they mean
    "ascii": "utf-8",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "big5": "big5hkscs",
}
_UNKNOWN_TO_PYTHON = {
    "unicode-1-1-utf-7": "utf-7",
    "iso-8859-8-i": "iso8859-8",
    "iso-8859-6-i": "iso8859-6",
    "windows-874": "cp874",
    "x-sjis": "cp932",
    "x-gbk": "gb18030",
    "x-big5": "big5hkscs",
    "x-euc-jp": "euc_jp",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "ansi_x3.4-1968": "utf-8",
    "utf8mb4": "utf-8",
    "iso-10646-ucs-2": "utf-16",
    "ucs-2": "utf-16",
}
_MULTIBYTE_NAMES = """
utf-7 utf-16 utf-16-le utf-16-be utf-32 utf-32-le utf-32-be gb18030 hz cp932 euc_jp euc_jis_2004
cp949 johab big5hkscs cp950 iso2022_jp iso2022_jp_1 iso2022_jp_2 iso2022_jp_2004 iso2022_jp_3
iso2022_jp_ext iso2022_kr
"""
_MULTIBYTE = frozenset(_MULTIBYTE_NAMES.split())
_SINGLE_BYTE = re.compile(
    r"cp\d+|iso8859-\d+|koi8-[rutk]|koi8_[rutk]|mac[_-]\w+|tis-620|kz1048|ptcp154"
)


def known_charset(name: str | None) -> str | None:
    """The codec that reads what mail calls `name`; None for unknown and unsafe names."""
    cleaned = (name or "").strip(" \t'\"").lower()[:40]
    cleaned = _UNKNOWN_TO_PYTHON.get(cleaned, cleaned)
    if not re.fullmatch(r"[a-z0-9][a-z0-9._:+-]*", cleaned):
        return None
    try:
        codec = codecs.lookup(cleaned).name
    except LookupError:
        return None
    codec = _REPLACED_BY.get(codec, codec)
    is_charset = codec == "utf-8" or codec in _MULTIBYTE or _SINGLE_BYTE.fullmatch(codec)
    return codec if is_charset else None


def decoded(data: bytes, declared: str | None) -> tuple[str, str | None]:
    """`data` as text, and what had to be guessed about its charset, if anything.

    A single-byte charset decodes any bytes, so the label is doubted first: text that is valid
    UTF-8 beyond ASCII is UTF-8, whatever it is called. Never raises.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    codec = known_charset(declared)
    if codec in _MULTIBYTE:
        text = _strictly(data, codec)
        if text is not None:
            return text, None
    text = _strictly(data, "utf-8")
    if text is not None:
        mislabelled = codec not in (None, "utf-8") and not data.isascii()
        return text, _as_utf8(declared) if mislabelled else None
    return _single_byte(data, codec, declared)


def _strictly(data: bytes, codec: str | None) -> str | None:
    try:
        return data.decode(codec or "utf-8")
    except (UnicodeError, ValueError):
        return None


def _as_utf8(declared: str | None) -> str:
    return f"labelled {declared!r} but written in UTF-8; read as UTF-8"


def _single_byte(data: bytes, codec: str | None, declared: str | None) -> tuple[str, str | None]:
    if codec and codec != "utf-8" and codec not in _MULTIBYTE:
        return data.decode(codec, "replace"), None
    said = f"charset {declared!r}" if declared else "no charset"
    text = _strictly(data, "cp1252")
    if text is not None:
        return text, f"{said} and not valid UTF-8; read as windows-1252"
    return data.decode("utf-8", "replace"), f"{said} and not valid UTF-8; some characters are lost"
