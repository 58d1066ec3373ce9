"""One signed POST to an address that was vetted, and what came of it.

Source: Standard Webhooks 1.0.0; what an owner's URL could be abused for is in
`domain.webhooks.targets`.
"""

import asyncio
import ssl
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime

import httpx
from standardwebhooks import Webhook

from adapters.webhooks.resolving import Resolve, Unreachable, system_resolve, vetted_addresses
from domain.values import Frozen
from domain.webhooks.envelope import MEDIA_TYPE
from domain.webhooks.rules import Answer, Fault, read_retry_after
from domain.webhooks.targets import BadTarget, Target, read_target

CONNECT_TIMEOUT = 5.0
ANSWER_TIMEOUT = 10.0
LONGEST_ATTEMPT = 20.0
"""Seconds an attempt takes at most, name look-up and a dripping receiver included."""

MOST_BODY = 64 * 1024
BODY_TIMEOUT = 2.0
USER_AGENT = "Parley-Webhooks/1"


class SignedMessage(Frozen):
    """What is sent: `id` is the same in every attempt, `secrets` sign it, newest first."""

    id: str
    body: str
    secrets: tuple[str, ...]


def signature_headers(message: SignedMessage, at: datetime) -> dict[str, str]:
    """The three headers of Standard Webhooks; `at` is aware.

    The library takes a naive or foreign-zone time for UTC without a word, so it gets UTC.
    """
    instant = at.astimezone(UTC)
    signatures = [
        Webhook(secret).sign(message.id, instant, message.body) for secret in message.secrets
    ]
    return {
        "webhook-id": message.id,
        "webhook-timestamp": str(int(instant.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


class WebhookSender:
    """Posts signed messages; every attempt vets its target anew.

    `trusted` are hosts that may be private, plain http or on any port, by name. No redirect is
    followed, no proxy or cookie is used, and no connection serves two attempts: two owners'
    names may share an address. `timeouts` are for connecting and for the answer, in seconds.
    """

    def __init__(
        self,
        trusted: Collection[str] = (),
        *,
        resolve: Resolve = system_resolve,
        tls: ssl.SSLContext | None = None,
        timeouts: tuple[float, float] = (CONNECT_TIMEOUT, ANSWER_TIMEOUT),
    ) -> None:
        self._trusted = frozenset(host.lower() for host in trusted)
        self._resolve = resolve
        connecting, answering = timeouts
        self._timeout = httpx.Timeout(answering, connect=connecting).as_dict()
        # The transport and not the client: a client keeps cookies, and by address at that.
        self._transport = httpx.AsyncHTTPTransport(
            verify=tls or ssl.create_default_context(),
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
        )

    async def send(self, url: str, message: SignedMessage, now: datetime) -> Answer:
        """Make one attempt and say what it met; raises nothing that the receiver could cause.

        `now` (aware) is the timestamp that is signed.
        """
        try:
            async with asyncio.timeout(LONGEST_ATTEMPT):
                return await self._attempt(url, message, now)
        except (TimeoutError, httpx.TimeoutException):
            return Answer(fault=Fault.TIMED_OUT)
        except (BadTarget, httpx.InvalidURL):
            return Answer(fault=Fault.FORBIDDEN_TARGET)
        except Unreachable as nowhere:
            return Answer(fault=nowhere.fault)
        except httpx.ConnectError as failure:
            return Answer(fault=_why_no_connection(failure))
        except httpx.HTTPError:
            return Answer(fault=Fault.BROKEN_ANSWER)

    async def close(self) -> None:
        """Let all connections go."""
        await self._transport.aclose()

    async def _attempt(self, url: str, message: SignedMessage, now: datetime) -> Answer:
        target = read_target(url, self._trusted)
        addresses = await vetted_addresses(target, self._resolve)
        for address in addresses[:-1]:
            # Nothing was sent when no connection came about, so another address may be tried.
            with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                return await self._post(target, address, message, now)
        return await self._post(target, addresses[-1], message, now)

    async def _post(
        self, target: Target, address: str, message: SignedMessage, now: datetime
    ) -> Answer:
        request = _request(target, address, message, now)
        request.extensions["timeout"] = self._timeout
        response = await self._transport.handle_async_request(request)
        try:
            await _drain(response)
        finally:
            await response.aclose()
        wish = response.headers.get("retry-after")
        return Answer(
            status=response.status_code,
            retry_after=read_retry_after(wish, now) if wish else None,
        )


def _request(target: Target, address: str, message: SignedMessage, now: datetime) -> httpx.Request:
    """A POST to `address` that speaks of `target`'s name, in `Host` and to TLS."""
    url = httpx.URL(scheme=target.scheme, host=address, port=target.port)
    return httpx.Request(
        "POST",
        url.copy_with(raw_path=target.path.encode("ascii")),
        headers={
            "Host": target.authority,
            "User-Agent": USER_AGENT,
            "Accept": "*/*",
            "Content-Type": MEDIA_TYPE,
            **signature_headers(message, now),
        },
        content=message.body.encode(),
        extensions={"sni_hostname": target.host},
    )


async def _drain(response: httpx.Response) -> None:
    """Read a little of the body, undecoded, so that an honest receiver can finish writing it.

    Only the status counts, so whatever goes wrong from here on changes nothing.
    """
    read = 0
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(BODY_TIMEOUT):
            async for chunk in response.aiter_raw():
                read += len(chunk)
                if read > MOST_BODY:
                    return


def _why_no_connection(failure: BaseException) -> Fault:
    """TLS trouble arrives as a failed connection; only its causes tell."""
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return Fault.NOT_SECURE
        cause = cause.__cause__ or cause.__context__
    return Fault.UNREACHABLE
