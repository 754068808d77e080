"""Agents hold callers of the switch's queue, ask third persons and pass callers on; the queue's own books stay right."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from dialer.domain.inbound_plan import InboundPlan
from dialer.lab.phones import MUSIC
from tests.ears import Ears
from tests.rig import Rig
from tests.shift_kit import NUMBERS, PROGRESSIVE, WITHIN_S, At, at_work, campaign, phone, phone_of

pytestmark = pytest.mark.acceptance

SPEAKS, EXPERT = "02", "03"  # voices: who is silent (EARS) hears them
EARS, NOTES_KEYS = "05", "06"
GIVES_WAY = replace(PROGRESSIVE, inbound=InboundPlan(queues=("support",), levels=(1, 1, 1)))


@asynccontextmanager
async def blended(rig: Rig, ending: str) -> AsyncIterator[At]:
    """An agent who takes callers, with a telephone that speaks or listens."""
    async with at_work(rig, ending) as (at, _):
        await at.do("blend_in")  # before a call rings that would count on the agent
        campaign(rig, at.login, pacing=GIVES_WAY, numbers=[phone("11")])
        yield at


async def talking(rig: Rig, at: At, ending: str = EARS) -> str:
    """A caller, who is all ears, and the agent talk; the caller's number."""
    number = f"+1555701{next(NUMBERS):04}"
    await rig.lab.call_in("support", number, ending=ending)
    await at.until(lambda: at.stages[-1:] == [f"caller joined support {number}"])
    return number


async def asking(at: At, number: str) -> None:
    """A third person has answered the agent."""
    at.thirds.clear()
    await at.do("consult", number=number)
    await at.until(lambda: "answered" in at.thirds)


def completed(rig: Rig) -> int:
    """How many calls the queue itself has counted as completed."""
    found = re.search(r"C:(\d+)", rig.lab.switch_instance.rx("queue show support"))
    return int(found[1]) if found else 0


def logged(rig: Rig) -> list[str]:
    """What the queue's own log says of its calls."""
    log = (rig.lab.switch_instance.folder / "log/queue_log").read_text()
    words = [line.split("|") for line in log.split("\n")[:-1]]  # whole lines
    return [event for _, _, queue, _, event, *_ in words if queue == "support" and "PAUSE" not in event]


def member(rig: Rig) -> str:
    """How the queue itself sees the only agent in it."""
    shown = rig.lab.switch_instance.rx("queue show support")
    return next((line for line in shown.splitlines() if "@outdial-inbound" in line), "")


def hang_up_passed(rig: Rig) -> None:
    """End the talks of callers who were passed on."""
    for line in rig.lab.switch_instance.rx("core show channels concise").splitlines():
        name, context = line.split("!")[:2]
        if context == "outdial-passed":
            rig.lab.switch_instance.rx(f"channel request hangup {name}")


@pytest.mark.row(126, 131)
async def test_a_caller_hears_music_on_hold_and_then_the_agent_again_and_the_keys(floor: Rig) -> None:
    ears = Ears(floor.lab)
    async with blended(floor, SPEAKS) as at:
        caller, before = await talking(floor, at), completed(floor)
        await ears.hears(caller, SPEAKS)
        await at.do("hold")
        await at.until(lambda: at.state == "held", WITHIN_S)
        await ears.hears(caller, MUSIC)
        await floor.until(lambda: "in call" in member(floor), "the queue has its caller talk on")
        await at.do("resume")
        ears.begin()
        await ears.hears(caller, SPEAKS)
        await at.do("release")
        await at.until(lambda: at.state == "wrap_up", WITHIN_S)
        await floor.until(lambda: completed(floor) == before + 1, "the queue counts the call")
        await floor.until(lambda: logged(floor)[-2:] == ["CONNECT", "COMPLETEAGENT"], "so does its log")
        await floor.until(lambda: "paused" in member(floor), "the wrap-up is the agent's")
        await at.do("wrap_up")
        await floor.until(lambda: "Not in use" in member(floor) and "paused" not in member(floor), "the member is free")
        caller = await talking(floor, at, NOTES_KEYS)
        await at.do("send_digits", digits="40*")
        await at.until(lambda: {"key 4", "key 0", "key *"} <= ears.by(caller))
        await at.do("release")
        await at.do("wrap_up")


