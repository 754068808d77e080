"""How much one program may ask of the agents' desk: commands a second, and wrong tokens a minute."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

MOST_KNOWN = 10_000  # addresses and tokens that are remembered; the oldest are forgotten first

Key = TypeVar("Key")
Value = TypeVar("Value")


class Rate:
    """So many at once, and so many a second after that."""

    def __init__(self, per_s: float, burst: int, monotonic_s: Callable[[], float]) -> None:
        self._per_s, self._burst, self._now = per_s, float(burst), monotonic_s
        self._left, self._at = float(burst), monotonic_s()

    def has_room(self) -> bool:
        """Whether one more would be within the rate."""
        now = self._now()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
        self._at = now
        return self._left >= 1

    def take(self) -> bool:
        """Whether one more is within the rate; if so it counts."""
        if not self.has_room():
            return False
        self._left -= 1
        return True


class WrongTokens:
    """Looks up no more tokens for an address that has shown too many wrong ones.

    A token that was right before is looked up even then: one broken program cannot lock out the others behind its address.
    """

    def __init__(self, monotonic_s: Callable[[], float], *, per_minute: int = 20) -> None:
        self._now, self._per_minute = monotonic_s, per_minute
        self._wrong: OrderedDict[str, Rate] = OrderedDict()
        self._right: OrderedDict[bytes, None] = OrderedDict()

    def may_ask(self, address: str, token: str) -> bool:
        """Whether this token may be looked up."""
        rate = self._wrong.get(address)
        return rate is None or rate.has_room() or _digest(token) in self._right

    def was_right(self, token: str) -> None:
        """The token is an agent's."""
        self._right[_digest(token)] = None
        _forget_the_oldest(self._right, _digest(token))

    def was_wrong(self, address: str, token: str) -> None:
        """The token is nobody's, or nobody's any more."""
        self._right.pop(_digest(token), None)
        rate = self._wrong.setdefault(address, Rate(self._per_minute / 60, self._per_minute, self._now))
        rate.take()
        _forget_the_oldest(self._wrong, address)


def address_of(request: web.Request) -> str:
    """Where a request comes from; behind a web server on this machine, the address that this web server saw."""
    peer = request.remote or "?"
    seen = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return seen[:64] if seen and peer in ("127.0.0.1", "::1") else peer


def _forget_the_oldest(known: OrderedDict[Key, Value], used: Key) -> None:
    known.move_to_end(used)
    if len(known) > MOST_KNOWN:
        known.popitem(last=False)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="replace")).digest()
