"""What a floor did, stretch by stretch between the upheavals, what was promised, and what of that did not hold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import numpy as np

from dialer.demo_floor.course import Befell, ShiftLog
from dialer.demo_floor.order import FloorOrder
from dialer.demo_floor.persons import Person, Worst, persons_of, with_free_agents, worst_of
from dialer.domain.attempt import Attempt
from dialer.domain.live_answer import LiveAnswer
from dialer.lab.shift import ShiftResult
from dialer.lab.truth import Heard, Truth
from dialer.services.floor_prediction import Prediction

OVER_MOST = 2.0  # calls over the budget, unless more were under way when something happened and found nobody: these are past help
SILENCE_MOST_S = 3.0  # two seconds until an agent or the message comes; the agent's zip tone, and the first of it to be heard
BACK_WITHIN_S = 30.0  # after all have been cut off, everybody is at work again


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The shift from its beginning, or an upheaval, until the next one. Shares 0 to 1, times in seconds."""

    name: str
    occupancy: float
    answered: int
    abandoned: int
    worst: Worst | None  # of the whole window, at the worst moment of this stretch
    silence_s: float
    talk_after_s: float  # the wait that 99 % of those who got an agent did not exceed
    back_after_s: float | None = None  # until everybody was at work again
    next_talk_s: float | None = None  # until the next contact had an agent


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorVerdict:
    """What the floor did, measured at the desks and by the carrier; and what was predicted, where that was asked for."""

    order: FloorOrder
    shift: ShiftResult
    persons: tuple[Person, ...]
    stretches: tuple[Stretch, ...]
    attempts: int
    codes: dict[str, int]
    ledger: dict[str, int]  # how often each verdict of the law's ledger
    unseen: int  # persons who answered and are not in the ledger
    worst: Worst | None
    caught: int  # of the abandoned: whose call was under way when something befell the floor
    broken: tuple[str, ...]  # promises
    callers: int = 0  # who called in
    predicted: Prediction | None = None

    @property
    def callers_taken(self) -> int:
        """Who talked with an agent."""
        return sum(one.callers for one in self.shift.journals)

    @property
    def limit_s(self) -> float:
        """How long a person may wait for an agent."""
        return self.order.budget.threshold_s

    @property
    def abandoned(self) -> int:
        """Persons who got no agent in time."""
        return sum(one.is_abandoned(self.limit_s) for one in self.persons)

    @property
    def abandonment(self) -> float:
        """Their share."""
        return self.abandoned / len(self.persons) if self.persons else 0.0

    @property
    def late(self) -> int:
        """Persons who got their agent later than that."""
        return sum((one.wait_s or 0.0) > self.limit_s for one in self.persons)

    @property
    def waited(self) -> float:
        """The share of persons for whom nobody was free when they answered."""
        return sum(one.has_waited for one in self.persons) / len(self.persons) if self.persons else 0.0

    @property
    def beyond_level(self) -> int:
        """Persons who had no agent within the seconds of the service level."""
        return sum(one.is_abandoned(self.order.level.within_s) for one in self.persons)

    def as_json(self) -> str:
        """The last line of the demo."""
        shift = self.shift
        said = {
            "demo": "floor",
            "agents": self.order.agents,
            "minutes": self.order.minutes,
            "speed": self.order.speed,
            "pacing": self.order.pacing.value,
            "attempts": self.attempts,
            "talks": shift.talks,
            "occupancy": round(shift.occupancy, 3),
            "idle_s": round(shift.idle_s, 2),
            "answered": len(self.persons),
            "abandoned": round(self.abandonment, 4),
            "worst": None if self.worst is None else {"share": round(self.worst.share, 4), "over": round(self.worst.over, 2)},
            "persons_per_agent_hour": round(shift.talks_per_agent_hour, 1),
            "answer_to_talk_s": {"p50": round(wait_s(self.persons, 0.5), 3), "p99": round(wait_s(self.persons, 0.99), 3)},
            "caught": self.caught,
            "connect_s": {"p50": round(connect_s(self.persons, 0.5), 3), "p99": round(connect_s(self.persons, 0.99), 3)},
            "waited": round(self.waited, 4),
            "service_level": self._level(),
            "longest_silence_s": round(silence_s(self.persons), 2),
            "agent_after_2s": self.late,
            "ledger": self.ledger | {"unseen": self.unseen},
            "callers": {"came": self.callers, "taken": self.callers_taken},
            "refused": len(shift.refused),
            "lost": len(shift.lost),
            "stretches": [_plain(asdict(one)) for one in self.stretches],
            "broken": list(self.broken),
            "predicted": None if self.predicted is None else _plain(asdict(self.predicted.mean)),
        }
        return json.dumps(said)

    def _level(self) -> dict[str, object] | None:
        """What of the service level was reached, in percent; None where none was asked for."""
        level, late = self.order.level, self.beyond_level
        if not level.is_asked:
            return None
        reached = 1 - late / len(self.persons) if self.persons else 1.0
        return {"percent": level.percent, "within_s": level.within_s, "reached": round(100 * reached, 2), "late": late}


