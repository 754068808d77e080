"""The persons who answered, by the carrier's own log: who had an agent in time, who waited in vain, how long in silence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.domain.attempt import Attempt
from dialer.lab.phones import ANSWERED, SOUND
from dialer.lab.truth import Heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One who answered. Times are the carrier's, but for `joined_at`, which is the agent's."""

    attempt_id: str
    answered_at: datetime
    called_at: datetime | None = None  # when the dialer ordered the call
    heard_at: datetime | None = None  # the first that they heard: an agent, or the message
    joined_at: datetime | None = None

    @property
    def wait_s(self) -> float | None:
        """From the answer until the talk; None where there was none."""
        return None if self.joined_at is None else max(0.0, (self.joined_at - self.answered_at).total_seconds())

    @property
    def silence_s(self) -> float | None:
        """From the answer until the first that they heard. Their own hello, half a second, is part of it."""
        return None if self.heard_at is None else (self.heard_at - self.answered_at).total_seconds()

    def is_abandoned(self, limit_s: float) -> bool:
        """Whether no agent came in time."""
        return self.wait_s is None or self.wait_s > limit_s

    def was_under_way(self, at: datetime, limit_s: float) -> bool:
        """Whether the call was out at that moment, and nobody knew yet whether an agent would come in time."""
        return (self.called_at or self.answered_at) <= at < self.decided_at(limit_s)

    def decided_at(self, limit_s: float) -> datetime:
        """When it was clear whether an agent came in time."""
        limit = self.answered_at + timedelta(seconds=limit_s)
        return limit if self.joined_at is None else min(self.joined_at, limit)


def persons_of(heard: Iterable[Heard], attempts: Sequence[Attempt], joined: Mapping[str, datetime]) -> list[Person]:
    """In the order of their answers."""
    called = {one.address.lstrip("+"): one for one in attempts}
    sounds: dict[str, datetime] = {}
    answers: dict[str, datetime] = {}
    for one in heard:
        if one.what in (ANSWERED, SOUND):
            (answers if one.what == ANSWERED else sounds).setdefault(one.number, one.at)
    found = [
        Person(
            attempt_id=called[number].id,
            answered_at=at,
            called_at=called[number].intent_at,
            heard_at=sounds.get(number),
            joined_at=joined.get(called[number].id),
        )
        for number, at in answers.items()
        if number in called
    ]
    return sorted(found, key=lambda person: person.answered_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """The worst moment of the budget: the share of those who were abandoned until then, and by how many calls that is over it."""

    share: float = 0.0
    over: float = 0.0  # calls; negative = so many could still have been abandoned


def worst_of(
    persons: Sequence[Person], *, cap: float, limit_s: float, begins: datetime | None = None, ends: datetime | None = None
) -> Worst | None:
    """Of the moments from which on the budget could hold (1 / `cap` had answered), between two times; None = there was none.

    The share is that of the whole window, which began with the first of `persons`.
    """
    share, over, live, lost = 0.0, -float("inf"), 0, 0
    for one in sorted(persons, key=lambda person: person.decided_at(limit_s)):
        live, lost = live + 1, lost + one.is_abandoned(limit_s)
        at = one.decided_at(limit_s)
        if cap * live >= 1 and (begins is None or at >= begins) and (ends is None or at < ends):
            share, over = max(share, lost / live), max(over, lost - cap * live)
    return None if over == -float("inf") else Worst(share=share, over=over)
