"""The desk that agents' programs connect to, over real sockets, on a floor that only remembers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError
from aiohttp.test_utils import BaseTestServer, TestServer

from dialer.domain.agent import AgentState
from dialer.domain.agent_commands import Command, GoReady, ScheduleCallback, WrapUp
from dialer.domain.desk import Refused
from dialer.engine.clock import SystemClock
from dialer.services.agent_floor import Done
from dialer.web.agent_desk import COMMANDS, DeskOptions, make_agent_desk_app
from dialer.web.agent_questions import QUESTIONS
from dialer.web.agent_sessions import Bounds
from dialer.web.agent_socket import Rhythm
from tests.engine_kit import until
from tests.fake_floor import ANN, ANNS_TOKEN, BOB, BOBS_TOKEN, FakeFloor, Tokens, state

pytestmark = pytest.mark.integration

QUICK = DeskOptions(rhythm=Rhythm(hello_s=0.2, beat_s=0.2, recheck_s=0.2), bounds=Bounds(keep_s=0.3), command_s=0.2)
SHOWN = {"Authorization": f"Bearer {ANNS_TOKEN}"}


class Desktop:
    """An agent's program."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket, self.ids = socket, 0

    async def next(self, kind: str = "") -> dict[str, Any]:
        """The next message, of a kind if it is named; beats are passed over."""
        while True:
            message = await self.socket.receive(timeout=5)
            assert message.type is WSMsgType.TEXT, message
            said: dict[str, Any] = json.loads(message.data)
            if said["type"] == kind or (not kind and said["type"] != "beat"):
                return said

    async def ask(self, command: str, /, id: int | str | None = None, **arguments: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self.ids += 1
        await self.socket.send_json({"id": id or self.ids, "command": command, "arguments": arguments})
        return await self.next("answer")

    async def closed(self) -> int:
        """Wait until the server has closed the socket."""
        while True:
            message = await self.socket.receive(timeout=5)
            if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING):
                return self.socket.close_code or 0


class Served:
    """The server, its floor, and programs that connect to it."""

    def __init__(self, floor: FakeFloor, tokens: Tokens, server: BaseTestServer, client: ClientSession) -> None:
        self.floor, self.tokens, self.server, self.client = floor, tokens, server, client
        self.url = str(server.make_url("/agent/v1"))
        self.opened: list[ClientWebSocketResponse] = []

    async def open(self, **headers: str) -> Desktop:
        self.opened.append(await self.client.ws_connect(f"{self.url}/ws", headers=headers))
        return Desktop(self.opened[-1])

    async def connect(self, token: str = ANNS_TOKEN, **hello: Any) -> tuple[Desktop, dict[str, Any]]:
        """A connection that has said hello, and what it was told then."""
        desktop = await self.open()
        await desktop.socket.send_json({"hello": 1, "token": token, **hello})
        return desktop, await desktop.next()


@asynccontextmanager
async def serving(options: DeskOptions = QUICK) -> AsyncIterator[Served]:
    floor, tokens = FakeFloor(), Tokens({ANNS_TOKEN: ANN, BOBS_TOKEN: BOB})
    app = make_agent_desk_app(floor, tokens.books, SystemClock(), options)
    async with TestServer(app) as server, ClientSession() as client:
        served = Served(floor, tokens, server, client)
        yield served
        await asyncio.gather(*(one.close() for one in served.opened))


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving() as up:
        yield up


# ── who it is ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_desktop_says_hello_and_is_told_where_things_stand(served: Served) -> None:
    _, welcome = await served.connect()
    assert (welcome["type"], welcome["agent"], welcome["seq"], welcome["resumed"]) == ("welcome", "ann", 0, False)
    assert welcome["desk"] is None
    assert served.floor.presence == [(ANN.id, True)]


async def test_the_header_does_where_a_program_can_set_it(served: Served) -> None:
    desktop = await served.open(**SHOWN)
    await desktop.socket.send_json({"hello": 1})
    assert (await desktop.next())["agent"] == "ann"


