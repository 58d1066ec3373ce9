"""Keys and certificates for tests, made by the `openssl` program."""

import ssl
import subprocess
from pathlib import Path

from tests.needs import need


def openssl(*arguments: str, cwd: Path) -> bytes:
    """Its output. Skips the test where there is no such program, fails it in CI."""
    need("openssl", "openssl")
    done = subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=cwd)
    return done.stdout


def self_signed(place: Path, *names: str) -> Path:
    """A key and a certificate for `names` ("DNS:…" or "IP:…"), in one file: its own authority."""
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subject = ("-subj", "/CN=parley test", "-addext", "subjectAltName=" + ",".join(names))
    openssl(*command.split(), *subject, "-keyout", "key.pem", "-out", "cert.pem", cwd=place)
    both = place / "both.pem"
    both.write_text((place / "key.pem").read_text() + (place / "cert.pem").read_text())
    return both


def server_context(certificate: Path) -> ssl.SSLContext:
    """For a server with that key and certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def private_key(place: Path, *arguments: str) -> Path:
    """A key in PEM form: "genrsa 2048", or whatever else the program makes."""
    file = place / f"{'-'.join(arguments)}.pem"
    file.write_bytes(openssl(*arguments, cwd=place))
    return file