@pytest.mark.row(128, 131)
async def test_a_caller_is_passed_on_and_the_agent_takes_the_next_one_meanwhile(floor: Rig) -> None:
    ears = Ears(floor.lab)
    async with blended(floor, EARS) as at:
        mine = phone_of(floor, at.login)
        caller, before = await talking(floor, at), completed(floor)
        await at.do("consult", number=phone("10"))
        await at.until(lambda: (at.thirds, at.state) == (["calling", "failed"], "talking"))
        await asking(at, phone(EXPERT))
        await ears.hears(mine, EXPERT)
        await ears.hears(caller, MUSIC)
        assert EXPERT not in ears.by(caller)
        await at.do("start_conference")
        await at.until(lambda: at.state == "conference", WITHIN_S)
        ears.begin()
        await ears.hears(caller, EXPERT)
        await ears.hears(mine, EXPERT)
        await at.do("end_conference")
        await at.until(lambda: at.state == "talking", WITHIN_S)
        await asking(at, phone(EXPERT))
        await at.do("complete_transfer")
        await at.until(lambda: at.state == "wrap_up", WITHIN_S)
        ears.begin()
        await ears.hears(caller, EXPERT)
        await floor.until(lambda: completed(floor) == before + 1, "the queue counts the call")
        await floor.until(lambda: logged(floor)[-2:] == ["CONNECT", "BLINDTRANSFER"], "so does its log")
        await floor.until(lambda: "in call" not in member(floor), "the member is in no call")
        await at.do("wrap_up")
        await talking(floor, at)  # while the first caller still talks with the third person
        ears.begin()
        await ears.hears(caller, EXPERT)
        await at.do("release")
        await at.do("wrap_up")
        hang_up_passed(floor)


@pytest.mark.row(128, 131)
async def test_a_caller_is_handed_to_a_colleague_and_each_of_the_two_takes_the_next_one_when_free(floor: Rig) -> None:
    ears = Ears(floor.lab)
    async with at_work(floor, SPEAKS) as (colleague, _), blended(floor, EARS) as at:
        caller = await talking(floor, at)
        at.thirds.clear()
        await at.do("consult", agent=colleague.login)
        await at.until(lambda: at.thirds == ["calling", "answered"] and colleague.thirds == ["asked"])
        await ears.hears(caller, MUSIC)
        await at.do("start_conference")
        await colleague.until(lambda: colleague.state == "conference")
        ears.begin()
        await ears.hears(caller, SPEAKS)
        await at.do("change_owner")
        await colleague.until(lambda: "owner" in colleague.thirds)
        await at.do("release")
        await colleague.until(lambda: colleague.state == "talking")
        assert at.state == "ready"
        ears.begin()
        await ears.hears(caller, SPEAKS)
        second = await talking(floor, at)  # although the queue's call to this agent goes on
        await at.do("consult", agent=colleague.login)
        await at.until(lambda: at.thirds[-1:] == ["failed"] and at.state == "talking")
        await colleague.do("hold")
        ears.begin()
        await ears.hears(caller, MUSIC)
        await colleague.do("release")
        await colleague.until(lambda: colleague.state == "wrap_up")
        await colleague.do("wrap_up")
        await at.do("consult", agent=colleague.login)
        await at.until(lambda: at.thirds[-1:] == ["answered"])
        await at.do("complete_transfer")
        await colleague.until(lambda: colleague.state == "talking")
        ears.begin()
        await ears.hears(second, SPEAKS)
        assert colleague.stages[-1] == f"caller joined support {second}"
        assert at.state == "ready"
        await colleague.do("release")
        await colleague.do("wrap_up")
