"""Supervisors choose an agent, listen, whisper and barge in, follow the agent, and leave; all of it is on record."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner

from dialer.cli.agent import agent_app
from dialer.domain.agent import Agent
from dialer.domain.agent_commands import LogIn, LogOut, Release, WrapUp
from dialer.domain.agent_events import AgentEvent, AgentMoved, CallStage, ListeningChanged, ListeningStage, SupervisorChanged
from dialer.domain.desk import Refused
from dialer.domain.ids import LegId
from dialer.domain.supervisor_commands import BargeIn, ListenTo, StopListening, Whisper
from dialer.engine.engine import Engine
from dialer.engine.floor.floor import Floor
from dialer.ports import SwitchState
from dialer.ports_agents import LegState, SpyMode
from dialer.services.agent_floor import AtWork, Done
from dialer.services.agents import add_agent, change_agent, new_token
from dialer.services.listenings import Listened, list_listenings
from dialer.store.store import Store
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.voice import FakeCallee, FakeVoice
from dialer.web.agent_desk import DeskOptions, make_agent_desk_app
from dialer.web.agent_questions import DeskBooks
from tests.engine_kit import ON_SQLITE, FastClock, running, until
from tests.floor_kit import PROGRESSIVE, Worker, crew, dismiss, hire, make_job

pytestmark = [pytest.mark.integration, ON_SQLITE]

ANSWERS = FakeCallee(ring_s=0.1, answer_s=0.2)
EVES_PHONE = "eve-phone"


@dataclass
class Scene:
    """A floor where Ann talks (and Bob, where there is one), and Eve the supervisor."""

    store: Store
    engine: Engine
    wire: FakeAgentVoice
    clock: FastClock
    eve: Agent
    workers: list[Worker]
    heard: dict[str, list[AgentEvent]]  # what each was told, by login

    @property
    def floor(self) -> Floor:
        return self.engine.floor

    async def eve_says(self, command: Any) -> Done | Refused:
        return await self.floor.listenings.command(self.eve.id, command)

    async def refused(self, command: Any) -> str:
        answer = await self.eve_says(command)
        assert isinstance(answer, Refused), answer
        return str(answer)

    async def begun(self, command: Any) -> LegId:
        """Eve is at an agent's side; gives her telephone's leg."""
        assert await self.eve_says(command) == Done()
        await until(lambda: self.stages()[-1:] == [ListeningStage.BEGAN])
        return self.eves_leg()[0]

    def eves_leg(self) -> list[LegId]:
        return [one for one, leg in self.wire.legs.items() if leg.order.phone == EVES_PHONE]

    @property
    def told(self) -> list[AgentEvent]:
        return self.heard["eve"]

    def of_supervisors(self, login: str = "agent0") -> list[tuple[str, str]]:
        return [(one.supervisor, one.how) for one in self.heard[login] if isinstance(one, SupervisorChanged)]

    def stages(self) -> list[ListeningStage]:
        return [one.stage for one in self.told if isinstance(one, ListeningChanged)]

    def last(self) -> ListeningChanged:
        return [one for one in self.told if isinstance(one, ListeningChanged)][-1]

    def heard_on(self, leg: LegId) -> tuple[str, SpyMode] | None:
        """Whose phone Eve's leg hears, and how."""
        spies_on = self.wire.legs[leg].spies_on
        return None if spies_on is None else (self.wire.legs[spies_on[0]].order.phone, spies_on[1])

    async def records(self) -> list[Listened]:
        return await list_listenings(self.store, self.eve.org_id)

    async def ended(self, because: str) -> None:
        """Eve has been told so, nothing of hers is left, and the record says the same."""
        await until(lambda: ListeningStage.ENDED in self.stages())
        assert because in self.last().because
        await until(lambda: not self.eves_leg())
        await until(lambda: all(one.ended_at for one in self.store.read_now(lambda tx: tx.listenings(None).latest())))
        assert because in (await self.records())[0].because
        assert await self.refused(StopListening()) == "you listen to nobody"


@asynccontextmanager
async def scene(store: Store, agents: int = 1, **how: Any) -> AsyncIterator[Scene]:
    clock = FastClock(factor=20)
    make_job(store, agents + 2, PROGRESSIVE)
    staff = await hire(store, agents)
    eve = await add_agent(store, staff[0].org_id, "eve", phone=EVES_PHONE, supervisor=True)
    voice = FakeVoice(clock, default=ANSWERS)
    wire = FakeAgentVoice(clock, voice, **how)
    async with running(store, voice, clock=clock, agents=wire) as engine:
        heard: dict[str, list[AgentEvent]] = {one.login: [] for one in (eve, *staff)}
        hearing = [asyncio.create_task(_hear(engine.floor, one, heard[one.login])) for one in (eve, *staff)]
        workers, tasks = await crew(engine, staff, clock, talk_s=3600.0)
        try:
            await until(lambda: all(one.seen[CallStage.JOINED] for one in workers))
            yield Scene(store, engine, wire, clock, eve, workers, heard)
        finally:
            await dismiss([*tasks, *hearing])
            await wire.stop()