def judge(
    order: FloorOrder,
    shift: ShiftResult,
    log: ShiftLog,
    *,
    attempts: Sequence[Attempt],
    answers: Sequence[LiveAnswer],
    heard: Sequence[Heard],
    calls: Sequence[Truth],
    callers: int = 0,
) -> FloorVerdict:
    """The shift against the carrier's log and the ledger."""
    joined: dict[str, datetime] = {}
    for attempt, at in (pair for journal in shift.journals for pair in journal.joined_at.items()):
        joined[attempt] = min(at, joined.get(attempt, at))
    persons = with_free_agents(persons_of(heard, attempts, joined), shift.journals, all_told=not order.inbound)
    limit_s, known = order.budget.threshold_s, {one.attempt_id for one in answers}
    worst = worst_of(persons, cap=order.cap, limit_s=limit_s)
    times = Counter(one.attempt_id for one in calls)
    caught = _caught(persons, log, limit_s)
    return FloorVerdict(
        order=order,
        shift=shift,
        persons=tuple(persons),
        stretches=tuple(_stretches(order, log, persons, joined)),
        attempts=len(attempts),
        codes=dict(Counter(one.code or "none" for one in attempts).most_common()),
        ledger=dict(Counter(one.verdict(order.budget).value for one in answers)),
        unseen=sum(one.attempt_id not in known for one in persons),
        worst=worst,
        caught=caught,
        callers=callers,
        broken=tuple(_broken(order, shift, log, persons, worst, caught, attempts, times)),
    )


def wait_s(persons: Sequence[Person], share: float) -> float:
    """The wait that so many of those who got an agent did not exceed."""
    waits = [one.wait_s for one in persons if one.wait_s is not None]
    return float(np.quantile(waits, share)) if waits else 0.0


def connect_s(persons: Sequence[Person], share: float) -> float:
    """What so many of the talks did not take to begin, once the person had answered and an agent was free for them."""
    took = [one.connect_s for one in persons if one.connect_s is not None]
    return float(np.quantile(took, share)) if took else 0.0


def silence_s(persons: Sequence[Person]) -> float:
    """How long somebody heard nothing at the most."""
    return max((one.silence_s for one in persons if one.silence_s is not None), default=0.0)


def _stretches(order: FloorOrder, log: ShiftLog, persons: Sequence[Person], joined: Mapping[str, datetime]) -> list[Stretch]:
    limit_s = order.budget.threshold_s
    starts: list[tuple[str, datetime, Befell | None]] = [("beginning", log.began, None)]
    starts += [(str(one.upheaval), one.at, one) for one in log.befell]
    ends: list[datetime | None] = [*(at for _, at, _ in starts[1:]), None]
    found = []
    for (name, begins, befell), end in zip(starts, ends, strict=True):
        mine = [one for one in persons if one.answered_at >= begins and (end is None or one.answered_at < end)]
        seen = [one for one in log.samples if one.at >= begins and (end is None or one.at < end)]
        at_work = sum(one.at_work for one in seen)
        talks = [at for at in joined.values() if at >= begins]
        dies = befell is not None and befell.upheaval.cuts_off
        found.append(
            Stretch(
                name=name,
                occupancy=sum(one.busy for one in seen) / at_work if at_work else 0.0,
                answered=len(mine),
                abandoned=sum(one.is_abandoned(limit_s) for one in mine),
                worst=worst_of(persons, cap=order.cap, limit_s=limit_s, begins=begins, ends=end),
                silence_s=silence_s(mine),
                talk_after_s=wait_s(mine, 0.99),
                back_after_s=(befell.back_at - befell.at).total_seconds() if befell and befell.back_at else None,
                next_talk_s=(min(talks) - begins).total_seconds() if dies and talks else None,
            )
        )
    return found


def _caught(persons: Sequence[Person], log: ShiftLog, limit_s: float) -> int:
    moments = [one.at for one in log.befell]
    lost = [one for one in persons if one.is_abandoned(limit_s)]
    return sum(any(one.was_under_way(at, limit_s) for at in moments) for one in lost)


def _broken(
    order: FloorOrder,
    shift: ShiftResult,
    log: ShiftLog,
    persons: Sequence[Person],
    worst: Worst | None,
    caught: int,
    attempts: Sequence[Attempt],
    times: Counter[str],
) -> list[str]:
    """In words."""
    found = []
    if worst is not None and worst.over > max(OVER_MOST, caught):
        found.append(f"{worst.over:.1f} calls over the budget at the worst moment ({worst.share:.2%} abandoned)")
    beyond = sum(one.is_abandoned(order.level.within_s) for one in persons)
    if beyond > order.level.late_share * len(persons) + max(OVER_MOST, caught):
        found.append(f"the service level of {order.level} was missed: {beyond} of {len(persons)} had no agent in time")
    if (silent := silence_s(persons)) > SILENCE_MOST_S:
        found.append(f"somebody heard nothing for {silent:.1f} s")
    if twice := [one.id for one in attempts if times[one.id] > 1]:
        found.append(f"called twice: {', '.join(twice[:5])}{' ...' if len(twice) > 5 else ''}")
    if never := [one.id for one in attempts if not times[one.id] and one.answered_at is not None]:
        found.append(f"answered, and never seen by the carrier: {len(never)}, such as {never[0]}")
    if open_ones := [one.id for one in attempts if one.code is None]:
        found.append(f"without a code: {len(open_ones)} attempts, such as {open_ones[0]}")
    for one in log.befell:
        if one.upheaval.cuts_off and (one.back_at is None or (one.back_at - one.at).total_seconds() > BACK_WITHIN_S):
            found.append(f"{one.upheaval}: not everybody was at work again within {BACK_WITHIN_S:g} s")
    if missing := order.upheavals[len(log.befell) :]:
        found.append(f"{missing[0]}: the shift was over before")
    if shift.lost:
        found.append(f"{len(shift.lost)} desks were lost, such as by: {shift.lost[0]}")
    return found


def _plain(values: dict[str, object]) -> dict[str, object]:
    return {
        name: round(value, 4) if isinstance(value, float) else _plain(value) if isinstance(value, dict) else value
        for name, value in values.items()
    }
