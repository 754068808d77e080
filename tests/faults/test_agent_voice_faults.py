"""Links, dialers and switches are lost while agents talk: conversations go on, and whoever waits is not left in silence."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dialer.channels.asterisk.agent_voice import AsteriskAgentVoice
from dialer.channels.asterisk.originate import ChannelIds
from dialer.lab.lab import Lab
from dialer.lab.phones import MUSIC
from dialer.ports import SwitchState
from dialer.ports_agents import AgentVoiceKind, ContactState, FloorSeen, LegState, Missing, Parting
from tests.agents_kit import FloorBench, asterisk_voice, linked, listened
from tests.ami_proxy import AmiProxy
from tests.lab_fixture import no_calls_left
from tests.patience import PATIENCE_S, Watch

pytestmark = pytest.mark.faults

CONTACT, PHONE, ANOTHER, VOICE, EARS = "+19990201100", "+19990202100", "+19990203100", "+19990204101", "+19990205105"


@contextlib.asynccontextmanager
async def floor_on(lab: Lab, *, port: int = 0, node: str = "faults", clear: bool = True) -> AsyncIterator[FloorBench]:
    """A dialer's voice for as long as the block runs; what is up stays up where it is not cleared."""
    voice = asterisk_voice(lab, node=node, port=port)
    async with listened(FloorBench(voice, AsteriskAgentVoice(voice))) as floor:
        await linked(floor)
        yield floor
        if clear:
            await floor.clear()


def places(seen: FloorSeen) -> tuple[dict[str, LegState], dict[str, ContactState]]:
    return {one.leg_id: one.state for one in seen.legs}, {one.attempt_id: one.state for one in seen.contacts}


async def test_a_lost_link_parts_nobody_and_who_hung_up_meanwhile_is_gone(lab: Lab) -> None:
    async with AmiProxy("127.0.0.1", lab.switch.port) as proxy, floor_on(lab, port=proxy.port) as floor:
        idle, talking, held_by = await floor.parked(PHONE), await floor.parked(ANOTHER), await floor.parked(VOICE)
        stays, held, leaves = await floor.waiting(CONTACT), await floor.waiting(EARS), await floor.waiting(CONTACT)
        assert await floor.agents.join(stays, talking) is None
        assert await floor.agents.join(held, held_by, tone=False) is None
        assert await floor.agents.hold(held) is None
        proxy.refuse = True
        proxy.reset()
        await floor.until(lambda: floor.voice.state_of(floor.switch) is SwitchState.DOWN)
        await asyncio.to_thread(lab.switch_instance.rx, f"channel request hangup {ChannelIds('faults').of(leaves)}")
        proxy.refuse = False
        legs, contacts = places(await linked(floor))
        assert legs == {idle: LegState.PARKED, talking: LegState.TALKING, held_by: LegState.PARKED}
        assert contacts == {stays: ContactState.TALKING, held: ContactState.HELD}
        assert await floor.agents.join(leaves, idle) is Missing.CONTACT
        assert await floor.agents.resume(held, held_by) is None
        await floor.agents.release(stays)  # what was adopted is told as if nothing had been
        await floor.until(lambda: floor.said(AgentVoiceKind.PARTED, attempt_id=stays, leg_id=talking))
        await floor.until(lambda: floor.told(leg_id=talking)[-1] is AgentVoiceKind.LEG_PARKED)


async def test_an_agents_phone_of_which_the_switch_tells_nothing_is_hung_up(lab: Lab) -> None:
    async with AmiProxy("127.0.0.1", lab.switch.port) as proxy, floor_on(lab, port=proxy.port) as floor:
        proxy.spoil("UserEvent", drop=1.0)  # as from an account that may not hear them
        leg_id = await floor.ring(PHONE)
        await floor.until(lambda: floor.said(AgentVoiceKind.LEG_DOWN, leg_id=leg_id))