async def _hear(floor: Floor, who: Agent, told: list[AgentEvent]) -> None:
    async for event in floor.listen(who.id):
        told.append(event)


async def test_a_supervisor_listens_whispers_and_barges_without_hanging_up_and_it_is_on_record(store: Store) -> None:
    async with scene(store) as at:
        (ann,) = at.workers
        leg = await at.begun(ListenTo(agent="AGENT0"))
        assert at.stages() == [ListeningStage.RINGING, ListeningStage.BEGAN]
        assert at.heard_on(leg) == ("phone-agent0", SpyMode.LISTEN)
        assert at.of_supervisors() == []  # of listening no agent is told
        assert await at.eve_says(Whisper()) == Done()
        assert at.heard_on(leg) == ("phone-agent0", SpyMode.WHISPER)
        assert await at.eve_says(BargeIn()) == Done()
        assert at.heard_on(leg) == ("phone-agent0", SpyMode.BARGE)
        await until(lambda: at.of_supervisors() == [("eve", "whisper"), ("eve", "barge")])
        (shown,) = await at_work(at)
        assert (shown.agent, shown.state.value, shown.campaign, dict(shown.heard_by)) == (
            "agent0",
            "talking",
            "Floor",
            {"eve": "barge"},
        )
        assert "*" in shown.number
        assert await at.eve_says(ListenTo()) == Done()
        assert await at.eve_says(StopListening()) == Done()
        await at.ended("")
        assert at.of_supervisors() == [("eve", "whisper"), ("eve", "barge"), ("eve", "")]
        call = ann.floor.seats[ann.agent.id].desk.call
        assert call is not None  # the talk goes on
        found = await at.records()
        assert [(one.supervisor, one.agent, one.how) for one in found] == [
            ("eve", "agent0", how) for how in ("listen", "barge", "whisper", "listen")
        ]
        assert {one.attempt_id for one in found} == {call.attempt_id}


async def test_a_supervisor_stays_with_the_agent_from_talk_to_talk_and_goes_on_to_another(store: Store) -> None:
    async with scene(store, agents=2) as at:
        ann, _ = at.workers
        leg = await at.begun(ListenTo(agent="agent0"))
        await ann.say(Release())
        await ann.say(WrapUp(code="Sale"))
        await until(lambda: "talking" in [one.state.value for one in at.told if isinstance(one, AgentMoved)])
        await until(lambda: at.heard_on(leg) == ("phone-agent0", SpyMode.LISTEN))  # she has begun anew with the talk
        moved = [one.state.value for one in at.told if isinstance(one, AgentMoved)]
        assert moved == ["wrap_up", "ready", "dialling", "talking"]
        assert await at.eve_says(BargeIn(agent="agent1")) == Done()
        assert at.eves_leg() == [leg]
        assert at.heard_on(leg) == ("phone-agent1", SpyMode.BARGE)
        await until(lambda: at.of_supervisors("agent1") == [("eve", "barge")])
        assert at.last().stage is ListeningStage.CHANGED
        assert await at.eve_says(ListenTo(agent="agent0")) == Done()
        await until(lambda: at.of_supervisors("agent1") == [("eve", "barge"), ("eve", "")])
        assert at.of_supervisors() == []


