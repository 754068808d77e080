"""What an agent's desktop is told, and that it misses nothing when it is cut off, over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from dialer.domain.agent import AgentState
from dialer.domain.agent_commands import Command, WrapUp
from dialer.domain.agent_events import KeyPressed
from dialer.domain.ids import ContactId
from dialer.domain.supervisor_commands import SupervisorCommand
from dialer.web.agent_desk import COMMANDS
from dialer.web.agent_questions import QUESTIONS
from dialer.web.agent_sessions import Bounds
from tests.desktop_kit import PATIENT, PATIENT_RHYTHM, Served, serving
from tests.engine_kit import until
from tests.fake_floor import ANN, ANNS_TOKEN, BOB, BOBS_TOKEN, state

pytestmark = pytest.mark.integration


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as up:
        yield up


async def test_events_are_numbered_and_each_agent_is_told_only_their_own(served: Served) -> None:
    ann, _ = await served.connect()
    bob, _ = await served.connect(BOBS_TOKEN)
    served.floor.tell(ANN, state(AgentState.NOT_READY), state(AgentState.READY))
    served.floor.tell(BOB, state(AgentState.WRAP_UP))
    told = [await ann.next(), await ann.next()]
    assert [(one["seq"], one["event"], one["state"]) for one in told] == [
        (1, "state_changed", "not_ready"),
        (2, "state_changed", "ready"),
    ]
    assert told[0]["at"] == "2026-05-11T18:00:00Z"
    assert (await bob.next())["state"] == "wrap_up"


async def test_who_was_cut_off_misses_nothing(served: Served) -> None:
    desktop, welcome = await served.connect()
    served.floor.tell(ANN, state(AgentState.NOT_READY))
    assert (await desktop.next())["seq"] == 1
    desktop.socket._response.connection.transport.abort()  # type: ignore[union-attr]  # as a browser that is killed
    await until(lambda: served.floor.presence[-1] == (ANN.id, False))
    served.floor.tell(ANN, state(AgentState.READY), state(AgentState.TALKING))
    desktop, again = await served.connect(session=welcome["session"], after=1)
    assert (again["resumed"], again["session"], again["seq"]) == (True, welcome["session"], 1)
    assert [(await desktop.next())["state"] for _ in range(2)] == ["ready", "talking"]
    served.floor.tell(ANN, state(AgentState.WRAP_UP))
    assert (await desktop.next())["seq"] == 4
    assert served.floor.presence == [(ANN.id, True), (ANN.id, False), (ANN.id, True)]


async def test_a_key_is_told_once_and_kept_for_nobody_who_comes_back(served: Served) -> None:
    desktop, welcome = await served.connect()
    served.floor.tell(ANN, KeyPressed(at=datetime(2026, 5, 11, tzinfo=UTC), contact_id=ContactId(3), key="4"))
    told = await desktop.next()
    assert (told["seq"], told["event"], told["contact_id"], told["key"]) == (1, "key_pressed", 3, "4")
    again, resumed = await served.connect(session=welcome["session"], after=0)
    assert resumed["resumed"]
    missed = await again.next()
    assert (missed["seq"], missed["event"], missed["key"]) == (1, "key_pressed", "")


async def test_a_command_that_is_sent_again_after_coming_back_is_not_carried_out_twice(served: Served) -> None:
    desktop, welcome = await served.connect()
    assert (await desktop.ask("wrap_up", id="w-1", code="Sold"))["result"] == 0
    desktop, _ = await served.connect(session=welcome["session"], after=0)
    assert (await desktop.ask("wrap_up", id="w-1", code="Sold"))["result"] == 0
    assert served.floor.commands == [(ANN.id, WrapUp(code="Sold"))]
    assert (await desktop.ask("wrap_up", id="w-1", code="Not sold"))["result"] == 1


async def test_who_comes_back_with_nothing_to_go_on_gets_a_new_session(served: Served) -> None:
    desktop, welcome = await served.connect()
    claims: list[dict[str, Any]] = [{"session": "x"}, {}, {"after": 5}, {"session": welcome["session"], "after": 5}]
    for claim in claims:
        served.floor.tell(ANN, state(AgentState.NOT_READY))
        await desktop.next()
        await desktop.socket.close()
        await until(lambda: served.floor.presence[-1] == (ANN.id, False))
        desktop, again = await served.connect(**claim)
        assert (again["resumed"], again["seq"]) == (False, 0)
        assert again["session"] != welcome["session"]
        assert served.floor.listeners(ANN) == 1


async def test_a_session_that_nobody_resumes_ends() -> None:
    async with serving(replace(PATIENT, bounds=Bounds(keep_s=0.3))) as served:
        desktop, welcome = await served.connect()
        await desktop.socket.close()
        await until(lambda: served.floor.listeners(ANN) == 0)
        _, again = await served.connect(session=welcome["session"])
        assert not again["resumed"]


@pytest.mark.row(124)
async def test_a_second_login_of_an_agent_is_refused_or_takes_over_with_force(served: Served) -> None:
    first, _ = await served.connect()
    second, bye = await served.connect()
    assert (bye["type"], bye["error"]) == ("bye", "connected_already")
    assert "ann is connected from 127.0.0.1" in bye["because"]
    assert await second.closed() == 4409
    assert (await first.ask("hold"))["result"] == 0
    third, welcome = await served.connect(force=True)
    assert welcome["type"] == "welcome"
    assert (await first.next("bye"))["error"] == "taken_over"
    assert await first.closed() == 4001
    served.floor.tell(ANN, state(AgentState.READY))
    assert (await third.next())["seq"] == 1
    assert served.floor.presence[-1] == (ANN.id, True)
    assert served.floor.listeners(ANN) == 1


async def test_a_desktop_that_does_not_read_is_cut_off_and_costs_nobody_else_anything(served: Served) -> None:
    desktop, welcome = await served.connect()
    bob, _ = await served.connect(BOBS_TOKEN)
    served.floor.tell(ANN, *[state(AgentState.READY)] * 300)  # more than is kept for one who does not read
    served.floor.tell(BOB, state(AgentState.READY))
    assert (await bob.next())["seq"] == 1
    assert (await desktop.next("bye"))["error"] == "too_slow"
    assert await desktop.closed() == 4008
    again, resumed = await served.connect(session=welcome["session"], after=200)
    assert resumed["resumed"]
    assert [(await again.next())["seq"] for _ in range(100)] == list(range(201, 301))


async def test_beats_show_that_the_dialer_is_there() -> None:
    async with serving(replace(PATIENT, rhythm=replace(PATIENT_RHYTHM, beat_s=2.0))) as served:
        desktop, _ = await served.connect()
        served.floor.tell(ANN, state(AgentState.READY))
        beat = await desktop.next("beat")
        assert beat["at"]
        assert (await desktop.next("beat"))["seq"] == 1


async def test_a_desktop_that_answers_no_pings_is_gone() -> None:
    async with serving(replace(PATIENT, rhythm=replace(PATIENT_RHYTHM, beat_s=0.2))) as served:
        socket = await served.client.ws_connect(f"{served.url}/ws", autoping=False)
        await socket.send_json({"hello": 1, "token": ANNS_TOKEN})
        await until(lambda: served.floor.presence[-1:] == [(ANN.id, False)])
        await socket.close()


async def test_the_floors_end_and_the_servers_are_told() -> None:
    async with serving() as served:
        desktop, _ = await served.connect()
        served.floor.close()
        assert (await desktop.next("bye"))["error"] == "stopping"
        assert await desktop.closed() == 1001
        desktop, _ = await served.connect(force=True)
        stopping = asyncio.create_task(served.server.close())
        assert (await desktop.next("bye"))["error"] == "stopping"
        await desktop.socket.close()
        await stopping
        assert served.floor.listeners(ANN) == 0


async def test_the_interface_describes_itself(served: Served) -> None:
    async with served.client.get(f"{served.url}/openapi.json") as answer:
        described = await answer.json()
    assert described["openapi"] == "3.1.0"
    assert set(described["paths"]) == {
        *(f"/agent/v1/commands/{name}" for name in COMMANDS.kinds),
        *(f"/agent/v1/{name}" for name in QUESTIONS),
    }
    schemas = described["components"]["schemas"]
    text = json.dumps(described)
    for reference in text.split('"#/components/schemas/')[1:]:
        assert reference.split('"')[0] in schemas
    async with served.client.get(f"{served.url}/") as answer:
        shown = await answer.text()
        assert "script" not in shown
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert all(f"<code>{name}</code>" in shown for name in COMMANDS.kinds)
    assert "<code>log_in</code> <code>phone?</code> <small>string</small>, <code>force?</code> <small>boolean</small>" in shown
    assert "<code>stage</code> <small>offered | dialling | joined | held" in shown


def test_every_command_has_a_name_on_the_wire() -> None:
    commands = {kind.__name__ for kind in (*get_args(Command), *get_args(SupervisorCommand))}
    assert len(COMMANDS.kinds) == len(commands)
    assert {"log_in", "go_ready", "add_to_dnc", "manual_connect"} <= set(COMMANDS.kinds)
