"""Talk to a dialer's PDC over HTTP: the primary URL first, then the secondary, each tried once."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import aiohttp

from pdc.contract import BadValue, CompletionCode, Contact, PdcError, Session, SessionKey, Unreachable
from pdc.wire import (
    ERRORS,
    MAX_BODY,
    PREFIX,
    Malformed,
    codes_from_json,
    contact_from_json,
    flag_from_json,
    number_of,
    session_from_json,
    value_from_json,
)

T = TypeVar("T")

MAX_ANSWER = 16 * MAX_BODY  # bytes


class HttpPdc:
    """The PDC verbs over HTTP, for any program: `pdc = HttpPdc("http://dialer:8080", token="...")`.

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

    async def open_session(self, key: SessionKey, *, amd_status: str = "", amd_cause: str = "") -> Session:
        """The call is answered and wants its app."""
        return await self._ask(session_from_json, "open_session", key, amd_status=amd_status, amd_cause=amd_cause)

    async def session(self, key: SessionKey) -> Session:
        """The call as it stands now."""
        return await self._ask(session_from_json, "session", key)

    async def contact(self, key: SessionKey) -> Contact:
        """The contact, with the attributes as they are now."""
        return await self._ask(contact_from_json, "contact", key)

    async def get_attribute(self, key: SessionKey, name: str) -> str:
        """One attribute of the contact."""
        return await self._ask(value_from_json, "get_attribute", key, name=name)

    async def set_attribute(self, key: SessionKey, name: str, value: str) -> None:
        """Write one attribute of the contact."""
        await self._ask(_nothing, "set_attribute", key, name=name, value=value)

    async def completion_codes(self, key: SessionKey) -> Sequence[CompletionCode]:
        """The codes that this campaign may use."""
        return await self._ask(codes_from_json, "completion_codes", key)

    async def set_code(self, key: SessionKey, name: str) -> None:
        """Set the attempt's completion code."""
        await self._ask(_nothing, "set_code", key, name=name)

    async def opt_out(self, key: SessionKey, reason: str = "") -> None:
        """Put the dialled number on the DNC list, at once."""
        await self._ask(_nothing, "opt_out", key, reason=reason)

    async def note(self, key: SessionKey, text: str) -> None:
        """Keep a remark with the attempt."""
        await self._ask(_nothing, "note", key, text=text)

    async def is_dnc(self, key: SessionKey, address: str = "") -> bool:
        """Whether a DNC list bars the address."""
        return await self._ask(flag_from_json, "is_dnc", key, address=address)

    async def add_dnc(self, key: SessionKey, address: str = "", reason: str = "") -> None:
        """Bar an address."""
        await self._ask(_nothing, "add_dnc", key, address=address, reason=reason)

    async def remove_dnc(self, key: SessionKey, address: str = "") -> None:
        """Take an address off the list."""
        await self._ask(_nothing, "remove_dnc", key, address=address)

    async def save_contact(
        self,
        key: SessionKey,
        user_contact_id: str,
        *,
        phones: Mapping[str, str],
        attributes: Mapping[str, str] | None = None,
        list_name: str = "",
    ) -> None:
        """Put a contact on a list, or change it."""
        about = {"phones": dict(phones), "attributes": dict(attributes or {}), "list_name": list_name}
        await self._ask(_nothing, "save_contact", key, user_contact_id=user_contact_id, **about)

    async def delete_contact(self, key: SessionKey, user_contact_id: str, *, list_name: str = "") -> None:
        """Delete another contact."""
        await self._ask(_nothing, "delete_contact", key, user_contact_id=user_contact_id, list_name=list_name)

    async def add_to_job(self, key: SessionKey, user_contact_id: str, *, list_name: str = "") -> None:
        """Let this job call a contact too."""
        await self._ask(_nothing, "add_to_job", key, user_contact_id=user_contact_id, list_name=list_name)

    async def count(self, key: SessionKey, name: str, amount: int = 1, *, assign: bool = False, once: str = "") -> int:
        """Change a counter of the campaign. A request that is repeated on the way counts once."""
        token = once or uuid.uuid4().hex
        return await self._ask(number_of, "count", key, name=name, amount=amount, assign=assign, once=token)

    async def schedule_callback(
        self,
        key: SessionKey,
        at: datetime,
        *,
        zone: str = "",
        expires: datetime | None = None,
        address: str = "",
        note: str = "",
    ) -> None:
        """Call this contact again at a moment."""
        about = {"zone": zone, "expires": expires.isoformat() if expires else "", "address": address, "note": note}
        await self._ask(_nothing, "schedule_callback", key, at=at.isoformat(), **about)

    async def end_session(self, key: SessionKey, *, outcome: str = "", error: str = "") -> None:
        """The app has returned or failed."""
        await self._ask(_nothing, "end_session", key, outcome=outcome, error=error)

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def _ask(self, parse: Callable[[Any], T], verb: str, key: SessionKey, **words: Any) -> T:
        body = json.dumps({"attempt_id": key.attempt_id, "nonce": key.nonce, **words}).encode()
        if len(body) > MAX_BODY:
            raise BadValue(f"the request is longer than {MAX_BODY} bytes")
        failures = []
        for url in self._in_order():
            try:
                return parse(await self._ask_one(url + verb, body))
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


def _nothing(_: Any) -> None:
    return None
