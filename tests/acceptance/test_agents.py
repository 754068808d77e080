"""Agents at work on a running dialer and real calls: whatever breaks, states are right within a second, and so is the code."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dialer.domain.codes import SystemCode
from dialer.domain.inbound_plan import Blend, InboundPlan
from dialer.domain.pacing_plan import GIVEN_UP_NOTE, Pacing, PacingKind
from dialer.lab.behaviours import INTERESTED
from dialer.lab.phones import PERSON, RANGE, floor_number
from dialer.services.agents import change_agent
from tests.rig import STRATEGY, Rig
from tests.shift_kit import NUMBERS, PROGRESSIVE, WITHIN_S, at_work, campaign, codes, hangs_up, hired, phone_of, sitting

pytestmark = pytest.mark.acceptance


@pytest.mark.row(124, 125, 130)
async def test_a_call_from_ready_to_its_code_and_not_ready_asked_for_meanwhile(floor: Rig) -> None:
    async with at_work(floor) as (at, _):
        job_id = campaign(floor, at.login)
        await at.until(lambda: at.state == "talking")
        await at.do("go_not_ready", reason="lunch")
        await at.until(lambda: at.pending == "not_ready", WITHIN_S)
        assert at.state == "talking"  # the talk goes on
        await at.do("release")
        await at.until(lambda: at.state == "wrap_up", WITHIN_S)
        await at.do("wrap_up", code=INTERESTED)
        await at.until(lambda: at.state == "not_ready", WITHIN_S)
        (attempt,) = await codes(floor, job_id)
        assert (attempt.code, attempt.code_source, attempt.agent) == (INTERESTED, "agent", at.login)
        assert attempt.system_code == SystemCode.ANSWER_HUMAN
        assert at.line == "up"  # the telephone stays up from call to call
        assert at.stages == ["dialling", "joined", "gone", "closed"]


async def test_a_browser_that_dies_in_mid_call_ends_no_talk_and_another_one_goes_on(floor: Rig) -> None:
    async with at_work(floor) as (at, token):
        job_id = campaign(floor, at.login, people=2)
        await at.until(lambda: at.state == "talking")
        at.desk.give_up()  # killed, and never back
        async with sitting(floor, token, at.login) as again:
            assert again.state == "talking"
            await again.do("release")
            await again.until(lambda: again.state == "wrap_up", WITHIN_S)
            await again.do("go_not_ready")
            await again.do("wrap_up", code=INTERESTED)
            await again.until(lambda: again.state == "not_ready", WITHIN_S)
            await floor.until(lambda: any(one.code for one in floor.attempts(job_id)), "the talk has its code")
            await again.do("go_ready")
            await again.until(lambda: again.state == "talking")
            await again.do("release")
            await again.do("wrap_up", code=INTERESTED)
            await floor.until(lambda: len(floor.attempts(job_id)) == 2, "the second contact is called")
            found = await codes(floor, job_id)
            assert [(one.code, one.code_source) for one in found] == [(INTERESTED, "agent")] * 2


async def test_two_logins_of_an_agent_are_one_desk(floor: Rig) -> None:
    async with at_work(floor) as (at, token):
        campaign(floor, at.login)
        await at.until(lambda: at.state == "talking")
        async with sitting(floor, token, at.login, force=True) as second:
            await at.until(lambda: at.desk.error == "taken_over", WITHIN_S)
            assert second.state == "talking"
            answer = await second.desk.ask("log_in")
            assert answer["error"] == "refused"  # it is one desk, and it is at work
            await second.do("release")
            await second.until(lambda: second.state == "wrap_up", WITHIN_S)
            await second.do("wrap_up", code=INTERESTED)
            await second.do("log_out")
            await second.until(lambda: second.state == "logged_out", WITHIN_S)


async def test_a_phone_that_hangs_up_in_mid_call_leaves_nobody_alone(floor: Rig) -> None:
    async with at_work(floor) as (at, _):
        job_id = campaign(floor, at.login)
        await at.until(lambda: at.state == "talking")
        await hangs_up(floor, phone_of(floor, at.login))
        await at.until(lambda: at.line == "down")
        await at.until(lambda: at.state == "not_ready", WITHIN_S)
        (attempt,) = await codes(floor, job_id)
        assert attempt.code == SystemCode.AGENT_LOST  # nobody else was free: the contact heard the message
        assert attempt.ended_at is not None


@pytest.mark.row(134)
async def test_nothing_is_dialled_for_a_manual_campaign(floor: Rig) -> None:
    login, token = await hired(floor)
    org = floor.store.write_now(lambda tx: tx.organisations.ensure("default"))
    await change_agent(floor.store, org, login, phone="")
    calls = len(floor.lab.truth())
    job_id = campaign(floor, login, pacing=Pacing(kind=PacingKind.MANUAL))
    async with sitting(floor, token, login) as at:
        await at.do("log_in")
        await at.do("go_ready")
        await at.until(lambda: at.stages == ["offered"])
        await at.do("manual_connect")
        await at.do("manual_release", code=INTERESTED)
        (attempt,) = await codes(floor, job_id)
        assert (attempt.code, attempt.agent, attempt.switch) == (INTERESTED, login, "")
        await at.do("log_out")
    assert len(floor.lab.truth()) == calls


async def calls_in(rig: Rig, queue: str, number: str) -> None:
    """Somebody waits in a queue of the switch, until they hang up."""
    await rig.lab.call_in(queue, number)
    await rig.until(lambda: "(wait: " in rig.lab.switch_instance.rx(f"queue show {queue}"), "somebody waits")


@pytest.mark.row(69)
async def test_nobody_is_called_while_callers_wait_in_the_switchs_own_queue(floor: Rig) -> None:
    gives_way = replace(PROGRESSIVE, inbound=InboundPlan(queues=("support",), levels=(1, 1, 1)))
    async with at_work(floor) as (at, _):
        await calls_in(floor, "support", "+15557000001")
        job_id = campaign(floor, at.login, pacing=gives_way)
        await floor.until(lambda: "callers wait in support" in floor.why(job_id), "the reason is told")
        assert at.state == "ready"
        assert not floor.attempts(job_id)
        given_up_at = datetime.now(UTC)
        await hangs_up(floor, "+15557000001")
        await at.until(lambda: at.state == "talking")
        assert all(one.intent_at > given_up_at for one in floor.attempts(job_id))
        await at.do("release")
        await at.do("wrap_up", code=INTERESTED)


@pytest.mark.row(69, 131)
async def test_an_agent_goes_over_to_a_caller_and_then_the_campaign_goes_on(floor: Rig) -> None:
    inbound = InboundPlan(queues=("sales",), levels=(1, 1, 1), blend=Blend.AUTOMATIC, blend_after_s=0.0, blend_back_s=1.0)
    async with at_work(floor) as (at, _):
        await calls_in(floor, "sales", "+15557000002")
        job_id = campaign(floor, at.login, pacing=replace(PROGRESSIVE, inbound=inbound))
        await at.until(lambda: at.stages == ["caller joined sales +15557000002"])
        assert (at.state, floor.attempts(job_id)) == ("talking", [])
        await hangs_up(floor, "+15557000002")
        await at.until(lambda: at.state == "wrap_up")
        refused = await at.desk.ask("wrap_up", code=INTERESTED)
        assert refused["because"] == "a caller of the queue sales has no code"
        await at.do("wrap_up")
        await at.until(lambda: at.stages[-1] == "joined")
        await at.do("release")
        await at.do("wrap_up", code=INTERESTED)
        (attempt,) = await codes(floor, job_id)
        assert attempt.agent == at.login
        await floor.until(lambda: "od-floor-leg" not in floor.lab.switch_instance.rx("queue show sales"), "the agent has left it")


@pytest.mark.row(67)
async def test_late_rings_end_when_the_agents_for_them_have_gone_and_not_before_fifteen_seconds(floor: Rig) -> None:
    rings_for_ever = [f"{RANGE}{next(NUMBERS):05}11" for _ in range(2)]
    patient = STRATEGY.replace("ring_timeout_s: 15", "ring_timeout_s: 40").format(
        app="holds", amd="false", rows="", seconds=5, opens="00:00", closes="24:00"
    )
    watch = floor.watch()
    async with at_work(floor) as (at, _), at_work(floor) as (other, _), at_work(floor) as (third, _):
        everybody = replace(PROGRESSIVE, agents=(at.login, other.login, third.login))
        numbers = [floor_number(next(NUMBERS), 0.5, PERSON), *rings_for_ever]
        job_id = floor.campaign(numbers, name=f"Floor-{next(NUMBERS)}", pacing=everybody, strategy=patient)
        await floor.until(lambda: sum(one.joined_at is not None for one in floor.attempts(job_id)) == 1, "a talk has begun")
        talks = next(one for one in (at, other, third) if one.state == "talking")
        for one in {at, other, third} - {talks}:
            await one.do("log_out")
        await floor.until(lambda: sum(one.code is not None for one in floor.attempts(job_id)) == 2, "the rings are given up")
        late = [one for one in floor.attempts(job_id) if one.address in rings_for_ever]
        assert [(one.code, one.app_note) for one in late] == [(SystemCode.RING_NO_ANSWER, GIVEN_UP_NOTE)] * 2
        lasted = [(one.ended_at - one.ringing_at).total_seconds() for one in late if one.ended_at and one.ringing_at]
        assert len(lasted) == 2
        assert all(15.0 <= one < 18.0 + watch.lost_s() for one in lasted)
        assert talks.state == "talking", "whoever has answered is left alone"
        await talks.do("release")
        await talks.do("wrap_up", code=INTERESTED)
