"""A shift of the floor's demonstration is judged by the carrier's log and the ledger: each promise that did not hold is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dialer.demo_floor.course import Befell, Sample, ShiftLog
from dialer.demo_floor.order import FloorOrder
from dialer.demo_floor.upheaval import read_upheaval
from dialer.demo_floor.verdict import FloorVerdict, judge
from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.ids import AttemptId, ContactId, JobId, OrgId
from dialer.domain.service_level import ServiceLevel
from dialer.lab.phones import ANSWERED, SOUND
from dialer.lab.shift import ShiftResult
from dialer.lab.synthetic_agent import Journal
from dialer.lab.truth import Heard, Truth

pytestmark = pytest.mark.unit

BEGAN = datetime(2026, 5, 11, 12, 0, tzinfo=UTC)
ORDER = FloorOrder(minutes=2, cap=0.1, upheavals=(read_upheaval("kill@1"),))
COUNT = 60
KILLED = Befell(upheaval=ORDER.upheavals[0], at=BEGAN + timedelta(seconds=60), back_at=BEGAN + timedelta(seconds=65))


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def attempt(number: int) -> Attempt:
    """One that a person answered, two seconds after the one before."""
    return Attempt(
        id=AttemptId(f"a{number}"),
        org_id=OrgId(1),
        job_id=JobId(1),
        contact_id=ContactId(number),
        handler="initial",
        address_name="mobile",
        address=f"+1999{number:05}1040",
        trunk="carrier",
        switch="lab",
        node="demo",
        nonce="n",
        state=AttemptState.FINAL,
        intent_at=after(2 * number - 1),
        answered_at=after(2 * number),
        code="Agreed",
    )


ATTEMPTS = tuple(map(attempt, range(COUNT)))


def judged(
    *,
    alone: Sequence[int] = (),
    silent_s: float = 0.8,
    attempts: Sequence[Attempt] = ATTEMPTS,
    calls: Sequence[int] = range(COUNT),
    killed: Befell | None = KILLED,
    lost: tuple[str, ...] = (),
    called_s: float = 1.0,
    order: FloorOrder = ORDER,
) -> FloorVerdict:
    """A shift in which everybody but those of `alone` had an agent at once, each called `called_s` before the answer."""
    attempts = [replace(one, intent_at=after(2 * place - called_s)) for place, one in enumerate(attempts)]
    joined = {one.id: after(2 * place + 0.1) for place, one in enumerate(attempts) if place not in alone}
    journal = Journal(joined_at={str(one): at for one, at in joined.items()})
    heard = [Heard(at=after(2 * place), number=one.address[1:], what=ANSWERED) for place, one in enumerate(attempts)]
    heard += [Heard(at=after(2 * place + silent_s), number=one.address[1:], what=SOUND) for place, one in enumerate(attempts)]
    return judge(
        order,
        ShiftResult(
            journals=(journal,),
            occupancy=0.8,
            idle_s=1.0,
            talks=len(joined),
            talks_per_agent_hour=1.0,
            codes=Counter(),
            refused=(),
            lost=lost,
        ),
        ShiftLog(
            began=BEGAN,
            samples=[Sample(at=after(one), at_work=4, busy=3) for one in range(120)],
            befell=[killed] if killed else [],
        ),
        attempts=attempts,
        answers=(),
        heard=heard,
        calls=[Truth(at=BEGAN, number="", attempt_id=f"a{one}", behaviour="phone") for one in calls],
    )


def test_a_shift_as_promised_breaks_nothing_and_is_told_by_stretches() -> None:
    found = judged(alone=(31,))
    assert found.broken == ()
    assert (found.abandoned, len(found.persons)) == (1, COUNT)
    begun, killed = found.stretches
    assert (begun.answered, begun.abandoned, killed.answered, killed.abandoned) == (30, 0, 30, 1)
    assert (begun.occupancy, killed.occupancy) == (0.75, 0.75)
    assert killed.back_after_s == 5.0
    assert killed.next_talk_s == pytest.approx(0.1)
    assert killed.worst is not None
    assert killed.worst.share == pytest.approx(1 / 32)
    assert '"broken": []' in found.as_json()
    assert '"service_level": null' in found.as_json()


def test_a_missed_service_level_is_named_and_told() -> None:
    order = replace(ORDER, level=ServiceLevel(percent=95, within_s=0.2))
    held, missed = judged(alone=(31,), order=order), judged(alone=range(3, 60, 8), order=order)
    assert held.broken == ()
    assert '"service_level": {"percent": 95, "within_s": 0.2, "reached": 98.33, "late": 1}' in held.as_json()
    assert "the service level of 95 % in 0.2 s was missed: 8 of 60 had no agent in time" in missed.broken


def test_who_rang_when_it_happened_was_past_help() -> None:
    found = judged(alone=range(30, 36), called_s=14.0)
    assert found.broken == ()
    assert found.caught == 6
    assert judged(alone=range(30, 36)).caught == 1, "the one who was called a second before"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (judged(alone=range(30, 36)), "calls over the budget"),
        (judged(silent_s=3.2), "heard nothing for 3.2 s"),
        (judged(calls=[*range(COUNT), 7]), "called twice: a7"),
        (judged(calls=range(1, COUNT)), "never seen by the carrier: 1, such as a0"),
        (judged(attempts=[replace(ATTEMPTS[0], code=None), *ATTEMPTS[1:]]), "without a code: 1"),
        (judged(killed=replace(KILLED, back_at=None)), "not everybody was at work again"),
        (judged(killed=replace(KILLED, back_at=after(95))), "not everybody was at work again"),
        (judged(killed=None), "1:00 kill -9: the shift was over before"),
        (judged(lost=("taken over",)), "1 desks were lost"),
    ],
)
def test_each_promise_that_did_not_hold_is_named(found: FloorVerdict, why: str) -> None:
    assert len(found.broken) == 1
    assert why in found.broken[0]
