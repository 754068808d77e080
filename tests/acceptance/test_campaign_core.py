"""What a campaign manager relies on, by a running dialer on real calls: finish, pause, stop, pace, ports, DNC, hours, retries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from dialer.domain.attempt import Attempt
from dialer.domain.campaign import JobState
from dialer.domain.codes import SystemCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.finish import Finish
from dialer.domain.ids import JobId, OrgId
from dialer.lab.behaviours import INTERESTED
from dialer.services import jobs
from dialer.services.campaigns import parse_pace
from dialer.services.dnc import add_to_dnc
from dialer.services.strategy_shelf import StrategyShelf
from dialer.services.why import why_not_called
from tests.patience import Watch
from tests.rig import Rig, number

pytestmark = pytest.mark.acceptance

IN_FORCE_S = 0.75  # an operator's word is in force, and orders already written have arrived, after so long
BERLIN = "Europe/Berlin"


def org_of(rig: Rig) -> OrgId:
    return rig.store.write_now(lambda tx: tx.organisations.ensure("default"))


def in_force(watch: Watch) -> timedelta:
    """After so long, on a machine that had other things to do as well."""
    return timedelta(seconds=IN_FORCE_S + watch.lost_s())


def calls_of(rig: Rig, job_id: JobId) -> list[datetime]:
    """When the carrier got the calls of a job."""
    ids = {one.id for one in rig.attempts(job_id)}
    return [one.at for one in rig.calls() if one.attempt_id in ids]


def most_at_once(attempts: list[Attempt]) -> int:
    """How many calls were up or being placed at the same time, from the intent to the hang-up."""
    steps = [(one.intent_at, 1) for one in attempts] + [(one.ended_at, -1) for one in attempts if one.ended_at is not None]
    level = most = 0
    for _, step in sorted(steps):
        level += step
        most = max(most, level)
    return most


@pytest.fixture(scope="module", autouse=True)
def twins(running: Rig) -> list[JobId]:
    """Two jobs that want the same number; begun first, for the second one looks again only after half a minute."""
    shared = number(960, "30")
    return [running.campaign([shared], app="holds", seconds=3, name=f"Twin-{index}") for index in range(2)]


@pytest.mark.row(76, 77)
async def test_no_call_is_launched_after_the_finish_criterion_is_met(running: Rig) -> None:
    ports, wanted = 8, 5
    job_id = running.campaign(
        [number(index, "04") for index in range(60)],
        pace_per_s=8,
        max_ports=ports,
        finish=Finish(after_codes={INTERESTED: wanted}),
        name="Finish",
    )
    await running.until(lambda: running.job(job_id).state in (JobState.STOPPING, JobState.COMPLETED), "the criterion is met")
    met_at, watch = datetime.now(UTC), running.watch()
    job = await running.completed(job_id)
    assert job.because == f"{wanted} × {INTERESTED}"
    running.check_invariants(job_id)
    attempts = running.attempts(job_id)
    assert all(one.intent_at < met_at for one in attempts), "the database refuses intents once the criterion is met"
    assert all(at < met_at + in_force(watch) for at in calls_of(running, job_id))
    reached = running.codes(job_id)[INTERESTED]
    in_flight = sum(one.ended_at is not None and one.ended_at > met_at - in_force(watch) for one in attempts)
    assert wanted <= reached <= wanted + min(ports, in_flight), "the overshoot is bounded by the calls in flight"
    assert len(attempts) < 60


@pytest.mark.row(80)
async def test_a_paused_job_launches_nothing_and_goes_on_where_it_was(running: Rig) -> None:
    job_id = running.campaign([number(index, "30") for index in range(16)], app="holds", seconds=2, pace_per_s=6, name="Pause")
    await running.until(lambda: running.up(job_id) >= 3, "three calls are up")
    await jobs.pause_campaign(running.store, org_of(running), "Pause", by="test")
    paused_at, watch = datetime.now(UTC), running.watch()
    await running.until(lambda: all(one.code for one in running.attempts(job_id)), "the calls that were up have ended")
    before = running.attempts(job_id)
    assert running.job(job_id).state is JobState.PAUSED
    assert {one.code for one in before} == {INTERESTED}, "calls that are up go on through a pause"
    assert len(before) < 16
    assert not [at for at in calls_of(running, job_id) if at > paused_at + in_force(watch)]
    await jobs.resume_campaign(running.store, org_of(running), "Pause", by="test")
    await running.completed(job_id)
    running.check_invariants(job_id)
    assert running.codes(job_id) == {INTERESTED: 16}


@pytest.mark.row(80)
async def test_a_stopped_job_lets_its_calls_end_by_themselves(running: Rig) -> None:
    job_id = running.campaign([number(index, "30") for index in range(20)], app="holds", seconds=2, pace_per_s=5, name="Stop")
    await running.until(lambda: running.up(job_id) >= 3, "three calls are up")
    await jobs.stop_campaign(running.store, org_of(running), "Stop", by="test")
    stopped_at, watch = datetime.now(UTC), running.watch()
    await running.completed(job_id)
    running.check_invariants(job_id)
    assert set(running.codes(job_id)) == {INTERESTED}
    assert not [at for at in calls_of(running, job_id) if at > stopped_at + in_force(watch)]
    assert len(running.attempts(job_id)) < 20


@pytest.mark.row(80)
async def test_a_job_stopped_by_force_hangs_up_what_is_up(running: Rig) -> None:
    endings = ["30"] * 6 + ["11"] * 6
    job_id = running.campaign(
        [number(index, ending) for index, ending in enumerate(endings)], app="holds", seconds=60, pace_per_s=20, name="Force"
    )
    await running.until(lambda: running.up(job_id) == 6 and len(running.attempts(job_id)) == 12, "all calls are up")
    await running.until(lambda: len(calls_of(running, job_id)) == 12, "all calls have left")
    watch = running.watch()
    await jobs.stop_campaign(running.store, org_of(running), "Force", by="test", force=True)
    await running.completed(job_id)
    running.check_invariants(job_id)
    assert {(one.address[-2:], one.code) for one in running.attempts(job_id)} == {
        ("30", SystemCode.DISCONNECTED_BY_SYSTEM),
        ("11", SystemCode.CALL_CANCELLED),
    }
    assert watch.spent_s() < 6


async def test_a_new_pace_holds_at_once(running: Rig) -> None:
    job_id = running.campaign([number(index, "12") for index in range(30)], pace_per_s=1, name="Pace")
    await running.until(lambda: len(calls_of(running, job_id)) >= 2, "two calls have left")
    pace, watch = parse_pace("15/second", max_ports=20), running.watch()
    await jobs.change_pace(running.store, org_of(running), "Pace", pace)
    changed_at = datetime.now(UTC)
    job = await running.completed(job_id)
    assert watch.spent_s() < 10, "by the old pace it would have been half a minute"
    assert job.pace == pace
    before = [at for at in calls_of(running, job_id) if at < changed_at]
    assert all(later - earlier > timedelta(seconds=0.7) for earlier, later in pairwise(before)), "one a second, as it began"
    assert len(before) <= 5
    assert running.codes(job_id) == {SystemCode.INVALID_NUMBER: 30}


@pytest.mark.row(62)
async def test_the_ports_of_a_job_are_never_exceeded(running: Rig) -> None:
    job_id = running.campaign(
        [number(index, "30") for index in range(15)], app="holds", seconds=1, pace_per_s=20, max_ports=4, name="Ports"
    )
    await running.completed(job_id)
    running.check_invariants(job_id)
    assert most_at_once(running.attempts(job_id)) == 4
    assert running.codes(job_id) == {INTERESTED: 15}


@pytest.mark.row(104)
async def test_a_number_that_comes_on_the_dnc_list_is_called_no_more(running: Rig) -> None:
    numbers = [number(700 + index, "12") for index in range(8)]
    job_id = running.campaign(numbers, pace_per_s=2, name="Dnc")
    await running.until(lambda: len(running.attempts(job_id)) >= 1, "it has begun")
    _, new = await add_to_dnc(running.store, org_of(running), numbers[-1], reason="asked by letter")
    assert new
    await running.completed(job_id)
    running.check_invariants(job_id)
    assert running.codes(job_id) == {SystemCode.INVALID_NUMBER: 7, SystemCode.RESTRICTED_DNC: 1}
    assert numbers[-1].lstrip("+") not in {one.number.lstrip("+") for one in running.calls()}


async def test_who_opts_out_is_never_called_again(running: Rig) -> None:
    gone, stays = number(800, "09"), number(801, "12")
    first = running.campaign([gone], name="Opt-out")
    await running.completed(first)
    assert running.codes(first) == {SystemCode.OPTED_OUT: 1}
    assert running.store.read_now(lambda tx: tx.dnc(org_of(running)).listed([gone])) == {gone}
    later = running.campaign([gone, stays], name="Later")
    await running.completed(later)
    codes = {one.address or "not dialled": one.code for one in running.attempts(later)}
    assert codes == {"not dialled": SystemCode.RESTRICTED_DNC, stays: SystemCode.INVALID_NUMBER}
    assert [one.number.lstrip("+") for one in running.calls()].count(gone.lstrip("+")) == 1


async def test_outside_its_hours_nobody_is_called_and_why_says_when_it_opens(running: Rig) -> None:
    here = datetime.now(ZoneInfo(BERLIN))
    opens = (here + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    hours = (f"{opens:%H:%M}", f"{opens + timedelta(hours=1):%H:%M}")
    job_id = running.campaign([number(900, "01")], hours=hours, name="Night")
    waits = "calling window"

    async def gate() -> tuple[str, datetime | None]:
        found = await why_not_called(
            running.store, org_of(running), "Night-0", strategy_of=StrategyShelf(), now=datetime.now(UTC), job_id=job_id
        )
        shut = next(one for one in found[0].gates if one.name == waits)
        return shut.verdict, shut.until

    await running.until(
        lambda: running.store.read_now(lambda tx: tx.jobs(None).totals(job_id)).scheduled == 1, "the contact waits"
    )
    assert await gate() == ("wait", opens.astimezone(UTC))
    assert not running.attempts(job_id)
    await jobs.stop_campaign(running.store, org_of(running), "Night", by="test")
    await running.completed(job_id)
    assert not calls_of(running, job_id)


RETRIES = """\
strategy: retries
status: completed
handlers:
  - state: initial
    call:
      ring_timeout_s: 2
      detect_machine: false
      addresses:
        - {attribute: mobile, from: "00:00", to: "24:00"}
        - {attribute: home, from: "00:00", to: "24:00"}
      results:
        otherwise: done
        Call Answered: {app: blood_donation}
        Call Busy:
          retry: {count: 2, intervals_s: [1, 2], address_looping: true}
        Ring No Answer:
          retry: {count: 1, intervals_s: [1]}
