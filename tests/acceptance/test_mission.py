"""What the mission promises, on real calls: retries by the truth table, ends by time, codes, shipped apps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from dialer.domain.campaign import JobState
from dialer.domain.codes import SystemCode
from dialer.domain.finish import Finish
from dialer.domain.ids import JobId
from tests.patience import Watch
from tests.rig import Rig, number

pytestmark = pytest.mark.acceptance

RINGS_S = 5
STRATEGY = """\
strategy: {name}
status: completed
handlers:
  - state: initial
    call:
      ring_timeout_s: {rings}
      detect_machine: {amd}
      detect_silence: {silence}
      addresses: [{{attribute: mobile, from: "00:00", to: "24:00"}}]
      results:
        otherwise: done
        {rows}
"""
RETRIES = """\
Call Busy: {retry: {count: 2, intervals_s: [1]}}
        Ring No Answer: {retry: {count: 4, intervals_s: [2]}}"""
WELCOME = "Good morning, ${first_name}."
TARGET = number(7, "06")  # picks up, and parts again


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The jobs of this file. They are begun together, because each of them mostly waits."""

    moods: JobId
    rings: JobId
    late: JobId
    keeps: JobId
    notice: JobId
    connects: JobId
    quiet: JobId
    quiet_person: JobId
    watch: Watch


@pytest.fixture(scope="module")
def started(running: Rig) -> Running:
    def job(
        name: str, numbers: list[str], row: str, *, rings: int = 15, amd: bool = False, silence: bool = True, **how: object
    ) -> JobId:
        words = {"amd": str(amd).lower(), "silence": str(silence).lower()}
        strategy = STRATEGY.format(name=name, rows=row, rings=rings, **words)
        return running.campaign(numbers, strategy=strategy, name=name, **how)  # type: ignore[arg-type]  # passed on as they are

    notice = f'Call Answered: {{app: announcement, parameters: {{welcome: "{WELCOME}", message: "Your card is ready."}}}}'
    connect = f'Call Answered: {{app: connect, parameters: {{message: "{WELCOME}", transfer_to: "{TARGET}"}}}}'
    return Running(
        watch=running.watch(),
        moods=job("Moods", [number(3, "50"), number(3, "51")], RETRIES, rings=1),
        rings=job("Rings", [number(4, "11")], "Call Answered: {app: blood_donation}", rings=RINGS_S),
        late=job(
            "Late",
            [number(100 + index, "12") for index in range(60)],
            "Call Answered: {app: blood_donation}",
            pace_per_s=4,
            finish=Finish(after_hours=4 / 3600),
        ),
        keeps=job("Keeps", [number(5, "05")], "Call Answered: {app: keeps}"),
        notice=job("Notice", [number(6, "00")], notice),
        connects=job("Connects", [number(7, "00")], connect),
        quiet=job("Quiet", [number(8, "21")], "Answer Human: {next_state: done}", amd=True),
        quiet_person=job("QuietPerson", [number(9, "21")], "Answer Human: {next_state: done}", amd=True, silence=False),
    )


@pytest.mark.row(7, 9)
async def test_an_attempt_is_on_record_before_it_rings_and_rings_as_long_as_it_should(running: Rig, started: Running) -> None:
    await running.until(
        lambda: any(one.attempt_id == each.id for one in running.calls() for each in running.attempts(started.rings)),
        "the carrier has the call",
    )
    (up,) = running.attempts(started.rings)
    assert (up.system_code, up.code) == (SystemCode.ATTEMPT_IN_PROGRESS, None)
    (call,) = [one for one in running.calls() if one.attempt_id == up.id]
    assert up.intent_at <= call.at, "written first, dialled second"
    await running.completed(started.rings)
    (over,) = running.attempts(started.rings)
    assert over.code == SystemCode.RING_NO_ANSWER
    assert over.ended_at is not None
    assert abs((over.ended_at - call.at).total_seconds() - RINGS_S) <= 1 + started.watch.lost_s()


@pytest.mark.row(48)
async def test_the_retry_truth_table_is_that_of_real_calls(running: Rig, started: Running) -> None:
    """Busy has count 2, no answer count 4, and both count all retries of the contact."""
    busy, rings = SystemCode.CALL_BUSY, SystemCode.RING_NO_ANSWER
    await running.completed(started.moods)
    running.check_invariants(started.moods)
    found: dict[str, list[str | None]] = {"50": [], "51": []}
    for one in running.attempts(started.moods):
        found[one.address[-2:]].append(one.code)
    assert found == {
        "50": [busy, busy, rings, busy],  # three retries are not fewer than 2
        "51": [busy, busy, rings, rings, rings],  # four are not fewer than 4
    }


@pytest.mark.row(76)
async def test_a_campaign_ends_after_its_time_and_calls_nobody_more(running: Rig, started: Running) -> None:
    job = await running.completed(started.late)
    assert job.because.startswith("time is up")
    running.check_invariants(started.late)
    attempts = running.attempts(started.late)
    assert job.started_at is not None
    assert 0 < len(attempts) < 60
    over = job.started_at + timedelta(seconds=4)
    asked = over + timedelta(seconds=1.5 + started.watch.lost_s())
    assert all(one.intent_at < asked for one in attempts), "the clock is asked once a second"
    assert running.store.read_now(lambda tx: tx.jobs(None).totals(started.late)).untouched > 0


@pytest.mark.row(13)
async def test_who_hangs_up_early_is_disconnected_and_what_the_app_wrote_is_kept(running: Rig, started: Running) -> None:
    await running.completed(started.keeps)
    (one,) = running.attempts(started.keeps)
    assert one.code == SystemCode.DISCONNECTED_BY_USER
    contact = running.store.read_now(lambda tx: tx.contacts(one.org_id).get(one.contact_id))
    assert contact.attributes["donor"] == "reached"


@pytest.mark.row(29)
async def test_a_notice_is_played_to_its_end(running: Rig, started: Running) -> None:
    await running.completed(started.notice)
    (one,) = running.attempts(started.notice)
    assert (one.code, one.app) == (SystemCode.MESSAGE_PLAYED, "announcement")


@pytest.mark.row(30)
async def test_a_call_is_handed_over_after_its_message(running: Rig, started: Running) -> None:
    job = await running.completed(started.connects)
    (one,) = running.attempts(started.connects)
    assert (one.code, job.state) == ("Connected", JobState.COMPLETED)
    assert TARGET.lstrip("+") in {call.number.lstrip("+") for call in running.lab.truth()}, "the second leg went out"


@pytest.mark.row(12)
async def test_a_line_on_which_nobody_speaks_is_silence_or_a_person_as_the_strategy_says(running: Rig, started: Running) -> None:
    found = {}
    for job_id in (started.quiet, started.quiet_person):
        await running.completed(job_id)
        (one,) = running.attempts(job_id)
        found[one.address] = one.code
    assert found == {number(8, "21"): SystemCode.SILENCE_DETECTED, number(9, "21"): SystemCode.ANSWER_HUMAN}
