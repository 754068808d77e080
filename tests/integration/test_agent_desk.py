"""The desk that agents' programs connect to, over real sockets, on a floor that only remembers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError

from dialer.domain.agent import AgentState
from dialer.domain.agent_commands import GoReady, ScheduleCallback, WrapUp
from dialer.domain.desk import Refused
from dialer.services.agent_floor import Done
from dialer.web.agent_desk import COMMANDS
from tests.desktop_kit import PATIENT, PATIENT_RHYTHM, SHOWN, Served, serving
from tests.fake_floor import ANN, ANNS_TOKEN, BOBS_TOKEN, state
from tests.patience import until

pytestmark = pytest.mark.integration


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
    async with serving(replace(PATIENT, origins=("https://desk.example.org",))) as served:
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
    asked = served.tokens.asked
    await until(lambda: served.tokens.asked >= asked + 3)
    assert (await desktop.ask("hold"))["result"] == 0
    served.tokens.down = False
    del served.tokens[ANNS_TOKEN]
    assert (await desktop.next("bye"))["error"] == "unauthorised"


async def test_a_socket_on_which_nothing_is_said_is_closed() -> None:
    async with serving(replace(PATIENT, rhythm=replace(PATIENT_RHYTHM, hello_s=0.2))) as served:
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


async def test_a_command_that_takes_long_is_carried_out_even_so_and_once() -> None:
    async with serving(replace(PATIENT, command_s=0.2)) as served:
        desktop, _ = await served.connect()
        served.floor.going_on.clear()
        assert (await desktop.ask("go_ready", id="a"))["error"] == "no_answer"
        assert (await desktop.ask("go_ready", id="a"))["error"] == "no_answer"
        served.floor.going_on.set()
        assert len(served.floor.commands) == 1
        assert (await desktop.ask("go_ready", id="b"))["result"] == 0


async def test_more_commands_than_are_taken_are_refused_and_the_desk_stays(served: Served) -> None:
    async with serving(replace(PATIENT, burst=3, commands_per_s=0.01)) as served:
        desktop, _ = await served.connect()
        results = [(await desktop.ask("go_ready"))["result"] for _ in range(5)]
        assert results == [0, 0, 0, 4, 4]
        served.floor.tell(ANN, state(AgentState.READY))
        assert (await desktop.next("event"))["state"] == "ready"
        bob, _ = await served.connect(BOBS_TOKEN)
        assert (await bob.ask("go_ready"))["result"] == 0