async def test_a_wrong_token_is_told_so_and_opens_nothing(served: Served) -> None:
    for token in ("", "wrong", ANNS_TOKEN[:-1]):
        desktop, bye = await served.connect(token)
        assert (bye["type"], bye["error"]) == ("bye", "unauthorised")
        assert bye["mend"]
        assert await desktop.closed() == 4401
    with pytest.raises(WSServerHandshakeError) as refused:
        await served.open(Authorization="Bearer nobody")
    assert refused.value.status == 401
    async with served.client.post(f"{served.url}/commands/go_ready") as answer:
        assert (answer.status, (await answer.json())["error"]) == (401, "unauthorised")
    assert not served.floor.commands
    assert not served.floor.presence


async def test_too_many_wrong_tokens_shut_out_their_address_but_nobody_who_was_right_before(served: Served) -> None:
    async def ask(token: str, seen_by_proxy: str = "") -> int:
        headers = {"Authorization": f"Bearer {token}"} | ({"X-Forwarded-For": seen_by_proxy} if seen_by_proxy else {})
        async with served.client.get(f"{served.url}/desk", headers=headers) as answer:
            return answer.status

    assert await ask(ANNS_TOKEN) == 200
    assert [await ask(f"wrong-{n}") for n in range(21)] == [401] * 20 + [429]
    assert await ask(BOBS_TOKEN) == 429
    assert await ask(ANNS_TOKEN) == 200
    assert await ask(BOBS_TOKEN, seen_by_proxy="10.0.0.7, 10.0.0.8") == 200  # another address, behind a web server of ours


async def test_pages_of_other_sites_may_not_connect() -> None:
    async with serving(replace(QUICK, origins=("https://desk.example.org",))) as served:
        own = str(served.server.make_url("")).rstrip("/")
        for origin in (own, "https://desk.example.org"):
            desktop = await served.open(Origin=origin)
            await desktop.socket.send_json({"hello": 1, "token": ANNS_TOKEN, "force": True})
            assert (await desktop.next())["type"] == "welcome"
            async with served.client.options(f"{served.url}/commands/hold", headers={"Origin": origin}) as asked:
                assert (asked.status, asked.headers["Access-Control-Allow-Origin"]) == (204, origin)
            async with served.client.post(f"{served.url}/commands/hold", headers=SHOWN | {"Origin": origin}) as answer:
                assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, origin)
        for origin in ("https://elsewhere.example", "https://desk.example.org.elsewhere.example", "null"):
            with pytest.raises(WSServerHandshakeError) as refused:
                await served.open(Origin=origin)
            assert refused.value.status == 403
            async with served.client.post(f"{served.url}/commands/hold", headers=SHOWN | {"Origin": origin}) as answer:
                assert answer.status == 403
                assert "Access-Control-Allow-Origin" not in answer.headers
        assert len(served.floor.commands) == 2


async def test_a_hello_that_cannot_be_read_is_told_what_to_say(served: Served) -> None:
    for first in ("", "hello", "[]", '{"hello": 2}', '{"hello": 1, "colour": "red"}', '{"hello": 1, "after": -1}'):
        desktop = await served.open()
        await desktop.socket.send_str(first)
        bye = await desktop.next()
        assert (bye["type"], bye["error"]) == ("bye", "bad_hello")
        assert '"hello": 1' in bye["mend"]
        assert await desktop.closed() == 4400


async def test_a_token_that_is_taken_back_ends_its_connection(served: Served) -> None:
    desktop, _ = await served.connect()
    del served.tokens[ANNS_TOKEN]
    assert (await desktop.next("bye"))["error"] == "unauthorised"
    assert await desktop.closed() == 4401


async def test_a_desk_that_cannot_be_read_connects_nobody_and_keeps_nobody_out(served: Served) -> None:
    served.floor.broken = True
    _, bye = await served.connect()
    assert bye["error"] == "failed"
    served.floor.broken = False
    assert (await served.connect())[1]["type"] == "welcome"


