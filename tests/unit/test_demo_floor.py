"""What the floor's demonstration is asked for, and how it judges: upheavals as they are written, the budget's worst moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dialer.demo_floor.order import FloorOrder
from dialer.demo_floor.people import people_of, percent_of_moody
from dialer.demo_floor.persons import Person, with_free_agents, worst_of
from dialer.demo_floor.upheaval import Upheaval, UpheavalKind, read_upheaval
from dialer.domain.inbound_plan import Blend
from dialer.domain.service_level import ServiceLevel
from dialer.errors import BadInput
from dialer.lab.phones import MOODY
from dialer.lab.synthetic_agent import Journal

pytestmark = pytest.mark.unit

BEGAN = datetime(2026, 5, 11, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("half-leave@2", Upheaval(kind=UpheavalKind.HALF_LEAVE, at_s=120.0)),
        ("Half-Leave@2-3.5", Upheaval(kind=UpheavalKind.HALF_LEAVE, at_s=120.0, until_s=210.0)),
        ("answers:10-60@3", Upheaval(kind=UpheavalKind.ANSWERS, at_s=180.0, before=0.1, after=0.6)),
        ("answers:10-60%@0.5", Upheaval(kind=UpheavalKind.ANSWERS, at_s=30.0, before=0.1, after=0.6)),
        ("kill@4", Upheaval(kind=UpheavalKind.KILL, at_s=240.0)),
        ("restart@4", Upheaval(kind=UpheavalKind.RESTART, at_s=240.0)),
        ("cut@4", Upheaval(kind=UpheavalKind.CUT, at_s=240.0)),
    ],
)
def test_an_upheaval_is_read_as_it_is_written(text: str, read: Upheaval) -> None:
    assert read_upheaval(text) == read


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("flood@2", "is no upheaval"),
        ("half-leave", "is no upheaval"),
        ("half-leave@-2", "is no upheaval"),
        ("half-leave@3-2", "come back before they leave"),
        ("kill@2-3", "only agents who leave come back"),
        ("kill:10-20@2", "takes no shares"),
        ("answers@2", "needs the shares"),
        ("answers:0-60@2", "more than 0"),
        ("answers:10-160@2", "at most 100"),
    ],
)
def test_what_is_no_upheaval_is_refused_with_examples(text: str, why: str) -> None:
    with pytest.raises(BadInput, match=why) as refused:
        read_upheaval(text)
    assert "half-leave@2" in str(refused.value)


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (FloorOrder(minutes=2, upheavals=(read_upheaval("kill@2"),)), "not within a shift of 2 minutes"),
        (FloorOrder(minutes=2, upheavals=(read_upheaval("kill@0"),)), "not within a shift"),
        (FloorOrder(minutes=2, upheavals=(read_upheaval("half-leave@1-3"),)), "not within a shift"),
        (FloorOrder(agents=1, upheavals=(read_upheaval("half-leave@1"),)), "half of 1 agents"),
        (FloorOrder(upheavals=(read_upheaval("answers:10-95@1"),)), "more calls end in some way"),
        (FloorOrder(upheavals=(read_upheaval("answers:10-20@1"), read_upheaval("answers:20-30@2"))), "can jump once"),
        (FloorOrder(persons=0.9), "more calls end in some way"),
        (FloorOrder(level=ServiceLevel(percent=99, within_s=0.25)), "whole tenths of a second"),
    ],
)
def test_an_order_that_contradicts_itself_is_refused(order: FloorOrder, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        order.check()


def test_a_list_that_is_to_answer_otherwise_is_moody() -> None:
    order = FloorOrder(minutes=2, upheavals=(read_upheaval("answers:10-60@1"),))
    order.check()
    numbers = [one.addresses[0].value for one in people_of(order)]
    assert len(set(numbers)) == len(numbers)
    assert all(len(one) <= 16 for one in numbers), "a telephone number has at most 15 digits"
    moody = [one for one in numbers if one.endswith(MOODY)]
    for share in (0.10, 0.60):  # the two digits before those of the ringing are below the percentage
        answering = sum(int(one[-6:-4]) < percent_of_moody(order, share) for one in moody)
        assert answering / len(numbers) == pytest.approx(share, abs=0.03)
    assert (order.answering.at(59.9), order.answering.at(60.1)) == (0.10, 0.60)
    assert order.plan.persons.at(100.0) == 0.60


def test_half_the_agents_are_away_in_the_simulation_as_well() -> None:
    order = FloorOrder(agents=5, minutes=4, upheavals=(read_upheaval("half-leave@1-2"),))
    assert order.plan.breaks == ((0, 60.0, 60.0), (2, 60.0, 60.0), (4, 60.0, 60.0))


def person(number: int, *, answers_s: float, waits_s: float | None) -> Person:
    at = BEGAN + timedelta(seconds=answers_s)
    return Person(attempt_id=str(number), answered_at=at, joined_at=None if waits_s is None else at + timedelta(seconds=waits_s))


def test_the_worst_moment_is_looked_for_from_where_the_budget_can_hold() -> None:
    # One of ten may be abandoned: before ten have answered even the first one would be too many.
    waits = [None, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, None, 2.5, 0.1, 0.1]
    persons = [person(place, answers_s=10 * place, waits_s=one) for place, one in enumerate(waits)]
    worst = worst_of(persons, cap=0.1, limit_s=2.0)
    assert worst is not None
    assert worst.share == pytest.approx(3 / 12)
    assert worst.over == pytest.approx(3 - 1.2)
    early = worst_of(persons, cap=0.1, limit_s=2.0, ends=BEGAN + timedelta(seconds=95))
    assert early is not None
    assert early.share == pytest.approx(0.1)
    assert early.over == pytest.approx(0.0)
    assert worst_of(persons[:9], cap=0.1, limit_s=2.0) is None


def test_who_gets_an_agent_after_two_seconds_was_abandoned_then() -> None:
    one = person(1, answers_s=0, waits_s=0.2)
    assert (one.wait_s, one.is_abandoned(2.0)) == (0.2, False)
    late = person(2, answers_s=0, waits_s=2.2)
    assert (late.is_abandoned(2.0), late.decided_at(2.0)) == (True, BEGAN + timedelta(seconds=2))


def journal(free: list[tuple[float, float]], joined: dict[int, float]) -> Journal:
    """An agent who was ready at these times, and had these persons."""

    def at(seconds: float) -> datetime:
        return BEGAN + timedelta(seconds=seconds)

    found = Journal(joined_at={str(number): at(one) for number, one in joined.items()})
    found.free += [(at(begins), at(ends)) for begins, ends in free]
    return found


def test_the_time_to_connect_begins_when_the_person_has_answered_and_an_agent_is_free() -> None:
    persons = [
        person(1, answers_s=10, waits_s=0.004),
        person(2, answers_s=11, waits_s=1.0),
        person(3, answers_s=11.5, waits_s=None),
    ]
    ann = journal([(3, 10.001), (11.99, 11.995)], {1: 10.004, 2: 12.0})
    told = with_free_agents(persons, [ann], all_told=True)
    assert [one.connect_s for one in told] == pytest.approx([0.004, 0.01, None])
    assert [one.has_waited for one in told] == [False, True, True]
    assert told[1].wait_s == pytest.approx(1.0), "predictive dialling itself: Ann was with somebody else"


def test_an_agent_who_is_free_and_is_not_sent_counts_against_us() -> None:
    persons = [person(1, answers_s=10, waits_s=1.0), person(2, answers_s=10.5, waits_s=0.004)]
    bob, ann = journal([(3, 10.501)], {2: 10.504}), journal([(10.99, 10.995)], {1: 11.0})
    told = with_free_agents(persons, [ann, bob], all_told=True)
    assert [one.connect_s for one in told] == pytest.approx([1.0, 0.004]), "Bob was there for the first one"
    assert not told[0].has_waited
    idle = with_free_agents([persons[0]], [ann, journal([(3, 60)], {})], all_told=True)
    assert idle[0].connect_s == pytest.approx(1.0)
    away = with_free_agents([persons[0]], [ann, journal([(3, 60)], {})], all_told=False)
    assert away[0].connect_s == pytest.approx(0.01), "with callers to be taken, who is ready may be theirs"


def test_callers_come_to_the_campaign_and_to_the_simulated_floor_alike() -> None:
    order = FloorOrder(inbound=6.0, speed=4.0)
    assert (order.campaign_pacing.inbound.queues, order.campaign_pacing.inbound.blend) == (("support",), Blend.AUTOMATIC)
    assert order.plan.inbound.at(0.0) == pytest.approx(0.1)
    assert not FloorOrder().campaign_pacing.inbound.queues
    assert FloorOrder().plan.inbound.most == 0.0
