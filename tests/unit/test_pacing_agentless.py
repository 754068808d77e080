"""The pace of a job without agents: kept on average, never beaten by a volley, never above its ports or its guard."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.pacing.agentless import Agentless
from dialer.pacing.guard import Guard
from dialer.pacing.snapshot import Decision, Memory, Snapshot

pytestmark = pytest.mark.unit


def run(pacer: Agentless, *, for_s: float, tick_s: float, jitter: float = 0.0, seed: int = 1) -> list[float]:
    """The moments at which calls are placed; no call lasts."""
    rng, now, memory = random.Random(seed), 0.0, Memory()
    placed: list[float] = []
    while now < for_s:
        decision = pacer.decide(Snapshot(now_s=now, room=1000), memory)
        placed += [now] * decision.n
        memory = decision.memory.spent(decision.n)
        now += tick_s * (1 + rng.uniform(-jitter, jitter))
    return placed


@pytest.mark.row(60)
@pytest.mark.parametrize("calls_per_s", [100 / 60, 1 / 3.7, 10 / 3600, 7.3, 60.0])
@pytest.mark.parametrize("tick_s", [0.05, 0.1, 0.33])
def test_the_pace_is_kept_on_average_over_five_minutes(calls_per_s: float, tick_s: float) -> None:
    placed = run(Agentless(calls_per_s=calls_per_s, max_ports=10**6), for_s=300, tick_s=tick_s, jitter=0.3)
    assert abs(len(placed) - calls_per_s * 300) <= max(1.0, calls_per_s * 300 * 0.05)


@pytest.mark.parametrize("calls_per_s", [1.0, 0.5, 1 / 3.7, 2.0])
def test_looks_that_come_late_do_not_make_the_job_slower(calls_per_s: float) -> None:
    placed = run(Agentless(calls_per_s=calls_per_s, max_ports=10**6), for_s=300, tick_s=0.33, jitter=0.3)
    assert abs(len(placed) - calls_per_s * 300) <= 1.0
    assert all(before <= at * calls_per_s + 1e-6 for before, at in enumerate(placed)), "nor is the pace ever exceeded"


@given(rate=st.floats(0.1, 50), ticks=st.lists(st.floats(0.001, 30), min_size=2, max_size=40))
def test_no_pause_is_made_good_by_a_volley(rate: float, ticks: list[float]) -> None:
    pacer, memory, now = Agentless(calls_per_s=rate, max_ports=10**6), Memory(), 0.0
    for tick in ticks:
        now += tick
        decision = pacer.decide(Snapshot(now_s=now, room=10**6), memory)
        assert decision.n <= max(1.0, rate + 1e-6)
        memory = decision.memory.spent(decision.n)


@pytest.mark.row(62)
def test_ports_are_a_ceiling() -> None:
    pacer = Agentless(calls_per_s=10, max_ports=3)
    decision = pacer.decide(Snapshot(now_s=10, in_flight=2, room=99), Memory(credit=5, at_s=10))
    assert decision == Decision(n=1, because="2 of 3 ports in use", memory=Memory(credit=5, at_s=10))
    assert pacer.decide(Snapshot(now_s=10, in_flight=9, room=99), Memory(credit=5, at_s=10)).n == 0


@pytest.mark.row(62)
def test_below_the_floor_of_ports_the_pace_does_not_matter() -> None:
    pacer = Agentless(calls_per_s=0.01, min_ports=5, max_ports=50)
    decision = pacer.decide(Snapshot(now_s=10, in_flight=2, room=99), Memory(credit=0, at_s=10))
    assert (decision.n, decision.because) == (3, "2 of at least 5 ports in use")
    assert decision.memory.spent(3).credit == 0.0  # a gift, not a debt


def test_no_more_calls_than_contacts_that_are_due() -> None:
    pacer = Agentless(calls_per_s=10, max_ports=50)
    found = pacer.decide(Snapshot(now_s=10, due=2, room=99), Memory(credit=5, at_s=10))
    assert (found.n, found.because) == (2, "2 contacts due")


def test_waiting_tells_for_how_long() -> None:
    pacer = Agentless(calls_per_s=0.5, max_ports=50)
    assert pacer.decide(Snapshot(now_s=10.5), Memory(credit=0, at_s=10)).because == "pace 0.5/s: the next call in 1.5 s"


def test_a_pace_of_nothing_places_nothing() -> None:
    assert run(Agentless(calls_per_s=0, max_ports=5), for_s=100, tick_s=1) == []


def test_credit_that_was_not_used_is_kept() -> None:
    pacer = Agentless(calls_per_s=2, max_ports=50)
    memory = pacer.decide(Snapshot(now_s=0), Memory()).memory.spent(0)
    assert pacer.decide(Snapshot(now_s=0.5), memory).n == 2


@dataclass(frozen=True, slots=True)
class Wild:
    """A pacer that wants what it is told to want."""

    n: int

    def decide(self, seen: Snapshot, memory: Memory) -> Decision:
        return Decision(n=self.n, because="wild", memory=memory)


@pytest.mark.parametrize(
    ("wanted", "seen", "n", "because"),
    [
        (5, Snapshot(now_s=0, room=10), 5, "wild"),
        (5, Snapshot(now_s=0, room=3), 3, "room for 3 on the trunk"),
        (5, Snapshot(now_s=0, room=0), 0, "no room on the trunk"),
        (5, Snapshot(now_s=0, room=-2), 0, "no room on the trunk"),
        (5, Snapshot(now_s=0, room=10, in_flight=18), 2, "18 of 20 ports in use"),
        (5, Snapshot(now_s=0, room=10, headroom=1), 1, "1 calls left before the job is to end"),
        (5, Snapshot(now_s=0, room=10, headroom=-4), 0, "0 calls left before the job is to end"),
        (-3, Snapshot(now_s=0, room=10), 0, "wild"),
    ],
)
def test_the_guard_lowers_and_never_raises(wanted: int, seen: Snapshot, n: int, because: str) -> None:
    decision = Guard(pacer=Wild(wanted), max_ports=20).decide(seen, Memory(credit=1.5, at_s=0))
    assert (decision.n, decision.because, decision.memory.credit) == (n, because, 1.5)


@pytest.mark.row(62)
@given(
    wanted=st.integers(-5, 1000),
    room=st.integers(-5, 300),
    in_flight=st.integers(0, 300),
    headroom=st.none() | st.integers(-5, 300),
)
def test_no_pacer_can_break_the_law(wanted: int, room: int, in_flight: int, headroom: int | None) -> None:
    seen = Snapshot(now_s=0, room=room, in_flight=in_flight, headroom=headroom)
    n = Guard(pacer=Wild(wanted), max_ports=100).decide(seen, Memory()).n
    assert 0 <= n <= max(0, wanted)
    assert n <= max(0, room)
    assert n <= max(0, 100 - in_flight)
    assert headroom is None or n <= max(0, headroom)
