"""What the PDC in memory keeps of calls and contacts (tests of apps read it), and the way from a key to its call."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from pdc import BadValue, NoSession, Phone, Session, SessionKey

if TYPE_CHECKING:
    from dialer.ivr.fake_pdc import FakePdc

MAX_VALUE = 1000  # characters of an attribute or a note


@dataclass(slots=True, kw_only=True)
class FakeContact:
    """A person on a list. `phones` are by name, each with the zones in which it may be."""

    attributes: dict[str, str] = field(default_factory=dict)
    phones: dict[str, Phone] = field(default_factory=dict)
    language: str = "en"
    time_zone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeCallback:
    """What a contact was promised."""

    at: datetime  # aware UTC
    expires: datetime | None = None
    address: str = ""
    note: str = ""
    type: str = "campaign"
    agent: str = ""


@dataclass(slots=True, kw_only=True)
class FakeCall:
    """What is kept of one call."""

    session: Session
    nonce: str
    list_name: str
    who: FakeContact
    code: str = ""
    notes: list[str] = field(default_factory=list)
    opted_out: str | None = None  # the reason
    callback: FakeCallback | None = None
    opened: int = 0
    ended: bool = False
    hung_up: bool = False  # our side ended it, as far as a dialplan can tell
    error: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of its contact as they are now."""
        return self.who.attributes


class OnFakeCall:
    """One call."""

    def __init__(self, pdc: FakePdc, key: SessionKey) -> None:
        self._pdc, self._key = pdc, key

    def _live(self) -> FakeCall:
        call = self._pdc.calls.get(self._key.attempt_id)
        if call is None or call.nonce != self._key.nonce or call.ended:
            raise NoSession("no such call, or it has ended")
        return call


def storable(value: str) -> str:
    """The value; raises BadValue for what cannot be kept."""
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise BadValue("not text") from exc
    if len(value) > MAX_VALUE or "\0" in value:
        raise BadValue(f"at most {MAX_VALUE} characters, and none of them NUL")
    return value
