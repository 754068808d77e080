"""Tell a web address of results: one signed POST each, after the Standard Webhooks specification."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from dialer.channels.retry_after import retry_after_s
from dialer.domain.published import PublishedResult
from dialer.errors import MaybeSent, NotSent, Rejected

ENCODED = "whsec_"  # a secret that begins so is base64, as the specification writes it


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookConfig:
    """Where to, and how it is known that it comes from us."""

    url: str
    secret: str
    timeout_s: float = 10.0
    at_once: int = 4


class Webhook:
    """Implements `ports.ResultTarget`. A redirect is not followed: results go where the settings say, or nowhere."""

    batch = 1

    def __init__(self, config: WebhookConfig) -> None:
        self._config = config
        self.at_once = config.at_once
        self._http: aiohttp.ClientSession | None = None

    async def tell(self, results: Sequence[PublishedResult]) -> None:
        """POST each. Raises NotSent, MaybeSent, Rejected."""
        for one in results:
            await self._post(one)

    async def close(self) -> None:
        """Close what is kept open."""
        if self._http is not None:
            await self._http.close()

    async def _post(self, one: PublishedResult) -> None:
        body = json.dumps(dict(one.body), ensure_ascii=False, separators=(",", ":")).encode()
        try:
            async with self._session().post(
                self._config.url, data=body, headers=signed(self._config.secret, one.event_id, body), allow_redirects=False
            ) as answer:
                status, retry_after = answer.status, retry_after_s(answer.headers.get("Retry-After"))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as exc:
            raise NotSent(f"no connection: {getattr(exc, 'os_error', None) or exc}") from exc
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as exc:
            raise MaybeSent(f"no answer: {type(exc).__name__} {exc}".strip()) from exc
        if 200 <= status < 300:
            return
        if status in (408, 425, 429) or status >= 500:
            raise NotSent(f"it answers {status}", retry_after_s=retry_after)
        raise Rejected(f"it answers {status}")

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self.at_once),
                timeout=aiohttp.ClientTimeout(total=self._config.timeout_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                raise_for_status=False,
            )
        return self._http


def signed(secret: str, event_id: str, body: bytes, *, at: int | None = None) -> dict[str, str]:
    """The headers of a webhook: its id, its time, and a signature over both and the body."""
    moment = str(int(time.time()) if at is None else at)
    content = b".".join((event_id.encode(), moment.encode(), body))
    mac = base64.b64encode(hmac.new(_key(secret), content, hashlib.sha256).digest()).decode()
    return {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{mac}",
    }


def _key(secret: str) -> bytes:
    if secret.startswith(ENCODED):
        try:
            return base64.b64decode(secret.removeprefix(ENCODED), validate=True)
        except binascii.Error:
            pass
    return secret.encode()
