"""Hold back contacts of whom something is true: for good, or until it is true no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

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


def restricted_by(restrictions: Sequence[Restriction], of: Attributes) -> Restriction | None:
    """What holds a contact back: a permanent restriction first, else the temporary one that is looked at again last.

    Before that one is looked at, nothing could let the contact through.
    """
    found = [one for one in restrictions if one.applies(of)]
    for one in found:
        if one.kind is RestrictionKind.PERMANENT:
            return one
    return max(found, key=lambda one: one.recheck_s, default=None)
