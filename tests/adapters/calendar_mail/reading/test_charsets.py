"""Bytes to text, whatever their label says."""

import pytest

from adapters.calendar_mail.reading.charsets import decoded, known_charset

NO_CHARSETS = "zip bz2 hex rot13 idna punycode undefined unicode_escape ../utf-8 mbcs iso-4444-5"


@pytest.mark.parametrize("name", [*NO_CHARSETS.split(), "x\0y", "", "a" * 10_000, None])
def test_what_is_no_charset_is_never_used(name: str | None) -> None:
    assert known_charset(name) is None
    assert decoded("Köln".encode(), name) == ("Köln", None)


@pytest.mark.parametrize(
    ("data", "label", "text"),
    [
        ("Köln".encode(), "utf-8", "Köln"),
        ("Köln".encode(), "us-ascii", "Köln"),
        ("Köln".encode("latin-1"), "ISO-8859-1", "Köln"),
        ("“Köln”".encode("cp1252"), "iso-8859-1", "“Köln”"),  # what Windows calls Latin 1
        ("Łódź".encode("iso-8859-2"), "iso-8859-2", "Łódź"),
        ("Москва".encode("koi8-r"), "KOI8-R", "Москва"),
        ("東京".encode("iso-2022-jp"), "iso-2022-jp", "東京"),
        ("東京".encode("shift_jis"), "Shift_JIS", "東京"),
        ("东京".encode("gb2312"), "gb2312", "东京"),
        ("서울".encode("cp949"), "ks_c_5601-1987", "서울"),
        ("Köln".encode("utf-16"), "utf-16", "Köln"),
        (b"K+APY-ln", "utf-7", "Köln"),
        (b"\xef\xbb\xbfKoln", "utf-8", "Koln"),
    ],
)
def test_a_known_label_is_followed(data: bytes, label: str, text: str) -> None:
    assert decoded(data, label) == (text, None)


@pytest.mark.parametrize(
    ("data", "label", "text", "why"),
    [
        ("Köln".encode(), "iso-8859-1", "Köln", "written in UTF-8"),
        ("Köln".encode("latin-1"), "utf-8", "Köln", "windows-1252"),
        ("Köln".encode("latin-1"), None, "Köln", "no charset"),
        (b"\x81\xff\xfe", "utf-8", "\ufffd\ufffd\ufffd", "lost"),
    ],
)
def test_a_wrong_label_is_seen_and_said(
    data: bytes, label: str | None, text: str, why: str
) -> None:
    found, said = decoded(data, label)

    assert found == text
    assert said is not None
    assert why in said
