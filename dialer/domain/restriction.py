"""Hold back contacts of whom something is true: for good, or until it is true no more."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dialer.domain.condition import Attributes, Condition, all_hold, said


class RestrictionKind(StrEnum):
    """How long a contact is held back."""

    PERMANENT = "permanent"  # not called in this job: the code is Restricted Other
    TEMPORARY = "temporary"  # looked at again after a while, as often as it takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """Contacts for whom all of `when` hold, and not all of `unless`, are not called."""

    when: tuple[Condition, ...]
    unless: tuple[Condition, ...] = ()  # the exception; empty = none
    kind: RestrictionKind = RestrictionKind.PERMANENT
    recheck_s: float = 60.0  # temporary: how long until the contact is looked at again

    def applies(self, of: Attributes) -> bool:
        """Whether it holds a contact with these attributes back."""
        return all_hold(self.when, of) and not (self.unless and all_hold(self.unless, of))

    def __str__(self) -> str:
        """As a person would say it."""
        return said(self.when) + (f", unless {said(self.unless)}" if self.unless else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictionRequest:
    """What a custom restriction is told of a contact. It is asked before each attempt, and may be asked in vain."""

    restriction: str  # the name by which the strategy asked for it
    campaign: str
    job_id: int
    handler: str
    contact_id: str  # the user's own id
    known: Attributes  # all that conditions can ask: attributes and addresses by their names in small letters, last_code, ...


class RestrictionJudge(Protocol):
    """A function of a third party, plain or async: why the contact is to be held back; "", None or False = it is not.

    True holds it back without a reason. What it raises, and a time limit that passes, hold the contact back for a while.
    """

    def __call__(self, request: RestrictionRequest, /) -> Awaitable[str | bool | None] | str | bool | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBack:
    """A custom restriction holds a contact back."""

    kind: RestrictionKind
    because: str
    recheck_s: float

    def __str__(self) -> str:
        """As a person would say it."""
        return self.because


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRestriction:
    """A program of somebody else says who is not attempted."""

    name: str
    kind: RestrictionKind = RestrictionKind.PERMANENT
    recheck_s: float = 60.0  # temporary, or when the program fails: how long until the contact is looked at again

    def judged(self, said: object) -> HeldBack | None:
        """What follows from the program's answer."""
        if said is None or said is False or said == "":
            return None
        if said is not True and not isinstance(said, str):
            return self.failed(f"it returned {said!r:.80} and not a reason")
        reason = said[:150] if isinstance(said, str) else "it gives no reason"
        return HeldBack(kind=self.kind, because=f"{self.name}: {reason}", recheck_s=self.recheck_s)

    def failed(self, because: str) -> HeldBack:
        """The program said nothing that can be used: the contact is held back for a while, never for good."""
        said = f"{self.name} cannot be asked: {because[:150]}"
        return HeldBack(kind=RestrictionKind.TEMPORARY, because=said, recheck_s=self.recheck_s)


def restricted_by(
    restrictions: Sequence[Restriction], of: Attributes, custom: Sequence[HeldBack] = ()
) -> Restriction | HeldBack | None:
    """What holds a contact back: a permanent restriction first, else the temporary one that is looked at again last.

    Before that one is looked at, nothing could let the contact through. `custom`: what custom restrictions said of it.
    """
    found: list[Restriction | HeldBack] = [*(one for one in restrictions if one.applies(of)), *custom]
    for one in found:
        if one.kind is RestrictionKind.PERMANENT:
            return one
    return max(found, key=lambda one: one.recheck_s, default=None)