async def test_a_database_that_is_away_throws_nobody_out(served: Served) -> None:
    desktop, _ = await served.connect()
    served.tokens.down = True
    async with served.client.get(f"{served.url}/desk", headers=SHOWN) as answer:
        assert (answer.status, (await answer.json())["error"]) == (503, "failed")
    for _ in range(3):  # longer than a token goes unchecked
        await desktop.next("beat")
    assert (await desktop.ask("hold"))["result"] == 0
    served.tokens.down = False
    del served.tokens[ANNS_TOKEN]
    assert (await desktop.next("bye"))["error"] == "unauthorised"


async def test_a_socket_on_which_nothing_is_said_is_closed(served: Served) -> None:
    desktop = await served.open()
    assert (await desktop.next())["error"] == "no_hello"
    assert await desktop.closed() == 4400


# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.row(136)
async def test_every_command_is_answered_with_0_or_with_a_typed_error(served: Served) -> None:
    desktop, _ = await served.connect()
    wanted = {"digits": "1", "text": "x", "attribute": "a", "value": "v", "at": "2026-05-11T18:00:00+03:00"}
    for name, model in COMMANDS.models.items():
        given = {field: wanted[field] for field, about in model.model_fields.items() if about.is_required()}
        assert await desktop.ask(name, **given) == {"type": "answer", "id": desktop.ids, "result": 0}
    assert [type(command) for _, command in served.floor.commands] == list(COMMANDS.kinds.values())
    served.floor.answers = dict.fromkeys(COMMANDS.kinds.values(), Refused("there is no contact before you", "wait for one"))
    answer = await desktop.ask("hold")
    assert answer == {
        "type": "answer",
        "id": desktop.ids,
        "result": 3,
        "error": "refused",
        "because": "there is no contact before you",
        "mend": "wait for one",
    }


UNUSABLE: list[tuple[str, dict[str, Any], int, str]] = [
    ("dance", {}, 2, "there is no command 'dance'"),
    ("GoReady", {}, 2, "there is no command"),
    ("send_digits", {}, 1, "digits is missing"),
    ("send_digits", {"digits": 1}, 1, "digits must be text"),
    ("go_ready", {"now": True}, 1, "now is not known here"),
    ("schedule_callback", {"at": "tomorrow"}, 1, "at "),
    ("prefer_jobs", {"campaigns": "Spring"}, 1, "campaigns must be a list"),
    ("add_note", {"text": "a\0b"}, 1, "NUL"),
    ("add_note", {"text": "\ud83d"}, 1, ""),  # half a character
]


async def test_what_cannot_be_used_is_told_with_its_mend_and_nothing_is_done(served: Served) -> None:
    desktop, _ = await served.connect()
    for command, arguments, result, because in UNUSABLE:
        answer = await desktop.ask(command, **arguments)
        assert (answer["id"], answer["result"]) == (desktop.ids, result), answer
        assert because in answer["because"]
        assert answer["mend"]
        async with served.client.post(f"{served.url}/commands/{command}", headers=SHOWN, json=arguments) as rest:
            assert (rest.status, (await rest.json())["result"]) == ({1: 422, 2: 404}[result], result)
    assert not served.floor.commands


async def test_arguments_arrive_as_what_they_are(served: Served) -> None:
    desktop, _ = await served.connect()
    served.floor.answers[ScheduleCallback] = Done(said={"at": "2026-05-11T16:00:00+00:00"})
    answer = await desktop.ask("schedule_callback", at="2026-05-11T18:00:00+03:00", type="strict_agent")
    assert answer["said"] == {"at": "2026-05-11T16:00:00+00:00"}
    (_, command), *_ = served.floor.commands
    assert isinstance(command, ScheduleCallback)
    assert (command.at.isoformat(), command.type.value) == ("2026-05-11T18:00:00+03:00", "strict_agent")


