"""Agents who ask for something else while a call rings that counts on them stay until nobody who answers would be alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from dialer.domain.agent_commands import BlendIn, Command, GoNotReady, LogOut
from dialer.domain.desk_call import CallKind
from dialer.domain.desk_happenings import Awaited, Unneeded
from dialer.domain.pacing_plan import PacingKind
from dialer.engine.call import Call
from dialer.engine.floor.desks import Desks
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.job import FloorJob
from dialer.engine.floor.seat import Seat

MARGIN = timedelta(seconds=10)  # after the ringing: the detector listens, and the switch tells how it ended
RING_MOST = timedelta(seconds=120)  # of a call that is not placed yet, or was by a dialer before this one


class Leaving:
    """Of one floor. Only where each agent who idles has calls of their own: ahead of the agents it is dialled by a forecast."""

    def __init__(self, ground: Ground, desks: Desks) -> None:
        self._ground, self._desks = ground, desks

    def judged(self, seat: Seat, command: Command) -> Command | Awaited:
        """The command, or what becomes of it while calls count on its agent."""
        if isinstance(command, LogOut | GoNotReady | BlendIn) and (until := self._awaited_until(seat)) is not None:
            return Awaited(asked=command, until=until)
        return command

    def look(self) -> None:
        """Let those go on whom no call counts any more."""
        for seat in self._ground.seats.values():  # one after the other: the next one may be needed for the one who has gone
            if seat.desk.is_leaving and self._awaited_until(seat) is None:
                self._desks.apply(seat, Unneeded())

    def _awaited_until(self, seat: Seat) -> datetime | None:
        """When the last call is over at the latest that counts on this agent; None = none does."""
        job = None if seat.attached is None else self._ground.jobs.get(seat.attached)
        if job is None or (lines := _lines(job)) is None:
            return None
        out, now = list(out_of(self._ground.calls.up(job.job.id))), self._ground.clock.now()
        if not is_awaited(seat, self._ground.seats.values(), len(out) + job.ordered, lines):
            return None
        ends = [_over_at(call, now) for call in out] + ([now + RING_MOST] if job.ordered else [])
        return max(ends) + MARGIN


def _lines(job: FloorJob) -> float | None:
    """So many calls count on each agent; None where they count on nobody in particular."""
    plan = job.job.definition.pacing
    return plan.lines_per_agent if plan.kind is PacingKind.PROGRESSIVE else None


def _over_at(call: Call, now: datetime) -> datetime:
    if call.facts.answered_at is not None:
        return now
    return call.facts.ring_timeout_at or call.attempt.intent_at + RING_MOST


def out_of(calls: Iterable[Call]) -> Iterator[Call]:
    """Those of the calls that may still want an agent: they ring, or it is not known yet whether a person has answered."""
    for call in calls:
        if not (call.off_line or call.kept):
            answered = call.facts.answered_at is not None
            if not answered or (call.attempt.person_at is None and not call.session_opened):
                yield call


def is_awaited(seat: Seat, seats: Iterable[Seat], out: int, lines: float = 1.0) -> bool:
    """Whether so many calls of the agent's job are too many for the others who wait there, at so many `lines` for each.

    Who left now would leave somebody who answers alone. No further call is placed for such an agent, so that soon nobody is
    out who needs this one; one who has a contact can leave at any time.
    """
    if seat.attached is None or not seat.desk.can_take(CallKind.PACED):
        return False
    others = sum(one.is_free_for(seat.attached, CallKind.PACED) for one in seats if one is not seat)
    return out > math.floor(others * lines)
