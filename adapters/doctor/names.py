"""The mail domain as the world sees it: MX, SPF, DKIM and DMARC records."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

import dns.asyncresolver
import dns.exception
import dns.resolver

from adapters.dkim import GOOD_KEY, DkimSigner, is_same_key
from adapters.doctor.finding import Finding, fault, fine, skipped, warning

Lookup = Callable[[str, str], Awaitable[list[str]]]
"""The records of a name and type, as text; none when there are none. Raises `NoAnswer`."""

_PUBLISHED = re.compile(r"(?:^|;)\s*p\s*=\s*([^;]*)")
_LIFETIME = 3.0  # seconds for one question, over all servers
_LOCAL_ENDINGS = (".localhost", ".local", ".test", ".invalid", ".example", ".internal")


class NoAnswer(Exception):
    """No resolver answered in time."""


async def resolve(name: str, kind: str) -> list[str]:
    """Asks the resolvers this machine is configured with."""
    try:
        answer = await dns.asyncresolver.Resolver().resolve(name, kind, lifetime=_LIFETIME)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as silence:
        raise NoAnswer(str(silence)) from silence
    return [_text(record) for record in answer]


def _text(record: object) -> str:
    strings: Sequence[bytes] | None = getattr(record, "strings", None)
    return b"".join(strings).decode(errors="replace") if strings else str(record)


def is_local(domain: str) -> bool:
    """Whether the domain can mean nothing outside this machine or network (RFC 6761)."""
    return "." not in domain or domain.endswith(_LOCAL_ENDINGS)


async def check_names(
    domain: str, selector: str, lookup: Lookup = resolve, signer: DkimSigner | None = None
) -> list[Finding]:
    """What the domain of our token addresses publishes. `selector` is that of the relay's DKIM
    key, where we do not sign ourselves with a `signer`."""
    if is_local(domain):
        return [skipped("mail domain", f"{domain} exists on this machine only.")]
    checks = [check(domain, lookup) for check in (_mx, _spf, _dmarc)]
    checks.append(_own_dkim(signer, lookup) if signer else _dkim(domain, selector, lookup))
    return list(await asyncio.gather(*(_or_silence(check) for check in checks)))


async def _or_silence(check: Awaitable[Finding]) -> Finding:
    try:
        return await check
    except NoAnswer as silence:
        return skipped("mail domain", f"No resolver answered: {silence}")


async def _mx(domain: str, lookup: Lookup) -> Finding:
    records = await lookup(domain, "MX")
    if not records:
        advice = f"Publish an MX record for {domain} that names the host of `parley intake`."
        return fault("MX", f"{domain} takes no mail, so no answer can arrive.", advice)
    return fine("MX", ", ".join(sorted(records)))


async def _spf(domain: str, lookup: Lookup) -> Finding:
    records = [text for text in await lookup(domain, "TXT") if text.lower().startswith("v=spf1")]
    if len(records) == 1:
        return fine("SPF", records[0])
    if records:
        advice = "Keep exactly one; receivers ignore all when there are several (RFC 7208 §3.2)."
        return fault("SPF", f"{len(records)} records.", advice)
    advice = f'Publish TXT "v=spf1 include:<your relay> -all" for {domain}.'
    return warning("SPF", "No record: large receivers refuse or hide such mail.", advice)


async def _dkim(domain: str, selector: str, lookup: Lookup) -> Finding:
    name = f"{selector}._domainkey.{domain}"
    if any("p=" in text for text in await lookup(name, "TXT")):
        return fine("DKIM", f"{name} has a key.")
    advice = "Publish the key your relay signs with, or name its selector: --dkim-selector NAME."
    return warning("DKIM", f"No key at {name}.", advice)


async def _own_dkim(signer: DkimSigner, lookup: Lookup) -> Finding:
    """Whether receivers find the key that we sign with."""
    name = signer.record_name
    publish = f'Publish TXT "{signer.record}" for {name}.'
    found = [key for text in await lookup(name, "TXT") for key in _PUBLISHED.findall(text)]
    if not found:
        return fault("DKIM", f"No key at {name}: receivers cannot check our signature.", publish)
    if not any(is_same_key(re.sub(r"\s", "", key), signer.key) for key in found):
        said = f"The key at {name} is not that of PARLEY_DKIM_KEY_FILE: our mail looks forged."
        return fault("DKIM", said, publish)
    if signer.key.bits < GOOD_KEY:
        advice = f"Make one of {GOOD_KEY} and publish it under another selector first."
        return warning("DKIM", f"The key at {name} is ours, of {signer.key.bits} bits.", advice)
    return fine("DKIM", f"The key at {name} is ours.")


async def _dmarc(domain: str, lookup: Lookup) -> Finding:
    records = await lookup(f"_dmarc.{domain}", "TXT")
    if any(text.lower().startswith("v=dmarc1") for text in records):
        return fine("DMARC", records[0])
    advice = f'Publish TXT "v=DMARC1; p=none; rua=mailto:…" for _dmarc.{domain}.'
    return warning("DMARC", "No record.", advice)
