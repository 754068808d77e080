"""IVR apps on a real Asterisk: it calls the synthetic carrier, whose callees press keys and hang up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from dialer.ivr.call import Call
from dialer.ivr.config import IvrLimits
from dialer.ivr.driver import Transfer
from dialer.ivr.outcome import Outcome
from dialer.ivr.registry import ivr_app
from dialer.lab.lab import Lab
from tests.asterisk_kit import on_asterisk
from tests.ivr_kit import blocking_app, eventually

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of prompts that the tests share."""
    return tmp_path_factory.mktemp("prompts")


CODES = {
    "15550100001": "Interested in Blood Donation",
    "15550100002": "Not interested in Blood Donation",
    "15550100003": "Interested in Blood Donation",  # 7 first, then 1
    "15550100004": "Interested in Blood Donation",  # in the first moment of the prompt
    "15550100005": "",  # hangs up in the prompt: the network's facts make the code
    "15550100007": "No Match",
    "15550100009": "Opted Out",
}


@pytest.mark.row(28, 33)
async def test_what_callees_press_becomes_their_codes(lab: Lab, spoken: Path, tts: Sequence[str]) -> None:
    async with on_asterisk(lab, spoken, tts) as (at, dialled):
        keys = {number: await dialled.call("blood_donation", number) for number in CODES}
        await dialled.all_ended(keys.values())
        assert {number: at.pdc.calls[key.attempt_id].code for number, key in keys.items()} == CODES


async def test_scans_of_the_port_and_a_blocked_app_do_not_disturb_calls(lab: Lab, spoken: Path, tts: Sequence[str]) -> None:
    release = threading.Event()
    limits = IvrLimits(stall_s=2.0)
    async with on_asterisk(lab, spoken, tts, blocking_app(release), limits=limits) as (at, dialled):
        blocked = await dialled.call("blocks", "15550100000")
        calls = [await dialled.call("blood_donation", f"155501{n:04d}01") for n in range(10)]
        for _ in range(200):
            _, writer = await asyncio.open_connection(*at.address)
            writer.close()
        kept = [at.pdc.calls[key.attempt_id] for key in calls]
        await dialled.all_ended(calls)
        assert {call.code for call in kept} == {"Interested in Blood Donation"}
        await dialled.all_ended([blocked])
        assert at.pdc.calls[blocked.attempt_id].code == "Application Error"
        release.set()


async def test_failing_apps_are_an_apology_of_several_seconds_and_a_hang_up(lab: Lab, spoken: Path, tts: Sequence[str]) -> None:
    async with on_asterisk(lab, spoken, tts, limits=IvrLimits(stall_s=1.0)) as (at, dialled):
        began = time.monotonic()
        assert await asyncio.gather(*(dialled.code(app, "15550100000") for app in ("raises", "hangs"))) == [
            "Application Error",
            "Application Error",
        ]
        await eventually(lambda: at.server.live == 0)
        assert time.monotonic() - began > 5  # the apology was heard to its end


@pytest.mark.row(72)
async def test_who_presses_9_in_the_nuisance_message_is_called_no_more(lab: Lab, spoken: Path, tts: Sequence[str]) -> None:
    async with on_asterisk(lab, spoken, tts) as (at, dialled):
        key = await dialled.nobody("15550100009")
        await dialled.gone()
        assert at.pdc.dnc == {at.pdc.calls[key.attempt_id].session.contact.address}
        assert at.pdc.calls[key.attempt_id].code == "", "it stays an abandoned call, whatever the person pressed"


async def test_every_verb_is_understood_by_asterisk(lab: Lab, spoken: Path, tts: Sequence[str]) -> None:
    seen: list[object] = []

    @ivr_app("every_verb")
    async def every_verb(call: Call) -> Outcome:
        await call.answer()
        await call.set_language("es")
        await call.set_language("en")
        await call.say("Hello ${first_name}.")
        await call.say_digits("12")
        await call.wait(0.2)
        seen.append(await call.ask("common.no_input", digits=(1, 4), tries=1, timeout_s=0.5))
        seen.append((await call.record("greeting", max_s=1.0, silence_s=5, beep=False)).duration_s)
        seen.append(await call.transfer("+15550100910", ring_timeout_s=5))
        seen.append(await call.transfer("+15550100906", ring_timeout_s=5))
        seen.append(await call.wait_for_beep(max_s=3))
        return Outcome.ANSWER_HUMAN

    async with on_asterisk(lab, spoken, tts, every_verb) as (at, dialled):
        assert await dialled.code("every_verb", "15550100000") == "Answer Human", at.pdc.log
    nothing, recorded_s, busy, parted, silent = seen
    assert nothing == Outcome.NO_INPUT
    assert recorded_s == pytest.approx(1.0, abs=0.3)
    assert (busy, parted) == (Transfer.BUSY, Transfer.CONNECTED)
    assert isinstance(silent, bool)
    assert list(spoken.glob("*-greeting.wav"))
