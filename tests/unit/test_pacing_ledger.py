"""The ledger of live answers: what counts as abandoned, in which window, and how many more may be."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from dialer.domain.ids import AttemptId, JobId
from dialer.domain.live_answer import LiveAnswer, Verdict
from dialer.domain.pacing_plan import AbandonBudget, AbandonCount, BudgetWindow, StartPoint
from dialer.pacing.abandonment import AbandonLedger, Tally

pytestmark = pytest.mark.unit

BEGINS = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return BEGINS + timedelta(seconds=seconds)


def answer(
    number: int = 0,
    *,
    at: datetime = BEGINS,
    detected_s: float | None = None,
    joined_s: float | None = None,
    ended_s: float | None = None,
    code: str = "",
    machine: bool = False,
) -> LiveAnswer:
    def moment(seconds: float | None) -> datetime | None:
        return None if seconds is None else at + timedelta(seconds=seconds)

    return LiveAnswer(
        attempt_id=AttemptId(f"a{number}"),
        job_id=JobId(1),
        ordered_at=at - timedelta(seconds=12),
        answered_at=at,
        person_at=moment(detected_s) or at,
        detected=detected_s is not None,
        joined_at=moment(joined_s),
        ended_at=moment(ended_s),
        system_code=code,
        machine=machine,
    )


FROM_GREETING, FROM_ANSWER = AbandonBudget(start=StartPoint.GREETING_END), AbandonBudget(start=StartPoint.ANSWER)


@pytest.mark.parametrize(
    ("found", "budget", "verdict"),
    [
        (answer(joined_s=1.9), FROM_GREETING, Verdict.CONNECTED),
        (answer(joined_s=2.1), FROM_GREETING, Verdict.ABANDONED),  # an agent who comes too late does not mend it
        # known for a person 2.0 s after the answer, by 0.7 s of silence: the greeting ended at 1.3 s, and the law's time at 3.3 s
        (answer(detected_s=2.0, joined_s=3.2), FROM_GREETING, Verdict.CONNECTED),
        (answer(detected_s=2.0, joined_s=3.4), FROM_GREETING, Verdict.ABANDONED),
        (answer(detected_s=2.0, joined_s=3.2), FROM_ANSWER, Verdict.ABANDONED),  # a stricter house counts from the answer
        (answer(ended_s=1.5), FROM_GREETING, Verdict.LEFT),  # hung up before anybody had to be there
        (answer(ended_s=2.5), FROM_GREETING, Verdict.ABANDONED),  # nobody came, whatever the code says
        (answer(ended_s=1.5, code="Nuisance Call"), FROM_GREETING, Verdict.ABANDONED),  # the message was begun
        (answer(joined_s=1.0, machine=True), FROM_GREETING, Verdict.MACHINE),
        (answer(), FROM_GREETING, Verdict.WAITING),
    ],
)
def test_what_a_live_answer_counts_as(found: LiveAnswer, budget: AbandonBudget, verdict: Verdict) -> None:
    assert found.verdict(budget) is verdict


def test_a_call_is_counted_once_however_often_it_is_told() -> None:
    ledger = AbandonLedger(AbandonBudget())
    for now in (answer(), answer(joined_s=1.0), answer(joined_s=1.0, ended_s=60), answer(joined_s=1.0, ended_s=60)):
        ledger.note(now)
    assert ledger.tally(after(61)) == Tally(connected=1)
    ledger.note(answer(joined_s=1.0, ended_s=60, machine=True))
    assert ledger.tally(after(62)) == Tally(agent_machines=1), "the agent corrected the code"


def test_what_has_left_the_window_counts_no_more() -> None:
    ledger = AbandonLedger(AbandonBudget(window=BudgetWindow.DAY))
    ledger.note(answer(1, ended_s=5))
    ledger.note(answer(2, at=after(3600 * 20), joined_s=1))
    assert ledger.rate(after(3600 * 21)) == 0.5
    assert ledger.rate(after(3600 * 25)) == 0.0
    for_ever = AbandonLedger(AbandonBudget(window=BudgetWindow.CAMPAIGN))
    for_ever.note(answer(1, ended_s=5))
    assert for_ever.rate(after(86_400 * 90)) == 1.0


def test_those_who_wait_count_as_lost_until_somebody_has_them() -> None:
    ledger = AbandonLedger(AbandonBudget(percent=3.0))
    for number in range(100):
        ledger.note(answer(number, joined_s=1))
    assert ledger.room(after(10)) == pytest.approx(3.0)
    assert ledger.room(after(10), waiting=2) == pytest.approx(1.06)
    ledger.note(answer(100, ended_s=4))
    assert ledger.room(after(10)) == pytest.approx(2.03)


def test_the_regulators_estimates_for_machines_go_into_the_rate() -> None:
    ofcom = AbandonLedger(AbandonBudget(count=AbandonCount.OFCOM, mistaken_share=0.02))
    for number in range(29 + 9 + 7):  # the regulator's own example: 29 drops, agents had 9 persons and 7 machines
        ofcom.note(answer(number, ended_s=5) if number < 29 else answer(number, joined_s=1, machine=number >= 38))
    assert ofcom.rate(after(60)) == pytest.approx(0.6444, abs=5e-5)
    ofcom.note_machines(100)  # that a detector hung up on: two of them were persons
    assert ofcom.rate(after(60)) == pytest.approx((16.3125 + 2) / (16.3125 + 2 + 9))


def test_counting_as_it_comes_gives_the_same_as_counting_anew(rng: random.Random) -> None:
    budget = AbandonBudget(window=BudgetWindow.DAY)
    ledger, told = AbandonLedger(budget), []
    at = BEGINS
    for number in range(2000):
        at += timedelta(seconds=rng.uniform(0, 120))
        late = at - timedelta(seconds=rng.choice((0, 0, 90)))  # some are told after later ones
        told.append(answer(number, at=late, joined_s=rng.choice((None, 1.0, 3.0)), ended_s=rng.uniform(0.5, 300)))
        ledger.note(told[-1])
        if number % 50 == 0:
            ledger.tally(at)
    first = int((at - timedelta(hours=24)).timestamp()) // 60
    inside = [one.verdict(budget) for one in told if int(one.person_at.timestamp()) // 60 >= first]
    assert ledger.tally(at) == Tally(connected=inside.count(Verdict.CONNECTED), abandoned=inside.count(Verdict.ABANDONED))
