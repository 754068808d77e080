"""What an app author's verbs promise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
from structlog.testing import capture_logs

from dialer import Call, Outcome, ivr_app
from dialer.errors import BadInput
from dialer.ivr.call import CallSettings
from dialer.ivr.driver import CallEnded, CallLost, PromptFailed, Sound, Typed
from dialer.ivr.fake_pdc import FakePdc
from dialer.ivr.player import Player, TextPrompts
from dialer.ivr.rehearsal import rehearse
from dialer.testing import Played, play

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _log_kept() -> Iterator[None]:
    """Keep log lines from being written: a traceback for eyes reads files."""
    with capture_logs():
        yield


PROMPTS = TextPrompts()  # read here: no file may be read in a loop


def run(script: Callable[[Call], Awaitable[object]], **how: object) -> Played:
    @ivr_app("scripted")
    async def scripted(call: Call) -> Outcome:
        found = await script(call)
        return found if isinstance(found, Outcome) else Outcome.ANSWER_HUMAN

    return play(scripted, **how)  # type: ignore[arg-type]  # test words


@pytest.mark.parametrize(
    ("keys", "digits", "answer"),
    [
        ("1234", 4, "1234"),
        ("12345", 4, "1234"),
        ("12#", (1, 4), "12"),
        ("1234#", (1, 4), "1234"),
        ("12", 4, Outcome.NO_MATCH),
        ("1*34", 4, Outcome.NO_MATCH),
        ("", 4, Outcome.NO_INPUT),
        ("-12#", (2, 3), "12"),
    ],
)
def test_ask_takes_as_many_digits_as_it_wants(keys: str, digits: int | tuple[int, int], answer: object) -> None:
    heard: list[object] = []

    async def script(call: Call) -> None:
        heard.append(await call.ask("common.no_input", digits=digits, tries=2))

    run(script, keys=keys)
    assert heard == [answer]


class Impatient(Player):
    """Presses a key while the first prompt plays."""

    async def stream(self, sound: Sound, *, stop_keys: str = "") -> str:
        await super().stream(sound, stop_keys=stop_keys)
        return "2" if "2" in stop_keys else ""


@pytest.mark.row(33)
async def test_a_key_in_a_prompt_counts_for_the_next_question_which_is_not_asked() -> None:
    call, driver = _call(Impatient())
    await call.play("common.no_match")
    await call.play("common.no_input")  # has heard enough
    assert await call.menu("blood_donation.ask", keys="12") == "2"
    assert driver.prompts == ["common.no_match"]


async def test_a_prompt_without_barge_in_is_heard_to_its_end() -> None:
    call, driver = _call(Impatient())
    await call.play("common.no_match", barge_in=False)
    await call.play("common.no_input", barge_in=False)
    assert driver.prompts == ["common.no_match", "common.no_input"]


class Hash(Player):
    """Presses # only."""

    async def get_data(self, sound: Sound | None, *, timeout_s: float, max_digits: int) -> Typed:
        return Typed(hashed=True)


async def test_a_hash_can_be_a_key_of_a_menu() -> None:
    call, _ = _call(Hash())
    assert await call.menu("blood_donation.ask", keys="1#") == "#"


async def test_after_a_hang_up_every_verb_ends_the_app_and_the_pdc_still_works() -> None:
    call, _ = _call(Player(hangup_after=1))
    with pytest.raises(CallEnded):
        await call.play("common.no_match")
    for verb in (
        call.play("common.no_match"),
        call.wait(1),
        call.menu("x.y", keys="1"),
        call.transfer("+15550100"),
        call.hangup(),
    ):
        with pytest.raises(CallEnded):
            await verb
    await call.pdc.set_code("No Input")


