"""Late rings are given up when agents run short: never before the law's time, never more than it takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.domain.pacing_plan import LEAST_RING_S
from dialer.pacing.floor import Ended, Floor, NobodyAnswered, PersonAnswered, Ring, Served
from dialer.pacing.floor_plan import FloorPlan
from dialer.pacing.late_rings import MOST_RISK, NONE, LateRings, given_up, late_of
from dialer.pacing.plan_pacers import giving_up, guarded_cruise
from dialer.pacing.predictive import Cruise, CruiseControl
from dialer.pacing.progressive import Progressive
from dialer.pacing.simulator import simulate

pytestmark = pytest.mark.unit

CAP, WAIT_S, WINDOW_S = 0.03, 1.4, 4 * 3600.0


def learned() -> Cruise:
    """A cruise control that knows its list and its floor."""
    cruise = Cruise(CruiseControl(cap=CAP, max_wait_s=WAIT_S, window_s=WINDOW_S))
    people = [PersonAnswered(rang_s=5.0 + one % 20, detected_s=1.6) for one in range(60)]
    others = [NobodyAnswered(age_s=26.0, how=Ended.NO_ANSWER) for _ in range(120)]
    cruise.learn([*people, *others, *(Served(talk_s=60.0 + one, wrap_s=10.0) for one in range(60))])
    return cruise


def rings(*rung_s: float) -> list[Ring]:
    """Calls 0, 1, ... that were ordered two seconds before they rang."""
    return [Ring(call=name, ordered_s=rung + 2.0, rung_s=rung) for name, rung in enumerate(rung_s)]


def floor_of(ringing: list[Ring], **more: Any) -> Floor:
    seen = Floor(now_s=100.0, idle=0, live=500.0, abandoned=5.0, talking_s=[5.0] * 4, rings=ringing)
    return replace(seen, ringing_s=[one.ordered_s for one in ringing], **more)


def decided(floor: Floor, *, least_s: float = LEAST_RING_S) -> tuple[int, ...]:
    cruise = learned()
    cruise.calls(floor)
    return tuple(int(str(one)) for one in given_up(floor, cruise, least_s=least_s).calls)


CROWDED = rings(3.0, *[16.0 + one / 4 for one in range(12)])


def test_when_all_agents_have_just_begun_to_talk_late_rings_go_and_early_ones_stay() -> None:
    gone = decided(floor_of(CROWDED))
    assert gone
    assert 0 not in gone, "it has rung for three seconds"


def test_it_says_how_many_and_at_which_risk() -> None:
    pacer = LateRings(Progressive(), learned())
    pacer.calls(floor_of(CROWDED))
    assert pacer.because.startswith(f"{len(late_of(pacer).calls)} calls that rang for 15 s or longer given up: agents ran short")
    assert pacer.because.endswith("0 idle, 1 lines for each, 13 calls out")


@pytest.mark.parametrize(
    "calm",
    [
        {"idle": 1},  # whoever answers first finds somebody
        {"talking_s": [], "wrapping_s": [300.0] * 30},  # nearly all are about to be free
        {"behind_s": 3.0},  # who knows what rings
        {"rings": []},  # nobody can say how long they have rung
    ],
)
def test_nothing_is_given_up_without_need(calm: dict[str, Any]) -> None:
    assert decided(floor_of(CROWDED)) != ()
    assert decided(floor_of(CROWDED, **calm)) == ()


def test_with_nobody_left_all_late_rings_go() -> None:
    assert sorted(decided(floor_of(CROWDED, talking_s=[]))) == list(range(1, 13))


@pytest.mark.parametrize("least_s", [0.0, 14.9, float("nan")])
def test_less_than_the_laws_seconds_is_refused(least_s: float) -> None:
    with pytest.raises(ValueError, match="at least 15 s"):
        LateRings(Progressive(), learned(), least_s=least_s)


@given(
    rung=st.lists(st.floats(0, 60), max_size=25),
    idle=st.integers(0, 4),
    talking=st.lists(st.floats(0, 300), max_size=12),
    wrapping=st.lists(st.floats(0, 60), max_size=6),
    waiting=st.integers(0, 3),
    least_s=st.floats(LEAST_RING_S, 40),
)
@settings(max_examples=40, deadline=None)
def test_never_before_its_time_never_beside_an_idle_agent_never_more_than_it_takes(
    rung: list[float], idle: int, talking: list[float], wrapping: list[float], waiting: int, least_s: float
) -> None:
    floor = floor_of(rings(*rung), idle=idle, talking_s=talking, wrapping_s=wrapping, waiting=waiting)
    cruise = learned()
    cruise.calls(floor)
    found = given_up(floor, cruise, least_s=least_s)
    gone = {int(str(one)) for one in found.calls}
    assert all(rung[one] >= max(least_s, LEAST_RING_S) for one in gone)
    assert len(gone) == len(found.calls)
    if idle:
        assert not gone
    if gone:
        assert found.risk > found.limit >= max(MOST_RISK, cruise.outlook.risk_allowed)
        left = [ring for ring in floor.rings if ring.call not in gone]
        after = replace(floor, rings=left, ringing_s=[ring.ordered_s for ring in left])
        assert given_up(after, cruise, least_s=least_s) == NONE, "what was left needs nobody's hand: no second round"
        for one in gone:  # without it, all others that went would still have to
            fewer = [ring for ring in floor.rings if ring.call != one]
            spared = given_up(replace(floor, rings=fewer), cruise, least_s=least_s)
            assert len(spared.calls) <= len(gone)


def test_what_was_given_up_is_no_sign_of_a_list_on_which_nobody_answers() -> None:
    cruise, same = learned(), learned()
    cruise.learn([NobodyAnswered(age_s=18.0, how=Ended.GIVEN_UP)] * 50)
    for one in (cruise, same):
        one.memory.calls.refresh()
    assert cruise.memory.calls.hit_rate == same.memory.calls.hit_rate


def test_a_floor_that_loses_half_its_agents_abandons_fewer_and_gives_up_some() -> None:
    plan = FloorPlan(
        agents=12, hours=0.5, tick_s=1.0, shifts=tuple((0.0, 1800.0 * (0.6 if one % 2 else 1.0)) for one in range(12))
    )
    how: dict[str, Any] = {"cap": plan.cap, "max_wait_s": plan.max_wait_s, "window_s": 1800.0}
    without = simulate(plan, guarded_cruise(**how), 1)
    late = simulate(plan, giving_up(guarded_cruise(**how), LEAST_RING_S, **how), 1)
    assert without.given_up == 0
    assert 0 < late.given_up < 0.15 * late.placed
    assert late.lost <= plan.cap * late.live + 2
