"""What every verb needs: the store, and the attempt whose key was shown."""

from __future__ import annotations

import contextlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from dialer import errors
from dialer.domain.attempt import Attempt
from dialer.domain.ids import AttemptId
from dialer.services.completion import StrategyOf
from dialer.store.store import Store, Tx
from pdc import BadValue, CallbackRefused, NoSession, SessionKey, UnknownContact

T = TypeVar("T")

ENDED_KEPT = 10_000  # more than can be up at once
VALUE_LIMIT = 1000  # characters of an attribute or a note


class SessionListener(Protocol):
    """Who must know when the treatment of a call begins and ends: the engine, so that it waits for the app's last word."""

    def session_opened(self, attempt_id: AttemptId, amd_status: str, amd_cause: str, *, treated: bool) -> None: ...

    def session_ended(self, attempt_id: AttemptId, *, hung_up: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PdcParts:
    """What all calls share."""

    store: Store
    strategy_of: StrategyOf
    listener: SessionListener
    now: Callable[[], datetime]
    ended: OrderedDict[str, None] = field(default_factory=OrderedDict)  # sessions that ended, while their calls may be up

    def end(self, attempt_id: AttemptId, *, hung_up: bool) -> None:
        """The session is over: no verb changes anything any more."""
        self.ended[attempt_id] = None
        while len(self.ended) > ENDED_KEPT:
            self.ended.popitem(last=False)
        self.listener.session_ended(attempt_id, hung_up=hung_up)


class OnCall:
    """One call. `_read` and `_write` run a function of the transaction and the attempt, and translate the dialer's errors."""

    def __init__(self, parts: PdcParts, key: SessionKey) -> None:
        self._parts, self._key = parts, key
        self._attempt_id = AttemptId(key.attempt_id)

    async def _read(self, work: Callable[[Tx, Attempt], T]) -> T:
        """Raises NoSession, BadValue, UnknownContact."""
        with _translated():
            return await self._parts.store.read(lambda tx: work(tx, self._open_attempt(tx)))

    async def _write(self, work: Callable[[Tx, Attempt], T]) -> T:
        """Raises NoSession, BadValue, UnknownContact, CallbackRefused; then nothing was written."""
        with _translated():
            return await self._parts.store.write(lambda tx: work(tx, self._open_attempt(tx)))

    def _open_attempt(self, tx: Tx) -> Attempt:
        attempt = self._known_attempt(tx)
        if attempt.code is not None or attempt.id in self._parts.ended:
            raise NoSession("the call has ended")
        return attempt

    def _known_attempt(self, tx: Tx) -> Attempt:
        attempt, nonce = tx.attempts.get(self._attempt_id), self._key.nonce.encode(errors="replace")
        if attempt is None or not hmac.compare_digest(attempt.nonce.encode(), nonce):
            raise NoSession("no call has that name, or its nonce is wrong")
        return attempt


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """The dialer's errors in the words of the contract."""
    try:
        yield
    except errors.CallbackRefused as exc:
        raise CallbackRefused(str(exc)) from exc
    except errors.BadInput as exc:
        raise BadValue(str(exc)) from exc
    except errors.NotFound as exc:
        raise UnknownContact(str(exc)) from exc


def check_text(value: str) -> None:
    """Raises BadValue for what cannot be kept."""
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise BadValue("not text") from exc
    if len(value) > VALUE_LIMIT:
        raise BadValue(f"longer than {VALUE_LIMIT} characters")
    if any(ord(char) < 32 and char not in "\n\t" for char in value):
        raise BadValue("control characters are not text")
