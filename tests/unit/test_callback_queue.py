"""Who keeps a callback: an agent's queue is filled as the reference product fills it, and no promise waits for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.callback import Callback, CallbackLimits, CallbackType, free_from
from dialer.domain.callback_queue import AgentQueue, Due, fill, without_agent
from dialer.domain.ids import CallbackId, ContactId, JobId, OrgId

pytestmark = pytest.mark.unit

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
AGENT, STRICT, CAMPAIGN, STANDARD = CallbackType
ANN = AgentQueue(agent="ann", jobs=frozenset({JobId(1)}), skills=frozenset({"en", "loans"}))


def due(number: int, kind: CallbackType = STRICT, *, agent: str = "ann", job: int = 1, minutes: float = 0, **more: object) -> Due:
    one = Callback(
        id=CallbackId(number),
        org_id=OrgId(1),
        job_id=JobId(job),
        contact_id=ContactId(number),
        at=NOW + minutes * MINUTE,
        type=kind,
        agent=agent if kind.is_personal else "",
    )
    return Due(callback=one, **more)  # type: ignore[arg-type]  # whatever a test wants


def ids(callbacks: tuple[Callback, ...]) -> list[int]:
    return [int(one.id) for one in callbacks]


@pytest.mark.row(106, 107)
@pytest.mark.parametrize("earlier", [0, 1], ids=["all at one moment", "the standard one first"])
def test_of_one_standard_and_twelve_strict_callbacks_ten_go_into_the_queue_and_three_are_postponed(earlier: int) -> None:
    """The example of the reference product's manual: Number of Callbacks in Queue 10; 1 standard + 9 strict, 3 postponed."""
    pending = [due(number) for number in range(1, 13)]
    standard = due(99, STANDARD, minutes=-earlier)
    filled = fill(ANN, [*pending, standard], CallbackLimits(queue_most=10, retry_s=300), NOW)
    assert ids(filled.taken) == [99, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert ids(filled.postponed) == [10, 11, 12]
    assert {one.at for one in filled.postponed} == {NOW + 5 * MINUTE}
    assert all(one.tries == 0 for one in filled.postponed), "the agent is there: no try is used up"


@pytest.mark.row(106, 107)
def test_a_standard_callback_that_waits_already_leaves_nine_places() -> None:
    filled = fill(replace(ANN, waiting=1), [due(number) for number in range(1, 13)], CallbackLimits(queue_most=10), NOW)
    assert (len(filled.taken), len(filled.postponed)) == (9, 3)


@pytest.mark.row(106, 107)
@pytest.mark.parametrize("kind", [STANDARD, CAMPAIGN])
def test_what_anybody_may_keep_needs_an_empty_queue_and_comes_one_at_a_time(kind: CallbackType) -> None:
    several = [due(1, kind), due(2, kind)]
    assert ids(fill(ANN, several, CallbackLimits(), NOW).taken) == [1]
    busy = fill(replace(ANN, waiting=1), several, CallbackLimits(), NOW)
    assert (busy.taken, busy.postponed) == ((), ()), "somebody else may keep it, at its time"
    earlier = fill(ANN, [due(1, kind), due(2, STRICT, minutes=-1)], CallbackLimits(), NOW)
    assert ids(earlier.taken) == [2]


@pytest.mark.row(106)
@pytest.mark.parametrize(
    ("one", "taken"),
    [
        (due(1, AGENT), True),
        (due(1, AGENT, agent="bob"), False),
        (due(1, STRICT, agent="bob"), False),
        (due(1, AGENT, job=2), True),  # promised by ann herself, whatever she works for now
        (due(1, CAMPAIGN), True),
        (due(1, CAMPAIGN, job=2), False),  # not her campaign
        (due(1, STANDARD, job=2, skills=frozenset({"loans"})), True),  # any agent with the job's skills
        (due(1, STANDARD, skills=frozenset({"loans", "tr"})), False),
        (due(1, minutes=1), False),  # not yet
    ],
)
def test_each_type_goes_to_those_who_may_keep_it(one: Due, taken: bool) -> None:
    filled = fill(ANN, [one], CallbackLimits(), NOW)
    assert (bool(filled.taken), filled.postponed) == (taken, ())


@pytest.mark.row(106, 110)
def test_hours_and_expiry_are_asked_before_a_callback() -> None:
    closed = due(1, opens_at=NOW + 60 * MINUTE)
    expired = due(2)
    expired = replace(expired, callback=replace(expired.callback, expires_at=NOW))
    filled = fill(ANN, [closed, expired], CallbackLimits(), NOW)
    assert filled.taken == ()
    assert [(int(one.id), one.at) for one in filled.postponed] == [(1, NOW + 60 * MINUTE)]


def test_a_preferred_agent_whose_queue_is_full_leaves_the_callback_to_others() -> None:
    filled = fill(replace(ANN, waiting=10), [due(1, AGENT), due(2, STRICT)], CallbackLimits(queue_most=10), NOW)
    assert (ids(filled.taken), ids(filled.postponed)) == ([], [2])


@pytest.mark.row(106)
def test_a_strict_agent_who_is_gone_is_looked_for_so_often_and_then_anybody_keeps_the_promise() -> None:
    limits, now = CallbackLimits(tries_most=3, retry_s=600), NOW
    callback = due(1, STRICT).callback
    assert without_agent(callback, {"ann"}, limits, now) is callback
    for tries in (1, 2):
        callback = without_agent(callback, {"bob"}, limits, now)
        assert (callback.type, callback.tries, callback.at) == (STRICT, tries, now + 10 * MINUTE)
        now = callback.at
    callback = without_agent(callback, (), limits, now)
    assert (callback.type, callback.tries, callback.agent) == (CAMPAIGN, 3, "ann")
    assert (callback.reassigned_at, callback.is_due(now)) == (now, True)
    assert without_agent(callback, (), limits, now) is callback


@pytest.mark.row(106)
def test_a_preferred_agent_is_not_waited_for_and_no_promise_expires_for_an_agents_sake() -> None:
    preferred = without_agent(due(1, AGENT).callback, (), CallbackLimits(), NOW)
    assert (preferred.type, preferred.at) == (CAMPAIGN, NOW)
    ends = replace(due(1, STRICT).callback, expires_at=NOW + 5 * MINUTE)
    assert without_agent(ends, (), CallbackLimits(retry_s=300), NOW).type is CAMPAIGN
    assert without_agent(ends, (), CallbackLimits(retry_s=240), NOW).type is STRICT


@pytest.mark.row(108)
@pytest.mark.parametrize(
    ("others", "most", "free_at"),
    [
        ([], 2, 0),
        ([0], 2, 0),
        ([0, 0], 2, 10),  # two at that moment: ten minutes later
        ([0, 5], 2, 10),
        ([-9, -1], 2, 1),  # ten minutes after the first of them
        ([-10, -1], 2, 0),  # the first is ten minutes ago: it does not matter any more
        ([1, 9], 2, 11),  # those who come later were promised too
        ([0, 0, 10, 10, 20, 20], 2, 30),
        ([0, 0, 10, 25], 2, 10),
        ([5], 1, 15),
        ([-5], 1, 5),
    ],
)
def test_one_too_many_goes_to_the_next_free_moment(others: list[float], most: int, free_at: float) -> None:
    moments = [NOW + one * MINUTE for one in others]
    assert free_from(NOW, moments, most, 10 * MINUTE) == NOW + free_at * MINUTE


@given(
    others=st.lists(st.integers(-30, 90), max_size=25),
    most=st.integers(1, 4),
    span=st.integers(1, 20),
)
def test_no_promise_ever_makes_a_crowd_and_none_waits_longer_than_it_must(others: list[int], most: int, span: int) -> None:
    def crowd(at: int, kept: list[int]) -> bool:
        near = sorted([*kept, at])
        return any(
            near[first + most] - near[first] < span and near[first] <= at <= near[first + most]
            for first in range(len(near) - most)
        )

    found = free_from(NOW, [NOW + one * MINUTE for one in sorted(others)], most, span * MINUTE)
    minutes = round((found - NOW) / MINUTE)
    assert not crowd(minutes, others)
    assert all(crowd(at, others) for at in range(minutes))
