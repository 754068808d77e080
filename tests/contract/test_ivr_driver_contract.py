"""What every driver of a call must do: the player of tests, and AGI spoken to a switch's end over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager

import pytest

from dialer.channels.asterisk.agi_driver import AgiDriver
from dialer.channels.asterisk.agi_wire import AgiConnection
from dialer.ivr.driver import CallDriver, CallEnded, NoSuchDialplan, PlaybackFailed, Sound, Target, Transfer, Typed
from dialer.ivr.player import Player
from tests.fake_asterisk import SwitchCall

pytestmark = pytest.mark.contract

HELLO = Sound(path="/prompts/en/hello", text="Hello", key="app.hello")
LOST = Sound(path="/prompts/en/lost", text="Lost", key="app.lost")


@contextlib.asynccontextmanager
async def player(keys: Sequence[str], hang_up_at: int | None) -> AsyncIterator[CallDriver]:
    script = "".join(entry or "-" for entry in keys)
    yield Player(script, hangup_after=None if hang_up_at is None else hang_up_at + 1, unplayable=["app.lost", "lost,s"])


@contextlib.asynccontextmanager
async def agi(keys: Sequence[str], hang_up_at: int | None) -> AsyncIterator[CallDriver]:
    arrived: asyncio.Queue[AgiConnection] = asyncio.Queue()

    async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\n\n")
        await arrived.put(AgiConnection(reader, writer))

    server = await asyncio.start_server(welcome, "127.0.0.1", 0)
    variables = {"DIALSTATUS": "ANSWER", "WAITSTATUS": "SILENCE"}
    variables |= {f"DIALPLAN_EXISTS({place},1)": "1" for place in ("donors,s", "outdial-ended,s")}
    switch = SwitchCall(nonce="any", keys=keys, hang_up_at=hang_up_at, missing=["lost"], variables=variables)
    call = asyncio.create_task(switch.run(server.sockets[0].getsockname()[:2]))
    connection = await arrived.get()
    try:
        yield AgiDriver(connection)
    finally:
        connection.close()
        await connection.wait_closed()
        await call
        server.close()
        await server.wait_closed()


DRIVERS: dict[str, Callable[[Sequence[str], int | None], AbstractAsyncContextManager[CallDriver]]] = {
    "player": player,
    "agi": agi,
}


@pytest.fixture(params=list(DRIVERS))
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


async def test_each_question_gets_its_own_keys(kind: str) -> None:
    async with DRIVERS[kind](["1", "", "12#"], None) as driver:
        await driver.answer()
        assert await driver.stream(HELLO, stop_keys="123") == ""
        assert await driver.get_data(HELLO, timeout_s=1, max_digits=1) == Typed(keys="1")
        assert await driver.get_data(HELLO, timeout_s=1, max_digits=1) == Typed()
        assert await driver.get_data(None, timeout_s=1, max_digits=4) == Typed(keys="12", hashed=True)
        assert await driver.wait_for_key(0.1) == ""


async def test_a_sound_that_cannot_be_played_is_not_a_hang_up(kind: str) -> None:
    async with DRIVERS[kind]([], None) as driver:
        with pytest.raises(PlaybackFailed):
            await driver.stream(LOST)
        with pytest.raises(PlaybackFailed):
            await driver.get_data(LOST, timeout_s=1, max_digits=1)
        assert await driver.stream(HELLO) == ""


async def test_a_hang_up_in_a_sound_ends_every_verb(kind: str) -> None:
    async with DRIVERS[kind]([], 1) as driver:
        await driver.stream(HELLO)
        with pytest.raises(CallEnded):
            await driver.stream(HELLO)
        with pytest.raises(CallEnded):
            await driver.get_data(HELLO, timeout_s=1, max_digits=1)
        with pytest.raises(CallEnded):
            await driver.wait_for_beep(1)
        await driver.hangup()  # quiet


async def test_a_call_is_handed_over_to_a_place_that_is_there_and_to_no_other(kind: str) -> None:
    async with DRIVERS[kind]([], None) as driver:
        with pytest.raises(NoSuchDialplan):
            await driver.hand_over("lost,s")
        await driver.hand_over("donors,s")
    async with DRIVERS[kind]([], 0) as driver:
        with pytest.raises(CallEnded):
            await driver.stream(HELLO)
        with pytest.raises(CallEnded):
            await driver.hand_over("donors,s")


async def test_the_other_verbs_are_carried_out(kind: str) -> None:
    async with DRIVERS[kind]([], None) as driver:
        await driver.set_language("es")
        await driver.say_digits("123")
        await driver.say_number(7)
        recording = await driver.record("/recordings/x", max_s=5, silence_s=2, beep=True, stop_keys="#")
        assert recording.path == "/recordings/x.wav"
        target = Target(number="+15550100", trunk="carrier")
        assert await driver.transfer(target, ring_timeout_s=10, max_talk_s=60) is Transfer.CONNECTED
        assert await driver.wait_for_beep(5) is True
        await driver.hangup()
        await driver.hangup()