async def test_each_command_works_by_rest_too(served: Served) -> None:
    async with served.client.post(f"{served.url}/commands/wrap_up", headers=SHOWN, json={"code": "Sold"}) as answer:
        assert (answer.status, await answer.json()) == (200, {"result": 0})
    async with served.client.post(f"{served.url}/commands/go_ready", headers=SHOWN) as answer:
        assert answer.status == 200
    assert served.floor.commands == [(ANN.id, WrapUp(code="Sold")), (ANN.id, GoReady())]
    served.floor.answers[GoReady] = Refused("not now")
    async with served.client.post(f"{served.url}/commands/go_ready", headers=SHOWN, json={}) as answer:
        assert (answer.status, (await answer.json())["because"]) == (409, "not now")
    for body in (b"[1]", b"{", b"\xff", b"[" * 5000):
        async with served.client.post(f"{served.url}/commands/go_ready", headers=SHOWN, data=body) as answer:
            assert (answer.status, (await answer.json())["error"]) == (422, "bad_input")
    async with served.client.post(f"{served.url}/commands/go_ready", headers=SHOWN, data=b" " * 20_000) as answer:
        assert answer.status == 413
    async with served.client.get(f"{served.url}/commands/go_ready", headers=SHOWN) as answer:
        assert (answer.status, (await answer.json())["error"]) == (405, "method_not_allowed")


async def test_a_message_that_is_no_command_does_not_end_the_conversation(served: Served) -> None:
    desktop, _ = await served.connect()
    for text, id in [("what", None), ('{"id": 7, "command": 1}', 7), ('{"id": true, "command": "hold"}', None)]:
        await desktop.socket.send_str(text)
        answer = await desktop.next()
        assert (answer["result"], answer["id"]) == (1, id)
    assert (await desktop.ask("go_ready"))["result"] == 0


async def test_a_message_that_is_too_large_or_no_text_ends_it(served: Served) -> None:
    desktop, _ = await served.connect()
    await desktop.socket.send_str("x" * 20_000)
    assert await desktop.closed() == 1009
    desktop, _ = await served.connect(force=True)
    await desktop.socket.send_bytes(b"\0")
    assert (await desktop.next("bye"))["error"] == "not_text"
    assert await desktop.closed() == 1003


async def test_a_command_that_fails_is_told_and_the_next_one_works(served: Served) -> None:
    desktop, _ = await served.connect()
    served.floor.answers[GoReady] = RuntimeError("a mistake of ours")
    answer = await desktop.ask("go_ready")
    assert (answer["result"], answer["error"]) == (6, "failed")
    assert "mistake" not in json.dumps(answer)
    assert (await desktop.ask("hold"))["result"] == 0


async def test_a_command_that_takes_long_is_carried_out_even_so_and_once(served: Served) -> None:
    desktop, _ = await served.connect()
    served.floor.going_on.clear()
    assert (await desktop.ask("go_ready", id="a"))["error"] == "no_answer"
    assert (await desktop.ask("go_ready", id="a"))["error"] == "no_answer"
    served.floor.going_on.set()
    assert len(served.floor.commands) == 1
    assert (await desktop.ask("go_ready", id="b"))["result"] == 0


async def test_more_commands_than_are_taken_are_refused_and_the_desk_stays(served: Served) -> None:
    async with serving(replace(QUICK, burst=3, commands_per_s=0.01)) as served:
        desktop, _ = await served.connect()
        results = [(await desktop.ask("go_ready"))["result"] for _ in range(5)]
        assert results == [0, 0, 0, 4, 4]
        served.floor.tell(ANN, state(AgentState.READY))
        assert (await desktop.next("event"))["state"] == "ready"
        bob, _ = await served.connect(BOBS_TOKEN)
        assert (await bob.ask("go_ready"))["result"] == 0


# ── events, and coming back ───────────────────────────────────────────────────────────────────────────────────────────


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


async def test_a_session_that_nobody_resumes_ends(served: Served) -> None:
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


async def test_beats_show_that_the_dialer_is_there(served: Served) -> None:
    desktop, _ = await served.connect()
    served.floor.tell(ANN, state(AgentState.READY))
    beat = await desktop.next("beat")
    assert beat["at"]
    assert (await desktop.next("beat"))["seq"] == 1


async def test_a_desktop_that_answers_no_pings_is_gone(served: Served) -> None:
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


def test_every_command_has_a_name_on_the_wire() -> None:
    commands = {kind.__name__ for kind in Command.__args__}
    assert len(COMMANDS.kinds) == len(commands)
    assert {"log_in", "go_ready", "add_to_dnc", "manual_connect"} <= set(COMMANDS.kinds)
