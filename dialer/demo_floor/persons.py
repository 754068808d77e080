"""The persons who answered, by the carrier's own log: who had an agent in time, who waited in vain, how long in silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from dialer.domain.attempt import Attempt
from dialer.lab.phones import ANSWERED, SOUND
from dialer.lab.synthetic_agent import Journal
from dialer.lab.truth import Heard

SAME_MOMENT_S = 0.05  # the carrier's clock tells no order of two answers that are nearer


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One who answered. Times are the carrier's, but for `joined_at`, which is the agent's."""

    attempt_id: str
    answered_at: datetime
    called_at: datetime | None = None  # when the dialer ordered the call
    heard_at: datetime | None = None  # the first that they heard: an agent, or the message
    joined_at: datetime | None = None
    free_at: datetime | None = None  # when an agent was there for them, as the desks tell; None = nobody was

    @property
    def wait_s(self) -> float | None:
        """From the answer until the talk; None where there was none."""
        return None if self.joined_at is None else max(0.0, (self.joined_at - self.answered_at).total_seconds())

    @property
    def connect_s(self) -> float | None:
        """From when both were there, the person and an agent who was free for them, until the talk; None where there was none."""
        if self.joined_at is None or self.free_at is None:
            return None
        return max(0.0, (self.joined_at - max(self.answered_at, self.free_at)).total_seconds())

    @property
    def has_waited(self) -> bool:
        """Whether nobody was free for them when they answered."""
        return self.joined_at is None or self.free_at is None or self.free_at > self.answered_at

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


def with_free_agents(persons: Sequence[Person], journals: Sequence[Journal], *, all_told: bool) -> list[Person]:
    """The same persons, each with the moment at which an agent was free for them.

    An agent is free for a person from the moment at which their desk says ready, unless promised to who answered before (or at
    the same moment). Not the agent who came is asked for, but any: if another one was ready and was not sent, the seconds count.
    `all_told`: a desk that says ready could take contacts all the while; else only the times before a contact are looked at.
    """
    answered = {one.attempt_id: one.answered_at.timestamp() for one in persons}
    spans = [span for journal in journals for span in _free_spans(journal, answered, all_told=all_told)]
    begins, ends, promised = np.array(spans, dtype=np.float64).reshape(-1, 3).T
    found = []
    for one in persons:
        at = one.answered_at.timestamp()
        until = np.inf if one.joined_at is None else one.joined_at.timestamp()
        theirs = (promised == at) | ((ends > at) & (promised > at + SAME_MOMENT_S))
        there = begins[theirs & (begins <= until)]
        free_at = datetime.fromtimestamp(max(at, float(there.min())), UTC) if len(there) else None
        found.append(replace(one, free_at=free_at))
    return found


def _free_spans(journal: Journal, answered: Mapping[str, float], *, all_told: bool) -> Iterator[tuple[float, float, float]]:
    """From when until when an agent was ready, and when the person had answered who came then (infinite: nobody)."""
    joins = sorted((at.timestamp(), answered.get(attempt, -np.inf)) for attempt, at in journal.joined_at.items())
    spans = [(begins.timestamp(), ends.timestamp()) for begins, ends in journal.free]
    for place, (begins, ends) in enumerate(spans):
        following = spans[place + 1][0] if place + 1 < len(spans) else np.inf
        came = [person for at, person in joins if ends <= at < following]
        if came or all_told:
            yield begins, ends, came[0] if came else np.inf


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
