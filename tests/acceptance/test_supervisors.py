"""Supervisors listen, whisper and barge in on real calls: who is heard by whom, and what is left when something breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from dialer.lab.behaviours import INTERESTED
from dialer.services.agents import change_agent
from dialer.store.listenings import Listened
from tests.ears import Ears
from tests.leaks import keep
from tests.rig import Rig
from tests.shift_kit import PROGRESSIVE, WITHIN_S, At, at_work, campaign, hired, phone, phone_of, sitting

pytestmark = pytest.mark.acceptance

CONTACTS_VOICE, EVES_VOICE, EARS = "01", "04", "05"  # who is all ears hears one voice; so does who speaks
ROUND_S = 1.4  # in which a phone has listened for every voice once
TALKS = replace(PROGRESSIVE, zip_tone=False)  # a tone could be taken for a voice


@asynccontextmanager
async def supervising(rig: Rig) -> AsyncIterator[At]:
    """A supervisor at a desktop."""
    login, token = await hired(rig, EVES_VOICE)
    await change_agent(rig.store, rig.store.write_now(lambda tx: tx.organisations.ensure("default")), login, supervisor=True)
    async with sitting(rig, token, login) as at:
        yield at


async def at_side(eve: At, command: str, agent: At) -> None:
    """The supervisor is at an agent's side."""
    await agent.until(lambda: agent.state == "talking")
    eve.listening.clear()
    await eve.do(command, agent=agent.login)
    await eve.until(lambda: eve.listening[-1:] in (["began"], ["changed"]))


async def done(at: At) -> None:
    """The talk is over, with its code."""
    await at.do("release")
    await at.do("wrap_up", code=INTERESTED)


async def test_a_supervisor_listens_whispers_barges_and_stays_for_the_next_talk(floor: Rig) -> None:
    ears, first, bobs = Ears(floor.lab), phone(EARS), phone(CONTACTS_VOICE)
    later = [phone(CONTACTS_VOICE), phone(CONTACTS_VOICE)]
    async with at_work(floor, EARS) as (ann, _), supervising(floor) as eve:
        anns_phone, eves_phone = phone_of(floor, ann.login), phone_of(floor, eve.login)
        campaign(floor, ann.login, numbers=[first, *later], pacing=TALKS)
        await at_side(eve, "listen_to", ann)
        (shown,) = (await eve.desk.ask("floor"))["said"]["agents"]
        assert (shown["agent"], shown["state"], shown["heard_by"]) == (ann.login, "talking", {eve.login: "listen"})
        for command, by_agent, by_contact, told in (
            ("listen_to", set(), set(), ""),
            ("whisper", {EVES_VOICE}, set(), "whisper"),
            ("barge_in", {EVES_VOICE}, {EVES_VOICE}, "barge"),
        ):
            await eve.do(command)
            ears.begin()
            for number, voices in ((anns_phone, by_agent), (first, by_contact)):
                for voice in voices:
                    await ears.hears(number, voice)
            await asyncio.sleep(ROUND_S)  # that nothing else is heard needs time to be seen
            assert (ears.by(anns_phone), ears.by(first)) == (by_agent, by_contact), command
            await ann.until(lambda told=told: ann.supervisor == told)  # type: ignore[misc]  # a default binds it
        await eve.do("listen_to")
        for _ in later:
            ann.stages.clear()
            await done(ann)
            await ann.until(lambda: "joined" in ann.stages)
            ears.begin()
            await ears.hears(eves_phone, CONTACTS_VOICE)
        (shown,) = (await eve.desk.ask("floor"))["said"]["agents"]
        assert shown["heard_by"] == {eve.login: "listen"}  # with the agent, into the next talk
        async with at_work(floor, EARS) as (bob, _):
            campaign(floor, bob.login, numbers=[bobs], pacing=TALKS)
            await at_side(eve, "listen_to", bob)
            ears.begin()
            await ears.hears(eves_phone, CONTACTS_VOICE)
            await eve.do("stop_listening")
            await eve.until(lambda: eve.listening[-1] == "ended", WITHIN_S)
            assert bob.state == ann.state == "talking"  # the talks go on
            await done(bob)
        await done(ann)


async def test_no_telephone_of_a_supervisor_outlives_the_agents_or_the_dialer(floor: Rig) -> None:
    async with supervising(floor) as eve:
        async with at_work(floor) as (ann, _):
            campaign(floor, ann.login, pacing=TALKS)
            await at_side(eve, "listen_to", ann)
            await done(ann)
            await ann.do("log_out")
            await eve.until(lambda: eve.listening[-1] == "ended", WITHIN_S)
        await floor.until(lambda: legs(floor) == 0, "both telephones are down")
        async with at_work(floor) as (bob, token):
            campaign(floor, bob.login, pacing=TALKS)
            await at_side(eve, "whisper", bob)
            before = floor.desk_url
            floor.kill()
            bob.desk.give_up()
            assert legs(floor) == 2
            floor.start()
            assert floor.process is not None
            keep(floor.process.pid)
            await floor.until(lambda: legs(floor) == 1, "the supervisor's telephone is down, and the talk goes on")
            await floor.until(lambda: latest(floor).because == "the dialer began anew", "the record is closed")
            await floor.until(lambda: floor.desk_url != before, "the desk is up")
            async with sitting(floor, token, bob.login) as again:
                await again.do("log_in")
                await again.until(lambda: again.state == "talking")
                await done(again)
                await again.do("log_out")


def legs(rig: Rig) -> int:
    """How many telephones of agents and supervisors of this dialer are up."""
    channels = rig.lab.switch_instance.rx("core show channels concise").splitlines()
    return sum(one.rpartition("!")[2].startswith(f"od-{rig.node}-leg") for one in channels)


def latest(rig: Rig) -> Listened:
    """What is on record of who listened last."""
    return rig.store.read_now(lambda tx: tx.listenings(None).latest(1))[0]