async def test_who_may_not_or_cannot_listen_is_told_why_and_nothing_is_done(store: Store) -> None:
    async with scene(store) as at:
        (ann,) = at.workers
        answer = await at.floor.listenings.command(ann.agent.id, ListenTo(agent="agent0"))
        assert "is no supervisor" in str(answer)
        assert "is no supervisor" in str(await at.floor.listenings.at_work(ann.agent.id))
        for command in (ListenTo(), Whisper(), BargeIn()):
            assert await at.refused(command) == "you listen to nobody (name an agent)"
        assert await at.refused(StopListening()) == "you listen to nobody"
        assert await at.refused(ListenTo(agent="nobody")) == "no agent 'nobody' is at work"
        assert "is no telephone" in await at.refused(ListenTo(agent="agent0", phone="1;2"))
        other = await store.write(lambda tx: tx.organisations.ensure("Other"))
        mallory = await add_agent(store, other, "mallory", phone="m-phone", supervisor=True)
        answer = await at.floor.listenings.command(mallory.id, ListenTo(agent="agent0"))
        assert str(answer) == "no agent 'agent0' is at work"
        assert await at.floor.listenings.at_work(mallory.id) == []
        await change_agent(store, at.eve.org_id, "eve", phone="")
        assert "you have no telephone" in await at.refused(ListenTo(agent="agent0"))
        assert await at.floor.command(at.eve.id, LogIn(phone=EVES_PHONE)) == Done()
        assert "you are logged in as an agent" in await at.refused(ListenTo(agent="agent0", phone=EVES_PHONE))
        assert await at.floor.command(at.eve.id, LogOut()) == Done()
        await ann.say(Release())
        await until(lambda: not at.eves_leg())
        late = await at.eve_says(ListenTo(agent="agent0", phone=EVES_PHONE))
        assert "agent0 is not talking" in str(late)
        assert at.stages() == []
        assert await at.records() == []


async def test_who_listens_takes_no_contacts_and_does_not_listen_twice(store: Store) -> None:
    async with scene(store) as at:
        leg = await at.begun(ListenTo(agent="agent0"))
        assert "stop listening first" in str(await at.floor.command(at.eve.id, LogIn()))
        assert await at.eve_says(ListenTo(agent="agent0")) == Done()
        assert at.eves_leg() == [leg]
        assert len(await at.records()) == 1


ENDINGS: list[tuple[str, Callable[[Scene], Any], str]] = [
    ("hangs_up", lambda at: at.wire.hang_up_phone(at.eves_leg()[0]), "your telephone is down"),
    ("agents_phone", lambda at: at.wire.hang_up_phone(_anns_leg(at)), "telephone of agent0 is down"),
    ("agent_leaves", lambda at: at.workers[0].leave(), "telephone of agent0 is down"),
    ("desktop", lambda at: at.floor.socket_lost(at.eve.id), "your desktop was silent"),
    ("rights", lambda at: change_agent(at.store, at.eve.org_id, "eve", supervisor=False), "no supervisor any more"),
]


@pytest.mark.parametrize(("happens", "because"), [one[1:] for one in ENDINGS], ids=[one[0] for one in ENDINGS])
async def test_whatever_ends_it_everybody_knows_and_no_telephone_stays_up(
    store: Store, happens: Callable[[Scene], Any], because: str
) -> None:
    async with scene(store) as at:
        await at.begun(Whisper(agent="agent0"))
        if "agent0 is down" in because:  # the agent's telephone ends only when nobody talks on it any more
            await at.workers[0].say(Release())
            await at.workers[0].say(WrapUp(code="Sale"))
        answer = happens(at)
        if answer is not None:
            await answer
        await until(lambda: ListeningStage.ENDED in at.stages())
        if "no supervisor" in because:
            assert because in at.last().because
            await until(lambda: not at.eves_leg())
        else:
            await at.ended(because)


@pytest.mark.parametrize(
    ("lost", "because"),
    [(EVES_PHONE, "your telephone was lost with the link"), ("phone-agent0", "telephone of agent0"), ("", "")],
    ids=["supervisors_phone", "agents_phone", "nothing"],
)
async def test_what_ended_while_the_link_was_lost_is_seen_when_it_is_back(store: Store, lost: str, because: str) -> None:
    async with scene(store) as at:
        leg = await at.begun(ListenTo(agent="agent0"))
        at.wire.voice.turn("switch", SwitchState.DOWN)
        for one in [one for one, phone in at.wire.legs.items() if phone.order.phone == lost]:
            at.wire.hang_up_phone(one)  # and nobody hears of it
        at.wire.voice.turn("switch", SwitchState.RECONCILING)
        await until(lambda: at.wire.voice.states["switch"] is SwitchState.READY)
        if lost:
            await at.ended(because)
        else:
            assert at.heard_on(leg) == ("phone-agent0", SpyMode.LISTEN)
            assert await at.eve_says(Whisper()) == Done()


