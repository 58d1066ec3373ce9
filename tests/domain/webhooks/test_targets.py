"""Where webhooks may point: every spelling of a private place is refused."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.webhooks.targets import BadTarget, Target, is_public, read_target

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::7f00:1",
    "100::1",
    "2001::1",
    "2001:0:53aa:64c:0:0:80ff:fffe",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:c0a8:101::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456:789a::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2606:4700::1%1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.1",
    "192.167.255.255",
    "192.169.0.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@given(st.ip_addresses())
def test_nothing_the_standard_library_calls_private_is_public(address: object) -> None:
    checked = ip_address(str(address))

    if checked.is_private or checked.is_multicast or checked.is_reserved or checked.is_link_local:
        assert not is_public(checked)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_url_with_a_private_address_is_refused(address: str) -> None:
    host = f"[{address}]" if ":" in address else address

    with pytest.raises(BadTarget) as refusal:
        read_target(f"https://{host}/hook")

    assert refusal.value.field == "url"


@pytest.mark.parametrize(
    "url",
    [
        "https://2130706433/",  # 127.0.0.1 as one decimal number
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://127.1/",
        "https://127.0.1/",
        "https://127.0.0.1./",
        "https://127.000.000.001/",
        "https://0/",
        "https://8.8.8.8.8/",
        "https://256.256.256.256/",
        "https://example.org.0x/",
        "https://example.1/",
        "https://1.1.1.1:22/",
    ],
)
def test_an_address_in_disguise_is_refused(url: str) -> None:
    with pytest.raises(BadTarget):
        read_target(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook",
        "//example.org/hook",
        "https:example.org",
        "https:///hook",
        "https://",
        "http://example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "javascript:alert(1)",
        "https://user@example.org/",
        "https://user:word@example.org/",
        "https://@example.org/",
        "https://example.org@127.0.0.1/",
        "https://example.org/#part",
        "https://example.org/#",
        "https://example.org:80/",
        "https://example.org:8080/",
        "https://example.org:0/",
        "https://example.org:65536/",
        "https://example.org:-1/",
        "https://example.org:x/",
        "https://exa mple.org/",
        "https://example.org/a b",
        "https://example.org/\r\nHost: other",
        "https://example.org\\@127.0.0.1/",
        "https:\\\\example.org/",
        "https://example.org/\x00",
        "https://example.org/é",
        "https://пример.example/",
        "https://ⅼocalhost/",
        "https://127。0。0。1/",
        "https://example..org/",
        "https://.example.org/",
        "https://example.org./",
        "https://-example.org/",
        "https://exam%70le.org/",
        "https://[::1/",
        "https://[example.org]/",
        "https://[fe80::1%25eth0]/",
        "https://[fe80::1%eth0]/",
        "https://[2606:4700::1%25en0]/",
        "https://[v1.x]/",
        "https://localhost/",
        "https://localhost:8443/",
        "https://intranet/",
        "https://db.internal/",
        "https://printer.local/",
        "https://api.localhost/",
        "https://router.home.arpa/",
        "https://nas.lan/",
        f"https://{'a' * 64}.example/",
        f"https://{'a.' * 130}example/",
        "https://example.org/" + "a" * 2000,
    ],
)
def test_a_url_that_could_lead_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(BadTarget):
        read_target(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://example.org", "example.org", 443, "/", "example.org"),
        ("https://example.org:443/a", "example.org", 443, "/a", "example.org"),
        ("https://Example.ORG:8443/A?b=c", "example.org", 8443, "/A?b=c", "example.org:8443"),
        ("HTTPS://example.org?x", "example.org", 443, "/?x", "example.org"),
        ("https://xn--e1afmkfd.example/", "xn--e1afmkfd.example", 443, "/", "xn--e1afmkfd.example"),
        ("https://my_hooks.example.org/", "my_hooks.example.org", 443, "/", "my_hooks.example.org"),
        ("https://1.1.1.1/hook", "1.1.1.1", 443, "/hook", "1.1.1.1"),
        ("https://[2606:4700::1]:8443/", "2606:4700::1", 8443, "/", "[2606:4700::1]:8443"),
        ("https://example.org/../%2e%2e/a", "example.org", 443, "/../%2e%2e/a", "example.org"),
    ],
)
def test_a_public_https_url_is_taken_apart(
    url: str, host: str, port: int, path: str, authority: str
) -> None:
    target = read_target(url)

    assert target == Target(scheme="https", host=host, port=port, path=path)
    assert target.authority == authority


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://127.0.0.1:4000/hook", 4000),
        ("http://127.0.0.1/hook", 80),
        ("https://127.0.0.1:9/hook", 9),
        ("http://receiver/hook", 80),
        ("http://RECEIVER:81/hook", 81),
        ("http://[::1]:82/hook", 82),
    ],
)
def test_a_host_allowed_by_name_may_be_private_and_plain(url: str, port: int) -> None:
    target = read_target(url, {"127.0.0.1", "receiver", "::1"})

    assert target.is_trusted
    assert target.port == port


@pytest.mark.parametrize(
    "url", ["http://127.0.0.2/", "http://receiver.example.org/", "http://u@receiver/"]
)
def test_allowing_a_host_allows_no_other_and_no_credentials(url: str) -> None:
    with pytest.raises(BadTarget):
        read_target(url, {"127.0.0.1", "receiver"})


@given(st.text(max_size=80))
def test_whatever_the_host_the_refusal_is_a_clear_one(host: str) -> None:
    try:
        target = read_target(f"https://{host}/")
    except BadTarget:
        return

    assert target.host.isascii()
    assert "." in target.host or ":" in target.host