async def test_a_conference_is_known_by_a_dialer_that_starts_anew(lab: Lab) -> None:
    async with floor_on(lab, clear=False) as before:
        leg_id, attempt_id = await before.parked(PHONE), await before.waiting(CONTACT)
        assert await before.agents.join(attempt_id, leg_id, tone=False) is None
        consult_id = await before.consult(attempt_id, leg_id, ANOTHER)
        await before.until(lambda: before.said(AgentVoiceKind.CONSULT_UP, consult_id=consult_id))
        assert list(await before.agents.conference(attempt_id, [leg_id], [consult_id])) == []
    async with floor_on(lab) as after:
        await after.agents.cancel_consult(consult_id)
        await after.until(lambda: after.said(AgentVoiceKind.CONSULT_DOWN, consult_id=consult_id))
        assert await after.agents.end_conference(attempt_id, leg_id) is None
        await after.agents.drop(leg_id)
        await after.until(lambda: after.said(AgentVoiceKind.CONTACT_WAITING, attempt_id=attempt_id, again=True))


async def test_a_dialer_that_starts_anew_finds_its_agents_and_their_contacts(lab: Lab) -> None:
    async with floor_on(lab, clear=False) as before:
        leg_id, attempt_id = await before.parked(VOICE), await before.waiting(EARS)
        assert await before.agents.join(attempt_id, leg_id, tone=False) is None
    since = datetime.now(UTC)  # nobody is there now, and they talk
    async with floor_on(lab) as after:
        await after.until(lambda: any(one.at > since and (one.number, one.what) == (EARS[1:], VOICE[-2:]) for one in lab.heard()))
        seen = await after.agents.look(after.switch)
        assert [(one.attempt_id, one.leg_id) for one in seen.contacts] == [(attempt_id, leg_id)]
        await after.agents.drop(leg_id)
        await after.until(lambda: after.said(AgentVoiceKind.CONTACT_WAITING, attempt_id=attempt_id, again=True))
        (parted,) = after.said(AgentVoiceKind.PARTED, attempt_id=attempt_id)
        assert (parted.leg_id, parted.parting) == (leg_id, Parting.LEG_GONE)


async def test_contacts_who_wait_while_the_dialer_is_killed_hear_the_message_from_the_switch(lab: Lab) -> None:
    at, numbers = lab.switch, [f"+1999020{place}105" for place in (6, 7, 8)]
    watch = Watch(lambda: (lab.switch_pid, lab.carrier_pid))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.floor_process", str(at.port), at.username, at.secret, lab.trunk, lab.music, *numbers),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while (line := await process.stdout.readline()) != b"waiting\n":
                assert line, "it died"
    finally:
        process.kill()
        await process.wait()
    killed_at = datetime.now(UTC)
    heard: dict[str, datetime] = {}
    async with asyncio.timeout(PATIENCE_S):
        while set(heard) != {number[1:] for number in numbers}:
            for one in lab.heard():
                if one.what == MUSIC and one.at > killed_at:
                    heard.setdefault(one.number, one.at)
            await asyncio.sleep(0.05)
    assert max(heard.values()) - killed_at < timedelta(seconds=4 + watch.lost_s())
    await asyncio.to_thread(no_calls_left, lab)


async def test_a_switch_that_starts_anew_has_nobody_and_takes_new_legs(tmp_path: Path) -> None:
    async with Lab.started(tmp_path / "lab") as own, floor_on(own) as floor:
        leg_id, attempt_id = await floor.parked(PHONE), await floor.waiting(CONTACT)
        assert await floor.agents.join(attempt_id, leg_id) is None
        await asyncio.sleep(1.1)  # a switch tells the second in which it started: the next one is to be another
        await own.kill_switch()
        await floor.until(lambda: floor.voice.state_of(floor.switch) is SwitchState.DOWN)
        await own.start_switch()
        seen = await linked(floor)
        assert (list(seen.legs), list(seen.contacts)) == ([], [])
        assert any(state.restarted for state in floor.states)
        assert await floor.agents.join(attempt_id, leg_id) is Missing.CONTACT
        await floor.parked(PHONE)