async def test_a_telephone_that_is_not_answered_ends_it_and_one_that_rings_can_be_stopped(store: Store) -> None:
    silent = FakeCallee(ring_s=0.1, answer_s=None)
    async with scene(store, phones={EVES_PHONE: silent}) as at:
        assert await at.eve_says(ListenTo(agent="agent0")) == Done()
        await until(lambda: ListeningStage.ENDED in at.stages())
        assert at.stages() == [ListeningStage.RINGING, ListeningStage.ENDED]
        assert await at.records() == []  # nobody heard anything
        assert await at.eve_says(ListenTo(agent="agent0")) == Done()
        assert await at.eve_says(Whisper()) == Done()
        assert await at.eve_says(StopListening()) == Done()
        await until(lambda: not at.eves_leg())
        assert at.stages()[2:] == [ListeningStage.RINGING, ListeningStage.CHANGED, ListeningStage.ENDED]


async def test_a_dialer_that_stops_hangs_up_and_one_that_begins_anew_adopts_no_supervisor(store: Store) -> None:
    async with scene(store) as at:
        leg = await at.begun(ListenTo(agent="agent0"))
        stray = at.wire.legs[leg]
    assert stray.order.leg_id not in at.wire.legs
    assert [one.because for one in await at.records()] == ["the dialer stops"]
    # As after a kill: the record is open, and the telephone up.
    store.write_now(lambda tx: tx.listenings(None).begin(at.eve.org_id, open_one(at)))
    clock = FastClock(factor=20)
    voice = FakeVoice(clock, default=ANSWERS)
    wire = FakeAgentVoice(clock, voice)
    stray.state = LegState.SPYING
    wire.legs[leg] = stray
    async with running(store, voice, clock=clock, agents=wire):
        await until(lambda: leg not in wire.legs)
        await until(lambda: all(one.ended_at for one in store.read_now(lambda tx: tx.listenings(None).latest())))
    assert (await at.records())[0].because == "the dialer began anew"


async def test_a_supervisor_works_over_rest_and_the_command_line_shows_the_floor_and_the_record(
    store: Store, tmp_path: Any
) -> None:
    async with scene(store) as at:
        token = await new_token(store, at.eve.org_id, "eve")
        anns = await new_token(store, at.eve.org_id, "agent0")
        app = make_agent_desk_app(at.floor, DeskBooks.reading(store), at.clock, DeskOptions())
        async with TestServer(app) as server, ClientSession() as http:
            url, shown = str(server.make_url("")).rstrip("/"), {"Authorization": f"Bearer {token}"}
            async with http.post(f"{url}/agent/v1/commands/listen_to", headers=shown, json={"agent": "agent0"}) as answer:
                assert (answer.status, await answer.json()) == (200, {"result": 0})
            await until(lambda: at.stages()[-1:] == [ListeningStage.BEGAN])
            async with http.get(f"{url}/agent/v1/floor", headers=shown) as answer:
                (seen,) = (await answer.json())["said"]["agents"]
            assert (seen["agent"], seen["state"], seen["campaign"], seen["heard_by"]) == (
                "agent0",
                "talking",
                "Floor",
                {"eve": "listen"},
            )
            async with http.get(f"{url}/agent/v1/floor", headers={"Authorization": f"Bearer {anns}"}) as answer:
                assert (answer.status, (await answer.json())["error"]) == (409, "refused")
            said = await asyncio.to_thread(CliRunner().invoke, agent_app, ["floor", url, "--once", "--token", token])
            assert said.exit_code == 0, said.output
            assert "agent0" in said.output
            assert "talking" in said.output
            assert "eve (listen)" in said.output
            said = await asyncio.to_thread(CliRunner().invoke, agent_app, ["floor", url, "--once", "--token", anns])
            assert (said.exit_code, "is no supervisor" in said.output) == (2, True)
            async with http.post(f"{url}/agent/v1/commands/stop_listening", headers=shown) as answer:
                assert answer.status == 200
            async with http.post(f"{url}/agent/v1/commands/stop_listening", headers=shown) as answer:
                assert (answer.status, (await answer.json())["because"]) == (409, "you listen to nobody")
        config = tmp_path / "dialer.toml"
        config.write_text(f'[database]\nurl = "{store.url}"\n')
        said = await asyncio.to_thread(CliRunner().invoke, agent_app, ["listened", "agent0", "--config", str(config)])
        assert said.exit_code == 0, said.output
        assert re.search(r"eve .* agent0 .* listen ", said.output), said.output


async def at_work(at: Scene) -> list[AtWork]:
    found = await at.floor.listenings.at_work(at.eve.id)
    assert not isinstance(found, Refused)
    return found


def open_one(at: Scene) -> Listened:
    return Listened(at=at.clock.now(), supervisor="eve", agent="agent0", how="listen")


def _anns_leg(at: Scene) -> LegId:
    return next(one for one, leg in at.wire.legs.items() if leg.order.phone == "phone-agent0")