@pytest.mark.parametrize(
    "misuse",
    [
        lambda call: call.menu("common.no_input", keys=""),
        lambda call: call.menu("common.no_input", keys="1a"),
        lambda call: call.menu("common.no_input", keys="1", tries=0),
        lambda call: call.menu("common.no_input", keys="1", timeout_s=0),
        lambda call: call.ask("common.no_input", digits=0),
        lambda call: call.ask("common.no_input", digits=(3, 2)),
        lambda call: call.record("../x"),
        lambda call: call.record("x", stop_keys='"'),
        lambda call: call.transfer("+1555,30,g"),
        lambda call: call.transfer("+15550100", trunk="a/b"),
        lambda call: call.set_language("../en"),
        lambda call: call.say_digits("1 2"),
    ],
)
async def test_misuse_is_told_before_anything_is_done(misuse: Callable[[Call], Awaitable[object]]) -> None:
    call, driver = _call(Player())
    with pytest.raises(BadInput):
        await misuse(call)
    assert driver.transcript == []


@pytest.mark.parametrize("key", ["../../etc/passwd", "a b", "", "A.b", "x" * 200, "a..b", "a/b", 'a"b', "a\nb"])
async def test_a_prompt_key_is_a_plain_name(key: str) -> None:
    call, driver = _call(Player())
    with pytest.raises(PromptFailed):
        await call.play(key)
    assert driver.transcript == []


def test_an_app_may_go_on_without_a_prompt() -> None:
    async def script(call: Call) -> None:
        try:
            await call.play("nowhere.to_be_found")
        except PromptFailed:
            await call.say("Hello.")

    assert run(script).code == "Answer Human"


def test_a_text_is_filled_from_the_contact_and_cannot_grow() -> None:
    async def script(call: Call) -> None:
        await call.say("Hello ${first_name}, ${nobody}${x} ${campaign}.")

    played = run(script, attributes={"first_name": "${x} [[secret]]\r\n" + "a" * 500, "x": "y"})
    assert played.transcript[0].startswith("> Hello x secret aaa")
    assert len(played.transcript[0]) < 200


def test_a_text_without_end_is_refused() -> None:
    async def script(call: Call) -> None:
        await call.say("x" * 65_536)

    assert "at most 2000 characters" in run(script).error


@pytest.mark.parametrize("wrong", [None, "Interested", 7])
def test_an_app_returns_an_outcome(wrong: object) -> None:
    @ivr_app("forgetful")
    async def forgetful(call: Call) -> Outcome:
        return wrong  # type: ignore[return-value]  # the mistake under test

    assert "not an Outcome" in play(forgetful).error


def test_a_code_that_was_set_survives_a_later_mistake() -> None:
    @ivr_app("late")
    async def late(call: Call) -> Outcome:
        await call.pdc.set_code("No Input")
        raise RuntimeError("too late")

    played = play(late)
    assert (played.code, played.error) == ("No Input", "RuntimeError: too late")


async def test_an_app_cannot_swallow_its_end_by_catching_everything() -> None:
    call, _ = _call(Player(hangup_after=1))
    for _ in range(3):
        try:
            await asyncio.sleep(0)
            await call.play("common.no_match")
        except Exception as exc:  # noqa: BLE001 - what a careless author does
            last: Exception = exc
    assert isinstance(last, CallEnded)


class LetDown(Player):
    """A switch that does not do in time what it is asked."""

    async def get_data(self, sound: Sound | None, *, timeout_s: float, max_digits: int) -> Typed:
        raise CallLost("the switch did not answer GET within 330 s")


async def test_a_call_that_the_switch_lets_down_was_not_ended_by_its_contact() -> None:
    @ivr_app("asks")
    async def asks(call: Call) -> Outcome:
        await call.menu("common.no_input", keys="1")
        return Outcome.NO_INPUT

    lost = await rehearse(asks, LetDown(), prompts=PROMPTS)
    assert (lost.code, lost.error, lost.call.hung_up) == ("", "", True)
    left = await rehearse(asks, Player(hangup_after=1), prompts=PROMPTS)
    assert (left.code, left.error, left.call.hung_up) == ("", "", False)


def _call(player: Player) -> tuple[Call, Player]:
    pdc = FakePdc()
    key = pdc.add_call(app="scripted")
    session = pdc.calls[key.attempt_id].session
    return Call(player, session, pdc=pdc.on(key), prompts=PROMPTS, settings=CallSettings(transfer_trunk="carrier")), player
