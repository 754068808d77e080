"""What the PDC in memory keeps of calls and contacts; tests of apps read it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pdc import Session


@dataclass(slots=True, kw_only=True)
class FakeContact:
    """A person on a list."""

    attributes: dict[str, str] = field(default_factory=dict)
    phones: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeCallback:
    """What a contact was promised."""

    at: datetime  # aware UTC
    expires: datetime | None = None
    address: str = ""
    note: str = ""


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
    error: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes of its contact as they are now."""
        return self.who.attributes
