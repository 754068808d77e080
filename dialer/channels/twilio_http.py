"""Twilio's own client, taught three things: another address than Twilio's, time limits, and what an error means for a message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response

from dialer.channels.retry_after import retry_after_s
from dialer.channels.twilio_codes import verdict
from dialer.errors import MaybeSent, NotSent

MAX_ANSWER = 2**20  # octets; a page of messages has some 200 kB
FORGET_IDLE_S = 10.0  # a connection that the other side closed while it idled would leave us in doubt about the next message


class TwilioHttp(AsyncTwilioHttpClient):  # type: ignore[misc]  # the library has no types
    """Raises WireErrors in the place of everything else: the library keeps neither the headers nor what became of the bytes."""

    def __init__(self, api_url: str, *, connect_timeout_s: float, answer_timeout_s: float, connections: int) -> None:
        super().__init__(pool_connections=False)
        self._api = urlsplit(api_url)
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=FORGET_IDLE_S),
            timeout=aiohttp.ClientTimeout(
                connect=connect_timeout_s, sock_read=answer_timeout_s, total=connect_timeout_s + 2 * answer_timeout_s
            ),
        )

    async def request(  # the library's own shape
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """One request. No retry: whether a message may be sent again is for others to say."""
        target = urlunsplit(urlsplit(url)._replace(scheme=self._api.scheme, netloc=self._api.netloc))
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = aiohttp.encode_basic_auth(*auth)
        try:
            async with self.session.request(
                method,
                target,
                params=_text(params),
                data=_text(data),
                headers=sent,
                allow_redirects=False,
            ) as answer:
                body = await _bounded(answer)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as exc:
            raise NotSent(f"no connection to Twilio: {exc}") from exc
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise MaybeSent(f"no answer from Twilio: {type(exc).__name__} {exc}".strip()) from exc
        text = body.decode(errors="replace")
        if not 200 <= answer.status < 300:
            code, words = _error_in(text)
            raise verdict(answer.status, code, words, retry_after_s(answer.headers.get("Retry-After")))
        return Response(answer.status, text, answer.headers)


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER:
            raise aiohttp.ClientPayloadError("the answer is too long")
    return bytes(body)


def _error_in(text: str) -> tuple[int | None, str]:
    try:
        told = json.loads(text)
        return int(told.get("code") or 0) or None, str(told.get("message") or told.get("detail") or "")[:300]
    except (ValueError, TypeError, AttributeError):  # not Twilio's form: a proxy's page
        return None, text[:300]


def _text(values: Mapping[str, object] | None) -> list[tuple[str, str]] | None:
    """As a form: what is a list is sent once for each entry."""
    if values is None:
        return None
    return [
        (name, str(one)) for name, value in values.items() for one in (value if isinstance(value, list | tuple) else (value,))
    ]
