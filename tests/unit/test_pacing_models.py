"""What the predictive pacer learns: when calls are answered, when agents are free, and what the budget allows."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dialer.pacing.call_model import CallModel
from dialer.pacing.floor import Ended
from dialer.pacing.lately import Lately
from dialer.pacing.level import Level
from dialer.pacing.persons import PersonShare
from dialer.pacing.service_model import ServiceModel
from dialer.pacing.steering import CLOSED, Account, Steering

pytestmark = pytest.mark.unit


def test_the_hit_rate_and_the_time_to_answer_are_learned() -> None:
    dice, model = np.random.default_rng(1), CallModel()
    calls: list[tuple[float, float, bool]] = []  # ordered, over, answered
    for step in range(4000):
        now = step * 0.5
        if step % 2 == 0:
            answers = dice.random() < 0.4
            calls.append((now, now + (dice.normal(8.0, 1.5) if answers else 25.0), answers))
        model.rang(np.array([now - ordered for ordered, over, _ in calls if over > now]), 0.5)
        for ordered, over, answered in [one for one in calls if one[1] <= now]:
            if answered:
                model.person(over - ordered, 0.0)
            else:
                model.nobody(over - ordered, Ended.NO_ANSWER)
        calls = [one for one in calls if one[1] > now]
        model.refresh()
    assert model.hit_rate == pytest.approx(0.4, abs=0.06)
    early, middle, late = model.answer_ages(np.array([0.1, 0.5, 0.9]))
    assert 5 < early < middle < late < 13
    assert middle == pytest.approx(8.5, abs=1.0)
    young, old = model.within(np.array([2.0, 14.0]), np.array([10.0]))[:, 0]
    assert young > 0.3 > 0.1 > old, "a call that has rung for long is not answered any more"


@pytest.mark.parametrize("look_s", [0.25, 1.0, 2.0])
def test_a_dialer_that_looks_seldom_learns_the_same_hit_rate(look_s: float) -> None:
    """Calls that fail at once are never seen ringing: their seconds count all the same, or no call would seem to last."""
    dice, model = np.random.default_rng(4), CallModel()
    calls: list[tuple[float, float, bool | None]] = []  # ordered, over, answered; None = it failed
    for step in range(int(2400 / look_s)):
        now = step * look_s
        for ordered, over, fate in [one for one in calls if one[1] <= now]:
            if fate:
                model.person(over - ordered, 0.0)
            else:
                model.nobody(over - ordered, Ended.FAILED if fate is None else Ended.NO_ANSWER)
        calls = [one for one in calls if one[1] > now]
        model.rang(np.array([now - ordered for ordered, _, _ in calls]), look_s)
        model.refresh()
        for chance in dice.random(dice.poisson(1.4 * look_s)):
            fate = None if chance < 0.25 else chance < 0.35
            lasts = 0.3 if fate is None else dice.normal(6.0, 1.0) if fate else 15.0
            calls.append((now, now + lasts, fate))
    assert model.hit_rate == pytest.approx(0.1, abs=0.025)


def test_a_sudden_change_of_the_list_is_followed_within_some_answers() -> None:
    dice, model = np.random.default_rng(2), CallModel()
    calls: list[tuple[float, float, bool]] = []
    seen = {}
    for step in range(6000):
        now = step * 0.5
        share = 0.15 if now < 2400 else 0.45
        answers = dice.random() < share
        calls.append((now, now + (dice.normal(8.0, 1.5) if answers else 20.0), answers))
        model.rang(np.array([now - ordered for ordered, over, _ in calls if over > now]), 0.5)
        for ordered, over, answered in [one for one in calls if one[1] <= now]:
            if answered:
                model.person(over - ordered, 0.0)
            else:
                model.nobody(over - ordered, Ended.NO_ANSWER)
        calls = [one for one in calls if one[1] > now]
        model.refresh()
        seen[now] = model.hit_rate
    assert seen[2399.0] == pytest.approx(0.15, abs=0.05)
    assert seen[2500.0] > 0.3, "a minute after the first answers from the new list"


def test_an_agent_is_free_sooner_the_longer_a_regular_talk_has_gone_on() -> None:
    model, dice = ServiceModel(), np.random.default_rng(3)
    for _ in range(600):
        model.served(float(dice.normal(100.0, 5.0)), float(dice.normal(20.0, 2.0)))
    model.refresh()
    young, middle, old = model.free_after_talk(np.array([10.0, 95.0, 112.0]), np.array([20.0]))[:, 0]
    assert young < 0.05
    assert young < middle < old
    just, nearly = model.free_after_wrap(np.array([0.0, 15.0]), np.array([10.0]))[:, 0]
    assert just < 0.05 < 0.9 < nearly


def test_who_takes_breaks_is_not_counted_on() -> None:
    model = ServiceModel()
    for _ in range(300):
        model.served(60.0, 10.0)
        model.went_on(back=False)
    model.refresh()
    assert model.free_after_wrap(np.array([8.0]), np.array([60.0]))[0, 0] < 0.15


def half_way(abandoned: float) -> tuple[Steering, Account, float]:
    """A day of an hour, of which half is gone with a thousand answers."""
    steering, account = Steering(cap=0.03, window_s=3600.0), Account()
    steering.risk(account, gone_s=0.0, live=0.0, abandoned=0.0, waiting=0, agents=20, contact_s=36.0)
    risk = steering.risk(account, gone_s=1800.0, live=1000.0, abandoned=abandoned, waiting=0, agents=20, contact_s=36.0)
    return steering, account, risk


def test_the_budget_is_spent_evenly_and_never_overdrawn_at_the_end() -> None:
    steering, account, even = half_way(29.0)
    assert even == pytest.approx(0.03, abs=0.005)
    assert half_way(20.0)[2] > even, "what was saved is spent on the rest of the window"
    assert half_way(45.0)[2] == CLOSED, "used up"
    at_the_end = steering.risk(account, gone_s=3500.0, live=1900.0, abandoned=57.0, waiting=0, agents=20, contact_s=36.0)
    assert at_the_end == CLOSED, "nothing is lent at the end"


def test_a_list_that_does_not_change_is_not_shaken_by_chance() -> None:
    """Forty answers more or fewer than were promised in a row are noise; twice as many are a change."""
    dice, level = np.random.default_rng(5), Level()
    factors = []
    for step in range(6000):
        level.promised(0.25)
        if dice.random() < (0.25 if step < 4000 else 0.6):
            level.answered()
        factors.append(level.factor(0.0))
    steady, after = np.array(factors[1000:4000]), np.array(factors[4200:])
    assert steady.std() < 0.12
    assert steady.mean() == pytest.approx(1.0, abs=0.1)
    assert after.mean() == pytest.approx(2.4, abs=0.4)


def test_what_agents_find_tells_persons_from_machines_by_the_ringing() -> None:
    dice, share = np.random.default_rng(6), PersonShare()
    assert share.weight(5.0) == share.weight(25.0) == 1.0
    for _ in range(800):
        person = dice.random() < 0.5
        rang = dice.lognormal(2.2, 0.4) if person else dice.normal(21.0, 3.0)
        share.judged(float(rang), bool(person))
    assert share.weight(8.0) > 1.5
    assert share.weight(22.0) < 0.3
    again = PersonShare.from_json(json.loads(json.dumps(share.to_json())))
    assert again.weight(22.0) == pytest.approx(share.weight(22.0), abs=1e-3)


def test_a_burst_of_abandoned_calls_is_followed_by_care_that_passes() -> None:
    lately = Lately()
    calm = [lately.care(60.0 * minute, 7.0 * minute, 0.2 * minute, 0, 0.03) for minute in range(30)]
    assert calm == [1.0] * 30
    assert lately.care(1800.0, 215.0, 16.0, 1, 0.03) == pytest.approx(0.1), "eleven in a minute, and one more who waits"
    again = Lately.from_json(json.loads(json.dumps(lately.to_json())))
    assert again.care(1805.0, 216.0, 16.0, 1, 0.03) == pytest.approx(0.1), "a restart does not forget it"
    later = [lately.care(1800.0 + 60.0 * minute, 215.0 + 7.0 * minute, 16.0, 0, 0.03) for minute in range(1, 40)]
    assert later[-1] == 1.0
