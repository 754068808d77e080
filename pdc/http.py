"""Talk to a dialer's PDC over HTTP: the primary URL first, then the secondary, each tried once."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

import aiohttp

from pdc.contract import SessionPdc
from pdc.errors import ERRORS, BadValue, PdcError, Unreachable
from pdc.values import SessionKey
from pdc.verbs import Verb, session_pdc
from pdc.wire import MAX_BODY, PREFIX, Malformed, from_json

MAX_ANSWER = 16 * MAX_BODY  # bytes


class HttpPdc:
    """The PDC verbs over HTTP, for any program: `HttpPdc("http://dialer:8080", token="...").on(key).set_code("Interested")`.

    Safe for many calls at once on one event loop; connections are kept open and shared. A URL that failed is tried second
    (not first) for the next `avoid_s` seconds, so that a dead primary does not cost every caller its time limit.
    """

    def __init__(
        self,
        primary_url: str,
        secondary_url: str | None = None,
        *,
        token: str,
        timeout_s: float = 3.0,
        connections: int = 64,
        avoid_s: float = 10.0,
    ) -> None:
        self._urls = tuple(url.rstrip("/") + PREFIX for url in (primary_url, secondary_url) if url)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._connections = connections
        self._avoid_s = avoid_s
        self._failed_at: dict[str, float] = {}
        self._http: aiohttp.ClientSession | None = None

    def on(self, key: SessionKey) -> SessionPdc:
        """The verbs of one call."""
        return session_pdc(partial(self._ask, key))

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def _ask(self, key: SessionKey, verb: Verb, given: Mapping[str, Any]) -> Any:
        if given.get("once") == "":
            given = {**given, "once": uuid.uuid4().hex}  # it may go to both URLs, and is to count a single time
        body = json.dumps({"attempt_id": key.attempt_id, "nonce": key.nonce, **verb.given_to_json(given)}).encode()
        if len(body) > MAX_BODY:
            raise BadValue(f"the request is longer than {MAX_BODY} bytes")
        failures = []
        for url in self._in_order():
            try:
                return from_json(verb.result, await self._ask_one(url + verb.name, body), "result")
            except PdcError:
                raise  # the server answered: its answer stands, the other one would say the same
            except (aiohttp.ClientError, TimeoutError, OSError, Malformed) as exc:
                self._failed_at[url] = time.monotonic()
                failures.append(f"{url.removesuffix(PREFIX)}: {exc or type(exc).__name__}")
        raise Unreachable("; ".join(failures))

    async def _ask_one(self, url: str, body: bytes) -> Any:
        async with self._session().post(url, data=body, headers=self._headers, allow_redirects=False) as response:
            if (response.content_length or 0) > MAX_ANSWER:
                raise Malformed("the answer is too long")
            try:
                answer = json.loads(await response.read())
            except ValueError as exc:
                raise Malformed(f"status {response.status} without JSON") from exc
            if response.status == 200 and isinstance(answer, dict):
                return answer.get("result")
            kind = answer.get("error") if isinstance(answer, dict) else None
            if not isinstance(kind, str) or kind not in ERRORS or kind in ("unreachable", "error"):
                raise Malformed(f"status {response.status}: {str(kind)[:80]}")
            raise ERRORS[kind](str(answer.get("message", "")))

    def _in_order(self) -> list[str]:
        since = time.monotonic() - self._avoid_s
        return sorted(self._urls, key=lambda url: self._failed_at.get(url, 0.0) > since)

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            # Shorter than any server keeps an idle connection, so that no request meets a closing one.
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=15)
            self._http = aiohttp.ClientSession(connector=connector, timeout=self._timeout, trust_env=False)
        return self._http