"""


def person(name: str, **numbers: str) -> NewContact:
    """A contact with these telephones."""
    return NewContact(
        user_contact_id=name,
        time_zone=BERLIN,
        attributes={},
        addresses=tuple(NewAddress(name=key, value=value, zones=(BERLIN,)) for key, value in numbers.items()),
    )


@pytest.mark.row(47, 49)
async def test_retries_follow_the_strategy_in_delay_number_and_address(running: Rig) -> None:
    busy, quiet, elsewhere = number(950, "10"), number(951, "11"), number(952, "14")
    contacts = [
        person("busy", mobile=busy),
        person("quiet", mobile=quiet),
        person("two", mobile=number(953, "10"), home=elsewhere),
    ]
    job_id, watch = running.campaign((), contacts=contacts, strategy=RETRIES, name="Retries"), running.watch()
    await running.completed(job_id)
    running.check_invariants(job_id)
    assert not running.overlapping(job_id)
    by_number: dict[str, list[Attempt]] = {}
    for one in running.attempts(job_id):
        by_number.setdefault(one.address, []).append(one)
    tried, soon = by_number[busy], timedelta(seconds=2 + watch.lost_s())
    assert [one.code for one in tried] == [SystemCode.CALL_BUSY] * 3
    for (earlier, later), interval_s in zip(pairwise(tried), (1, 2), strict=True):
        assert earlier.ended_at is not None
        assert timedelta(0) <= later.intent_at - earlier.ended_at - timedelta(seconds=interval_s) < soon
    assert [one.code for one in by_number[quiet]] == [SystemCode.RING_NO_ANSWER] * 2
    two = [one for one in running.attempts(job_id) if one.address in (elsewhere, number(953, "10"))]
    assert [(one.address_name, one.code) for one in two] == [
        ("mobile", SystemCode.CALL_BUSY),
        ("home", SystemCode.CALL_REJECTED),
    ]


@pytest.mark.row(34)
async def test_a_machine_is_left_its_message_after_the_beep(running: Rig) -> None:
    job_id = running.campaign([number(970, "20")], amd=True, name="Machine")
    await running.completed(job_id)
    (one,) = running.attempts(job_id)
    assert one.code == SystemCode.MESSAGE_LEFT
    assert one.answered_at is not None
    assert one.ended_at is not None
    # The greeting takes five seconds, the beep one, the message three: who spoke before the beep would be through by then.
    assert one.ended_at - one.answered_at > timedelta(seconds=8)


async def test_a_number_in_two_campaigns_is_never_in_two_calls_at_once(running: Rig, twins: list[JobId]) -> None:
    for job_id in twins:
        await running.completed(job_id)
        assert running.codes(job_id) == {INTERESTED: 1}
    first, second = sorted((running.attempts(job_id)[0] for job_id in twins), key=lambda one: one.intent_at)
    assert first.ended_at is not None
    assert second.intent_at >= first.ended_at
